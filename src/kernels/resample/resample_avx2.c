/* Resampling with AVX2: sums of 32 bits as in plain C, of rows by pairs of taps, three colours of
 * four taps at once; of columns by eight bytes. */
#include <assert.h>
#include <string.h>

#include <immintrin.h>

#include "kernels/resample/resample.h"

enum {
    HALF = 1 << (VG_RESAMPLE_BITS - 1),
    ROW_TAPS = 4,      /* pixels of one load */
    LOADED_PIXELS = 6, /* pixels that a load of 16 bytes touches */
    LOW_BITS = 15,
    COLUMN_VECTORS = 4,
    COLUMN_BYTES = COLUMN_VECTORS * 8,
};

/* --- Rows --------------------------------------------------------------- */

/* Of pixels that have others behind them in the row; in both lanes. */
static inline __m256i load_pixels(const uint8_t *pixels)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)pixels));
}

/* `count` pixels, at most ROW_TAPS, which may be the last of the row. */
static inline __m256i load_last_pixels(const uint8_t *pixels, int count)
{
    uint8_t copy[sizeof(__m128i)] = {0};
    memcpy(copy, pixels, (size_t)count * 3);
    return load_pixels(copy);
}

/* `count` weights, at most ROW_TAPS, and zeros. */
static inline __m128i load_weights(const int32_t *weights, int count)
{
    if (count == ROW_TAPS) return _mm_loadu_si128((const __m128i *)weights);
    const __m128i index = _mm_setr_epi32(0, 1, 2, 3);
    return _mm_maskload_epi32(weights, _mm_cmpgt_epi32(_mm_set1_epi32(count), index));
}

/* Weights as high * 2^LOW_BITS + low, for products of 16 bits: a product of 32 takes twice the
 * time. Their sums may leave 32 bits, the whole does not, and it is the same modulo 2^32. */
typedef struct split_weights {
    __m256i high, low; /* 16 bits each: taps 0 and 1 for each colour in the low lane, 2 and 3 in
                          the high one */
} split_weights;

static inline split_weights split(__m128i weights)
{
    const __m256i of_high = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256i of_low = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
    __m128i high = _mm_srai_epi32(weights, LOW_BITS);
    __m128i low = _mm_and_si128(weights, _mm_set1_epi32((1 << LOW_BITS) - 1));
    __m256i both = _mm256_castsi128_si256(_mm_packs_epi32(high, low));
    return (split_weights){_mm256_permutevar8x32_epi32(both, of_high),
                           _mm256_permutevar8x32_epi32(both, of_low)};
}

/* The sums of red, green and blue, by the weights' parts. */
typedef struct row_sums {
    __m256i high, low;
} row_sums;

static inline void add_row_taps(row_sums *sums, __m256i pixels, split_weights weights)
{
    const __m256i pairs =
        _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                         -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    __m256i taps = _mm256_shuffle_epi8(pixels, pairs);
    sums->high = _mm256_add_epi32(sums->high, _mm256_madd_epi16(taps, weights.high));
    sums->low = _mm256_add_epi32(sums->low, _mm256_madd_epi16(taps, weights.low));
}

/* The clipped bytes of the sums, the fourth without meaning. */
static inline uint32_t clip_rgb(row_sums sums)
{
    __m256i all = _mm256_add_epi32(_mm256_slli_epi32(sums.high, LOW_BITS), sums.low);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(HALF)), VG_RESAMPLE_BITS);
    sum = _mm_packs_epi32(sum, sum);
    return (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
}

/* Taps from `t` on that are added together. */
static inline int block_size(int t, int count)
{
    return count - t < ROW_TAPS ? count - t : ROW_TAPS;
}

static inline row_sums no_sums(void)
{
    return (row_sums){_mm256_setzero_si256(), _mm256_setzero_si256()};
}

/* Of taps that may be the last pixels of their rows. A function of its own, so that the sums of the
 * others stay in registers. */
static __attribute__((noinline)) void sum_last_taps(row_sums *sums, const uint8_t *pixels,
                                                    ptrdiff_t from_row, int rows,
                                                    const int32_t *weights, int count)
{
    for (int y = 0; y < rows; y++) sums[y] = no_sums();
    for (int t = 0; t < count; t += ROW_TAPS) {
        int size = block_size(t, count);
        split_weights factors = split(load_weights(weights + t, size));
        for (int y = 0; y < rows; y++)
            add_row_taps(&sums[y], load_last_pixels(pixels + t * 3 + y * from_row, size), factors);
    }
}

