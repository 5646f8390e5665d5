#include "learn/picked_rows.h"

#include <string.h>

enum { STEP = 16 }; /* floats whose loop a compiler unrolls whole */

/* to [width] = from - mean, where width is a multiple of STEP. */
static void subtract(float *to, const float *from, const float *mean, size_t width)
{
    for (size_t j = 0; j < width; j += STEP)
        for (size_t k = 0; k < STEP; k++) to[j + k] = from[j + k] - mean[j + k];
}

void vg_picked_rows_panel(const vg_picked_rows *rows, size_t block, int panel, int p, float *to)
{
    size_t dims = (size_t)rows->dims, first = (size_t)p * (size_t)panel;
    size_t width = (size_t)vg_panel_width(rows->dims, panel, p);
    size_t count = vg_picked_block_size(rows, block);
    size_t filled = dims - first < width ? dims - first : width;
    size_t whole = filled / STEP * STEP;
    const float *mean = rows->mean + first;
    for (size_t i = 0; i < count; i++, to += width) {
        const float *from = rows->values + rows->picks[block * VG_PICKED_BLOCK + i] * dims + first;
        subtract(to, from, mean, whole);
        for (size_t j = whole; j < filled; j++) to[j] = from[j] - mean[j];
        if (filled < width) memset(to + filled, 0, (width - filled) * sizeof *to);
    }
}
