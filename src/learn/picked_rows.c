#include "learn/picked_rows.h"

#include <string.h>

enum { STEP = 16 }; /* floats whose loop a compiler unrolls whole */

/* to [width] = from - mean. */
static void take_off(float *to, const float *from, const float *mean, size_t width)
{
    size_t whole = width / STEP * STEP;
    for (size_t j = 0; j < whole; j += STEP)
        for (size_t k = 0; k < STEP; k++) to[j + k] = from[j + k] - mean[j + k];
    for (size_t j = whole; j < width; j++) to[j] = from[j] - mean[j];
}

void vg_picked_rows_panel(const vg_picked_rows *rows, size_t block, int panel, int p, float *to)
{
    size_t dims = (size_t)rows->dims, first = (size_t)p * (size_t)panel;
    size_t width = (size_t)vg_panel_width(rows->dims, panel, p);
    size_t count = vg_picked_block_size(rows, block);
    size_t filled = dims - first < width ? dims - first : width;
    const float *mean = rows->mean + first;
    for (size_t i = 0; i < count; i++, to += width) {
        const float *from = rows->values + rows->picks[block * VG_PICKED_BLOCK + i] * dims + first;
        take_off(to, from, mean, filled);
        if (filled < width) memset(to + filled, 0, (width - filled) * sizeof *to);
    }
}

/* A row lies anywhere in memory: the next one is fetched while this one is taken. */
static void fetch(const float *from, size_t width)
{
    enum { LINE = 16 }; /* floats */
    for (size_t j = 0; j < width; j += LINE) __builtin_prefetch(from + j);
}

/* Row by row: each is read once, in one run. */
void vg_picked_rows_panels(const vg_picked_rows *rows, size_t block, int panel, float *to)
{
    size_t dims = (size_t)rows->dims, count = vg_picked_block_size(rows, block);
    int panels = vg_panel_count(rows->dims, panel);
    for (size_t i = 0; i < count; i++) {
        const size_t *pick = rows->picks + block * VG_PICKED_BLOCK + i;
        const float *from = rows->values + pick[0] * dims;
        const float *next = rows->values + pick[i + 1 < count ? 1 : 0] * dims;
        for (int p = 0; p < panels; p++) {
            size_t first = (size_t)p * (size_t)panel;
            size_t width = (size_t)vg_panel_width(rows->dims, panel, p);
            size_t filled = dims - first < width ? dims - first : width;
            float *place = to + first * count + i * width;
            fetch(next + first, filled);
            take_off(place, from + first, rows->mean + first, filled);
            if (filled < width) memset(place + filled, 0, (width - filled) * sizeof *place);
        }
    }
}