/* One output pixel of each row; `rows` is a constant where this is called. */
static inline __attribute__((always_inline)) void
sum_window(row_sums *sums, const uint8_t *from, ptrdiff_t from_row, const int rows, int from_width,
           vg_resample_window window, const int32_t *weights)
{
    const uint8_t *pixels = from + (ptrdiff_t)window.first * 3;
    int t = 0, whole = from_width - LOADED_PIXELS - window.first;
    for (int y = 0; y < rows; y++) sums[y] = no_sums();
    for (; t < window.count && t <= whole; t += ROW_TAPS) {
        split_weights factors = split(load_weights(weights + t, block_size(t, window.count)));
        for (int y = 0; y < rows; y++)
            add_row_taps(&sums[y], load_pixels(pixels + t * 3 + y * from_row), factors);
    }
    if (t >= window.count) return;
    row_sums last[VG_RESAMPLE_ROWS];
    sum_last_taps(last, pixels + t * 3, from_row, rows, weights + t, window.count - t);
    for (int y = 0; y < rows; y++) {
        sums[y].high = _mm256_add_epi32(sums[y].high, last[y].high);
        sums[y].low = _mm256_add_epi32(sums[y].low, last[y].low);
    }
}

static inline __attribute__((always_inline)) void
resample_some_rows(uint8_t *to, const uint8_t *from, const int rows, int from_width,
                   const vg_resample_window *windows, const int32_t *weights, int taps, int width)
{
    const ptrdiff_t to_row = (ptrdiff_t)width * 3, from_row = (ptrdiff_t)from_width * 3;
    for (int x = 0; x < width; x++, to += 3, weights += taps) {
        row_sums sums[VG_RESAMPLE_ROWS];
        sum_window(sums, from, from_row, rows, from_width, windows[x], weights);
        for (int y = 0; y < rows; y++)
            vg_resample_put(to + y * to_row, clip_rgb(sums[y]), x + 1 == width);
    }
}

void vg_resample_rows_avx2(uint8_t *to, const uint8_t *from, int rows, int from_width,
                           const vg_resample_window *windows, const int32_t *weights, int taps,
                           int width)
{
    assert(vg_resample_rows_may(to, from, rows, from_width, windows, weights, taps, width));
    const ptrdiff_t to_row = (ptrdiff_t)width * 3, from_row = (ptrdiff_t)from_width * 3;
    int y = 0;
    /* They share what is made of the weights. */
    for (; y + VG_RESAMPLE_ROWS <= rows; y += VG_RESAMPLE_ROWS)
        resample_some_rows(to + y * to_row, from + y * from_row, VG_RESAMPLE_ROWS, from_width,
                           windows, weights, taps, width);
    for (; y < rows; y++)
        resample_some_rows(to + y * to_row, from + y * from_row, 1, from_width, windows, weights,
                           taps, width);
}

/* --- Columns ------------------------------------------------------------ */

static inline __m256i finish_sum(__m256i sum)
{
    return _mm256_srai_epi32(sum, VG_RESAMPLE_BITS);
}

static inline void resample_column_block(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                                         const int32_t *weights, int taps)
{
    __m256i sums[COLUMN_VECTORS];
    for (int v = 0; v < COLUMN_VECTORS; v++) sums[v] = _mm256_set1_epi32(HALF);
    for (int t = 0; t < taps; t++, from += from_row) {
        __m256i weight = _mm256_set1_epi32(weights[t]);
        for (int v = 0; v < COLUMN_VECTORS; v++) {
            __m128i bytes = _mm_loadl_epi64((const __m128i *)(from + 8 * v));
            __m256i product = _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), weight);
            sums[v] = _mm256_add_epi32(sums[v], product);
        }
    }
    /* Packing works on lanes and leaves groups of four in the order 0 2 4 6 1 3 5 7. */
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i low = _mm256_packs_epi32(finish_sum(sums[0]), finish_sum(sums[1]));
    __m256i high = _mm256_packs_epi32(finish_sum(sums[2]), finish_sum(sums[3]));
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
    _mm256_storeu_si256((__m256i *)to, bytes);
}

void vg_resample_column_avx2(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                             const int32_t *weights, int taps, size_t n)
{
    assert(vg_resample_column_may(to, from, weights, taps, n));
    size_t i = 0;
    for (; i + COLUMN_BYTES <= n; i += COLUMN_BYTES)
        resample_column_block(to + i, from + i, from_row, weights, taps);
    vg_resample_column_ref(to + i, from + i, from_row, weights, taps, n - i);
}
