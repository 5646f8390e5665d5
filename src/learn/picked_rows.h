/* Some of many rows, as the kernels take them: less a mean, in panels (kernels/panels.h). */
#ifndef VG_LEARN_PICKED_ROWS_H
#define VG_LEARN_PICKED_ROWS_H

#include "kernels/kernels.h"

typedef struct vg_picked_rows {
    const float *values; /* of all rows: [...][dims] */
    const size_t *picks; /* [count], which of them */
    size_t count;
    int dims;
    const float *mean; /* [dims] */
} vg_picked_rows;

enum { VG_PICKED_BLOCK = 256 }; /* rows that are worked on together */

static inline size_t vg_picked_blocks(const vg_picked_rows *rows)
{
    return (rows->count + VG_PICKED_BLOCK - 1) / VG_PICKED_BLOCK;
}

static inline size_t vg_picked_block_size(const vg_picked_rows *rows, size_t block)
{
    size_t left = rows->count - block * VG_PICKED_BLOCK;
    return left < VG_PICKED_BLOCK ? left : VG_PICKED_BLOCK;
}

/* Panel `p` of the block, [rows of the block][width]. */
void vg_picked_rows_panel(const vg_picked_rows *rows, size_t block, int panel, int p, float *to);
/* All panels of the block, one after the other. */
void vg_picked_rows_panels(const vg_picked_rows *rows, size_t block, int panel, float *to);

#endif
