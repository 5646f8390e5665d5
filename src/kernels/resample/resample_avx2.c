/* Resampling with AVX2: 32-bit sums as in plain C, three colours of
 * two taps or eight bytes of a column at once. */
#include <assert.h>
#include <string.h>

#include <immintrin.h>

#include "kernels/resample/resample.h"

enum {
    HALF = 1 << (VG_RESAMPLE_BITS - 1),
    ROW_TAPS = 4,      /* pixels of one load */
    LOADED_PIXELS = 6, /* pixels that a load of 16 bytes touches */
    COLUMN_VECTORS = 4,
    COLUMN_BYTES = COLUMN_VECTORS * 8,
};

/* --- Rows --------------------------------------------------------------- */

/* `count` pixels, at most ROW_TAPS, of which the row has `left`; in both lanes. */
static inline __m256i load_pixels(const uint8_t *pixels, int count, int left)
{
    if (left >= LOADED_PIXELS)
        return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)pixels));
    uint8_t copy[sizeof(__m128i)] = {0};
    memcpy(copy, pixels, (size_t)count * 3);
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)copy));
}

/* `count` weights, at most ROW_TAPS, and zeros. */
static inline __m128i load_weights(const int32_t *weights, int count)
{
    if (count == ROW_TAPS) return _mm_loadu_si128((const __m128i *)weights);
    const __m128i index = _mm_setr_epi32(0, 1, 2, 3);
    return _mm_maskload_epi32(weights, _mm_cmpgt_epi32(_mm_set1_epi32(count), index));
}

/* The sums of red, green and blue: taps 0 and 2 in the low lane, 1 and 3 in the high
 * lane. */
static inline __m256i add_row_taps(__m256i sums, __m256i pixels, __m128i weights)
{
    const __m256i taps_01 =
        _mm256_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, -1, -1, -1, -1, 3, -1, -1, -1,
                         4, -1, -1, -1, 5, -1, -1, -1, -1, -1, -1, -1);
    const __m256i taps_23 =
        _mm256_setr_epi8(6, -1, -1, -1, 7, -1, -1, -1, 8, -1, -1, -1, -1, -1, -1, -1, 9, -1, -1, -1,
                         10, -1, -1, -1, 11, -1, -1, -1, -1, -1, -1, -1);
    const __m256i weights_01 = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256i weights_23 = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
    __m256i all = _mm256_castsi128_si256(weights);
    __m256i products_01 = _mm256_mullo_epi32(_mm256_shuffle_epi8(pixels, taps_01),
                                             _mm256_permutevar8x32_epi32(all, weights_01));
    __m256i products_23 = _mm256_mullo_epi32(_mm256_shuffle_epi8(pixels, taps_23),
                                             _mm256_permutevar8x32_epi32(all, weights_23));
    return _mm256_add_epi32(sums, _mm256_add_epi32(products_01, products_23));
}

/* The clipped bytes of the sums, the fourth without meaning. */
static inline int32_t clip_rgb(__m256i sums)
{
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(HALF)), VG_RESAMPLE_BITS);
    sum = _mm_packs_epi32(sum, sum);
    return _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
}

void vg_resample_row_avx2(uint8_t *to, const uint8_t *from, int from_width,
                          const vg_resample_window *windows, const int32_t *weights, int taps,
                          int width)
{
    assert(vg_resample_row_may(to, from, from_width, windows, weights, taps, width));
    for (int x = 0; x < width; x++, to += 3, weights += taps) {
        __m256i sums = _mm256_setzero_si256();
        int first = windows[x].first, count = windows[x].count;
        for (int t = 0; t < count; t += ROW_TAPS) {
            int block = count - t < ROW_TAPS ? count - t : ROW_TAPS;
            __m256i pixels =
                load_pixels(from + (ptrdiff_t)(first + t) * 3, block, from_width - first - t);
            sums = add_row_taps(sums, pixels, load_weights(weights + t, block));
        }
        int32_t rgb = clip_rgb(sums);
        /* Four bytes are one store; the next pixel overwrites the fourth. */
        if (x + 1 < width)
            memcpy(to, &rgb, 4);
        else
            memcpy(to, &rgb, 3);
    }
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
