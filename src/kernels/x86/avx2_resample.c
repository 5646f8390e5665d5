/* Resampling and normalisation with AVX2. A weight goes as two 16-bit halves, high
 * and low, through PMADDWD, which takes two taps at once; put together again the
 * sums are those of 32-bit integers. */
#include <immintrin.h>
#include <string.h>

#include "kernels/resample.h"

enum {
    HALF = 1 << (VG_RESAMPLE_BITS - 1),
    LOW_BITS = 15, /* the low half stays positive as a signed 16-bit number */
    LOW_MASK = (1 << LOW_BITS) - 1,
    ROW_TAPS = 4,     /* pixels of one load */
    LOADED_PIXELS = 6 /* pixels that a load of 16 bytes touches */
};

void vg_normalise_avx2(float *to, const uint8_t *from, size_t n)
{
    const __m256 scale = _mm256_set1_ps(127.5F), one = _mm256_set1_ps(1.0F);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(from + i)));
        __m256 values = _mm256_div_ps(_mm256_cvtepi32_ps(bytes), scale);
        _mm256_storeu_ps(to + i, _mm256_sub_ps(values, one));
    }
    vg_normalise_ref(to + i, from + i, n - i);
}

/* --- Rows --------------------------------------------------------------- */

/* `count` pixels, at most ROW_TAPS, of which the row has `left`. */
static inline __m128i load_pixels(const uint8_t *pixels, int count, int left)
{
    if (left >= LOADED_PIXELS) return _mm_loadu_si128((const __m128i *)pixels);
    uint8_t copy[sizeof(__m128i)] = {0};
    memcpy(copy, pixels, (size_t)count * 3);
    return _mm_loadu_si128((const __m128i *)copy);
}

/* `count` weights, at most ROW_TAPS, and zeros. */
static inline __m128i load_weights(const int32_t *weights, int count)
{
    const __m128i index = _mm_setr_epi32(0, 1, 2, 3);
    return _mm_maskload_epi32(weights, _mm_cmpgt_epi32(_mm_set1_epi32(count), index));
}

/* 16-bit weights 0 and 1 all over the low lane, 2 and 3 all over the high lane. */
static inline __m256i spread_weights(__m128i weights)
{
    const __m256i pairs = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    __m128i narrow = _mm_packs_epi32(weights, weights);
    return _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(narrow), pairs);
}

void vg_resample_row_avx2(uint8_t *to, const uint8_t *from, int from_width,
                          const vg_resample_window *windows, const int32_t *weights, int taps,
                          int width)
{
    /* Pixels 0 and 1 side by side by channel, then 2 and 3. */
    const __m128i pair_pixels = _mm_setr_epi8(0, 3, 1, 4, 2, 5, -1, -1, 6, 9, 7, 10, 8, 11, -1, -1);
    const __m128i low_mask = _mm_set1_epi32(LOW_MASK);
    for (int x = 0; x < width; x++, weights += taps) {
        __m256i high = _mm256_setzero_si256(), low = _mm256_setzero_si256();
        int first = windows[x].first, count = windows[x].count;
        for (int t = 0; t < count; t += ROW_TAPS) {
            int block = count - t < ROW_TAPS ? count - t : ROW_TAPS;
            __m128i bytes =
                load_pixels(from + (ptrdiff_t)(first + t) * 3, block, from_width - first - t);
            __m256i pixels = _mm256_cvtepu8_epi16(_mm_shuffle_epi8(bytes, pair_pixels));
            __m128i weight = load_weights(weights + t, block);
            __m256i weight_high = spread_weights(_mm_srai_epi32(weight, LOW_BITS));
            __m256i weight_low = spread_weights(_mm_and_si128(weight, low_mask));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(pixels, weight_high));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(pixels, weight_low));
        }
        __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high, LOW_BITS), low);
        __m128i sum =
            _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
        sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(HALF)), VG_RESAMPLE_BITS);
        sum = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
        int rgb = _mm_cvtsi128_si32(sum);
        /* Four bytes are one store; the next pixel overwrites the fourth. */
        if (x + 1 < width)
            memcpy(to, &rgb, 4);
        else
            memcpy(to, &rgb, 3);
        to += 3;
    }
}

/* --- Columns ------------------------------------------------------------ */

enum { COLUMN_BYTES = 16 };

typedef struct column_sums {
    __m256i high[2], low[2]; /* of bytes 0..7 and 8..15 */
} column_sums;

static inline __m256i pair_weights(int32_t first, int32_t second)
{
    return _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)first | (uint32_t)second << 16));
}

/* Adds two taps, whose bytes are `first` and `second`. */
static inline void add_taps(column_sums *sums, __m128i first, __m128i second, int32_t first_weight,
                            int32_t second_weight)
{
    __m256i weight_high = pair_weights(first_weight >> LOW_BITS, second_weight >> LOW_BITS);
    __m256i weight_low = pair_weights(first_weight & LOW_MASK, second_weight & LOW_MASK);
    __m256i words[2] = {_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(first, second)),
                        _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(first, second))};
    for (int i = 0; i < 2; i++) {
        __m256i high = _mm256_madd_epi16(words[i], weight_high);
        __m256i low = _mm256_madd_epi16(words[i], weight_low);
        sums->high[i] = _mm256_add_epi32(sums->high[i], high);
        sums->low[i] = _mm256_add_epi32(sums->low[i], low);
    }
}

static inline __m256i finish_sum(__m256i high, __m256i low)
{
    __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, LOW_BITS), low);
    return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(HALF)), VG_RESAMPLE_BITS);
}

static inline void resample_column_block(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                                         const int32_t *weights, int taps)
{
    column_sums sums = {{_mm256_setzero_si256(), _mm256_setzero_si256()},
                        {_mm256_setzero_si256(), _mm256_setzero_si256()}};
    int t = 0;
    for (; t + 2 <= taps; t += 2, from += 2 * from_row)
        add_taps(&sums, _mm_loadu_si128((const __m128i *)from),
                 _mm_loadu_si128((const __m128i *)(from + from_row)), weights[t], weights[t + 1]);
    if (t < taps)
        add_taps(&sums, _mm_loadu_si128((const __m128i *)from), _mm_setzero_si128(), weights[t], 0);
    /* Packing works on lanes, so bytes 0..3 8..11 lie low and 4..7 12..15 high. */
    __m256i words = _mm256_packs_epi32(finish_sum(sums.high[0], sums.low[0]),
                                       finish_sum(sums.high[1], sums.low[1]));
    __m256i bytes = _mm256_packus_epi16(words, words);
    __m128i packed =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storeu_si128((__m128i *)to, packed);
}

void vg_resample_column_avx2(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                             const int32_t *weights, int taps, size_t n)
{
    size_t i = 0;
    for (; i + COLUMN_BYTES <= n; i += COLUMN_BYTES)
        resample_column_block(to + i, from + i, from_row, weights, taps);
    vg_resample_column_ref(to + i, from + i, from_row, weights, taps, n - i);
}
