/* Texts of rows as numbers: what a column of few different values takes in a page. */
#ifndef VG_REPORT_PAGE_CODES_H
#define VG_REPORT_PAGE_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "verger/verger.h"

typedef struct vg_page_codes {
    const char **values; /* [value_count], in byte order; the texts are the caller's */
    size_t value_count;
    uint16_t *codes; /* [count], each a place in values */
} vg_page_codes;

/* `texts` is [count]. More than 65,536 different ones are VG_ELIMIT. */
vg_status vg_page_codes_make(vg_page_codes *codes, const char *const *texts, size_t count,
                             vg_error *error);
void vg_page_codes_free(vg_page_codes *codes);

#endif
