/* Resampling with NEON: 32-bit sums as in plain C, three colours of a
 * tap or sixteen bytes of a column at once. */
#include <assert.h>
#include <string.h>

#include <arm_neon.h>

#include "kernels/resample/resample.h"

enum {
    HALF = 1 << (VG_RESAMPLE_BITS - 1),
    ROW_TAPS = 4,      /* pixels of one load */
    LOADED_PIXELS = 6, /* pixels that a load of 16 bytes touches */
    COLUMN_VECTORS = 4,
    COLUMN_BYTES = COLUMN_VECTORS * 4,
};

/* Four bytes of a register as 32-bit numbers; `index` has 255 for bytes of zero. */
static inline int32x4_t widen(uint8x16_t bytes, uint8x16_t index)
{
    return vreinterpretq_s32_u8(vqtbl1q_u8(bytes, index));
}

/* The index of bytes a, b, c and d. */
static inline uint8x16_t index_of(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    const uint32_t zeros = 0xffffff00U;
    const uint32_t index[4] = {zeros | a, zeros | b, zeros | c, zeros | d};
    return vreinterpretq_u8_u32(vld1q_u32(index));
}

/* Sums without their fraction, clipped to 16 bits without sign. */
static inline uint16x4_t finish_sums(int32x4_t sums)
{
    return vqmovun_s32(vshrq_n_s32(sums, VG_RESAMPLE_BITS));
}

/* --- Rows --------------------------------------------------------------- */

/* `count` pixels, at most ROW_TAPS, of which the row has `left`. */
static inline uint8x16_t load_pixels(const uint8_t *pixels, int count, int left)
{
    if (left >= LOADED_PIXELS) return vld1q_u8(pixels);
    uint8_t copy[sizeof(uint8x16_t)] = {0};
    memcpy(copy, pixels, (size_t)count * 3);
    return vld1q_u8(copy);
}

/* `count` weights, at most ROW_TAPS, and zeros. */
static inline int32x4_t load_weights(const int32_t *weights, int count)
{
    if (count == ROW_TAPS) return vld1q_s32(weights);
    int32_t copy[ROW_TAPS] = {0};
    memcpy(copy, weights, (size_t)count * sizeof *copy);
    return vld1q_s32(copy);
}

static void resample_row(uint8_t *to, const uint8_t *from, int from_width,
                         const vg_resample_window *windows, const int32_t *weights, int taps,
                         int width)
{
    /* Red, green and blue of each tap, and a byte without meaning. */
    const uint8x16_t tap_0 = index_of(0, 1, 2, 3), tap_1 = index_of(3, 4, 5, 6),
                     tap_2 = index_of(6, 7, 8, 9), tap_3 = index_of(9, 10, 11, 12);
    for (int x = 0; x < width; x++, to += 3, weights += taps) {
        /* Two sums, so that a product need not wait for the one before. */
        int32x4_t even = vdupq_n_s32(HALF), odd = vdupq_n_s32(0);
        int first = windows[x].first, count = windows[x].count;
        for (int t = 0; t < count; t += ROW_TAPS) {
            int block = count - t < ROW_TAPS ? count - t : ROW_TAPS;
            uint8x16_t pixels =
                load_pixels(from + (ptrdiff_t)(first + t) * 3, block, from_width - first - t);
            int32x4_t factors = load_weights(weights + t, block);
            even = vmlaq_laneq_s32(even, widen(pixels, tap_0), factors, 0);
            odd = vmlaq_laneq_s32(odd, widen(pixels, tap_1), factors, 1);
            even = vmlaq_laneq_s32(even, widen(pixels, tap_2), factors, 2);
            odd = vmlaq_laneq_s32(odd, widen(pixels, tap_3), factors, 3);
        }
        uint16x4_t sums = finish_sums(vaddq_s32(even, odd));
        uint8x8_t bytes = vqmovn_u16(vcombine_u16(sums, sums));
        uint32_t rgb = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
        vg_resample_put(to, rgb, x + 1 == width);
    }
}

void vg_resample_rows_neon(uint8_t *to, const uint8_t *from, int rows, int from_width,
                           const vg_resample_window *windows, const int32_t *weights, int taps,
                           int width)
{
    assert(vg_resample_rows_may(to, from, rows, from_width, windows, weights, taps, width));
    for (int y = 0; y < rows; y++)
        resample_row(to + (ptrdiff_t)y * width * 3, from + (ptrdiff_t)y * from_width * 3,
                     from_width, windows, weights, taps, width);
}

/* --- Columns ------------------------------------------------------------ */

static inline void resample_column_block(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                                         const int32_t *weights, int taps)
{
    int32x4_t sums[COLUMN_VECTORS];
    uint8x16_t index[COLUMN_VECTORS];
    for (int v = 0; v < COLUMN_VECTORS; v++) {
        uint8_t first = (uint8_t)(4 * v);
        sums[v] = vdupq_n_s32(HALF);
        index[v] =
            index_of(first, (uint8_t)(first + 1), (uint8_t)(first + 2), (uint8_t)(first + 3));
    }
    for (int t = 0; t < taps; t++, from += from_row) {
        uint8x16_t bytes = vld1q_u8(from);
        for (int v = 0; v < COLUMN_VECTORS; v++)
            sums[v] = vmlaq_n_s32(sums[v], widen(bytes, index[v]), weights[t]);
    }
    uint16x8_t low = vcombine_u16(finish_sums(sums[0]), finish_sums(sums[1]));
    uint16x8_t high = vcombine_u16(finish_sums(sums[2]), finish_sums(sums[3]));
    vst1q_u8(to, vcombine_u8(vqmovn_u16(low), vqmovn_u16(high)));
}

void vg_resample_column_neon(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                             const int32_t *weights, int taps, size_t n)
{
    assert(vg_resample_column_may(to, from, weights, taps, n));
    size_t i = 0;
    for (; i + COLUMN_BYTES <= n; i += COLUMN_BYTES)
        resample_column_block(to + i, from + i, from_row, weights, taps);
    vg_resample_column_ref(to + i, from + i, from_row, weights, taps, n - i);
}
