#include <assert.h>

#include "kernels/resample/resample.h"

enum { HALF = 1 << (VG_RESAMPLE_BITS - 1) };

static uint8_t clip_to_byte(int32_t sum)
{
    int32_t value = sum >> VG_RESAMPLE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void resample_row(uint8_t *to, const uint8_t *from, const vg_resample_window *windows,
                         const int32_t *weights, int taps, int width)
{
    for (int x = 0; x < width; x++, weights += taps) {
        const uint8_t *pixel = from + (ptrdiff_t)windows[x].first * 3;
        int32_t sums[3] = {HALF, HALF, HALF};
        for (int t = 0; t < windows[x].count; t++)
            for (int channel = 0; channel < 3; channel++) sums[channel] += weights[t] * *pixel++;
        for (int channel = 0; channel < 3; channel++) *to++ = clip_to_byte(sums[channel]);
    }
}

void vg_resample_rows_ref(uint8_t *to, const uint8_t *from, int rows, int from_width,
                          const vg_resample_window *windows, const int32_t *weights, int taps,
                          int width)
{
    assert(vg_resample_rows_may(to, from, rows, from_width, windows, weights, taps, width));
    for (int y = 0; y < rows; y++)
        resample_row(to + (ptrdiff_t)y * width * 3, from + (ptrdiff_t)y * from_width * 3, windows,
                     weights, taps, width);
}

void vg_resample_column_ref(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                            const int32_t *weights, int taps, size_t n)
{
    assert(vg_resample_column_may(to, from, weights, taps, n));
    for (size_t i = 0; i < n; i++) {
        int32_t sum = HALF;
        const uint8_t *value = from + i;
        for (int t = 0; t < taps; t++, value += from_row) sum += weights[t] * *value;
        to[i] = clip_to_byte(sum);
    }
}
