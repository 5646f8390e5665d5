/* Texts of rows as numbers: what a column of few different values takes. */
#ifndef VG_OUTPUT_TEXT_CODES_H
#define VG_OUTPUT_TEXT_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "output/paths.h"

typedef struct vg_text_codes {
    const char **values; /* [value_count], in byte order; the texts are the caller's */
    size_t value_count;
    uint32_t *codes; /* [count], each a place in values */
} vg_text_codes;

/* The values are those of `texts`, which must outlive them; at most 2^32 rows. */
vg_status vg_text_codes_make(vg_text_codes *codes, const vg_paths *texts, vg_error *error);
void vg_text_codes_free(vg_text_codes *codes);

#endif
