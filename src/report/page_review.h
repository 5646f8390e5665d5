/* What the page lists for review: the findings of an inspection. */
#ifndef VG_REPORT_PAGE_REVIEW_H
#define VG_REPORT_PAGE_REVIEW_H

#include <jansson.h>
#include <stdio.h>

#include "explore/inspection.h"

/* Puts head.review, and the blocks. */
vg_status vg_page_review_write(const vg_inspection *inspection, json_t *head, FILE *page,
                               vg_error *error);

#endif
