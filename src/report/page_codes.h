/* Texts of rows as numbers: what a column of few different values takes in a page. */
#ifndef VG_REPORT_PAGE_CODES_H
#define VG_REPORT_PAGE_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "output/paths.h"

typedef struct vg_page_codes {
    const char **values; /* [value_count], in byte order; the texts are the caller's */
    size_t value_count;
    uint16_t *codes; /* [count], each a place in values */
} vg_page_codes;

/* The values are those of `texts`, which must outlive them. More than 65,536 different ones are
 * VG_ELIMIT. */
vg_status vg_page_codes_make(vg_page_codes *codes, const vg_paths *texts, vg_error *error);
void vg_page_codes_free(vg_page_codes *codes);

#endif
