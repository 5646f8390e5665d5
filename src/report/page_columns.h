/* Columns that a page can be coloured by besides the label: the split, and what a run kept. */
#ifndef VG_REPORT_PAGE_COLUMNS_H
#define VG_REPORT_PAGE_COLUMNS_H

#include <jansson.h>
#include <stdio.h>

#include "explore/row_table.h"

/* Puts head.columns, and a block each. Numbers are a range where all rows have one and they are
 * more than a few different ones. A column with too many different texts is left out, with a
 * warning; one that says the same of all rows, silently. */
vg_status vg_page_columns_write(const vg_row_table *rows, const vg_observer *observer, json_t *head,
                                FILE *page, vg_error *error);

#endif
