/* Resampling with VNNI, which multiplies and adds four bytes a lane: a weight is three digits of
 * base 256, each from -128 to 127, and their sums are put together at the end. They may leave 32
 * bits there, the whole does not, and it is the same modulo 2^32. */
#include <assert.h>

#include <immintrin.h>

#include "kernels/resample/resample.h"
#include "kernels/template.h"

enum {
    DIGITS = 3,
    DIGIT_BITS = 8,
    BLOCK_TAPS = 16, /* pixels of a row that are added together */
    BLOCK_BYTES = BLOCK_TAPS * 3,
    LOADED_BYTES = 64,
    MOST_ROWS = 8,      /* that share what is made of the weights */
    STORED_ROWS = 4,    /* a vector of sums, four bytes each */
    ENLARGING_TAPS = 5, /* of which most windows have four: fewer than a block is worth */
    COLUMN_TAPS = 4,    /* rows that are added together */
    COLUMN_BYTES = 64,
    QUARTERS = 4, /* a column's bytes become dwords */
};

/* Lowest first. */
typedef struct digit_sums {
    __m512i digit[DIGITS];
} digit_sums;

static inline digit_sums no_sums(void)
{
    const __m512i zero = _mm512_setzero_si512();
    return (digit_sums){{zero, zero, zero}};
}

/* The lower three bytes of each are its digits then: what is added carries into the byte above
 * where a digit is 128 and more, and what is flipped takes it off again. */
static inline __m512i to_digits(__m512i weights)
{
    const __m512i halves = _mm512_set1_epi32(0x808080);
    return _mm512_xor_si512(_mm512_add_epi32(weights, halves), halves);
}

static inline __m512i whole_of(digit_sums sums)
{
    __m512i whole = _mm512_slli_epi32(sums.digit[2], DIGIT_BITS);
    whole = _mm512_slli_epi32(_mm512_add_epi32(whole, sums.digit[1]), DIGIT_BITS);
    return _mm512_add_epi32(whole, sums.digit[0]);
}

static inline __m512i rounded(__m512i sum)
{
    const __m512i half = _mm512_set1_epi32(1 << (VG_RESAMPLE_BITS - 1));
    return _mm512_srai_epi32(_mm512_add_epi32(sum, half), VG_RESAMPLE_BITS);
}

/* --- Rows --------------------------------------------------------------- */

/* Of four taps a lane: one digit of each, for red, green, blue and nothing. */
static inline __m512i taps_of_digit(__m512i digits, const int digit)
{
    const __m512i lowest = _mm512_set1_epi32(0x0c080400);
    return _mm512_shuffle_epi8(digits,
                               _mm512_add_epi32(lowest, _mm512_set1_epi32(0x01010101 * digit)));
}

/* Four pixels a lane: the reds of these, the greens and the blues. */
static inline __m512i by_colours(__m512i bytes)
{
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12);
    const __m512i colours =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, 0, 3, 6, 9));
    return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, bytes), colours);
}

/* Adds at most BLOCK_TAPS taps. left: of a row, from the first pixel to its end. */
INLINE void add_block(digit_sums *sums, const uint8_t *pixels, ptrdiff_t from_row, const int rows,
                      const int32_t *weights, int count, ptrdiff_t left, const int is_whole)
{
    const __mmask16 weighted = (__mmask16)(count >= BLOCK_TAPS ? 0xffff : (1 << count) - 1);
    __m512i digits = to_digits(_mm512_maskz_loadu_epi32(weighted, weights)), taps[DIGITS];
    UNROLL
    for (int d = 0; d < DIGITS; d++) taps[d] = taps_of_digit(digits, d);
    UNROLL
    for (int y = 0; y < rows; y++) {
        const uint8_t *from = pixels + y * from_row;
        __m512i loaded = by_colours(is_whole ? _mm512_loadu_si512(from)
                                             : _mm512_maskz_loadu_epi8((1ULL << left) - 1, from));
        UNROLL
        for (int d = 0; d < DIGITS; d++)
            sums[y].digit[d] = _mm512_dpbusd_epi32(sums[y].digit[d], loaded, taps[d]);
    }
}

/* The sums of one output pixel of each row, in lanes. */
INLINE void sum_window(digit_sums *sums, const uint8_t *from, ptrdiff_t from_row, const int rows,
                       vg_resample_window window, const int32_t *weights)
{
    from += (ptrdiff_t)window.first * 3;
    ptrdiff_t left = from_row - (ptrdiff_t)window.first * 3;
    int t = 0;
    UNROLL
    for (int y = 0; y < rows; y++) sums[y] = no_sums();
    for (; t < window.count && left >= LOADED_BYTES; t += BLOCK_TAPS, left -= BLOCK_BYTES)
        add_block(sums, from + t * 3, from_row, rows, weights + t, window.count - t, left, 1);
    for (; t < window.count; t += BLOCK_TAPS, left -= BLOCK_BYTES)
        add_block(sums, from + t * 3, from_row, rows, weights + t, window.count - t, left, 0);
}

/* The sums of the lanes of a, of b, of c and of d. */
static inline __m512i sums_of_lanes(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab =
        _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x44), _mm512_shuffle_i32x4(a, b, 0xee));
    __m512i cd =
        _mm512_add_epi32(_mm512_shuffle_i32x4(c, d, 0x44), _mm512_shuffle_i32x4(c, d, 0xee));
    return _mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xdd));
}

/* Of each dword to each row. */
static inline void store_pixels(uint8_t *to, ptrdiff_t to_row, __m128i pixels, const int rows,
                                int is_last)
{
    uint32_t rgb[STORED_ROWS];
    _mm_storeu_si128((__m128i *)(void *)rgb, pixels);
    UNROLL
    for (int y = 0; y < rows; y++) vg_resample_put(to + y * to_row, rgb[y], is_last);
}

INLINE void resample_some_rows(uint8_t *to, const uint8_t *from, const int rows, int from_width,
                               const vg_resample_window *windows, const int32_t *weights, int taps,
                               int width)
{
    const ptrdiff_t to_row = (ptrdiff_t)width * 3, from_row = (ptrdiff_t)from_width * 3;
    for (int x = 0; x < width; x++, to += 3, weights += taps) {
        digit_sums sums[MOST_ROWS];
        sum_window(sums, from, from_row, rows, windows[x], weights);
        UNROLL
        for (int y = 0; y < rows; y += STORED_ROWS) {
            __m512i whole[STORED_ROWS];
            UNROLL
            for (int i = 0; i < STORED_ROWS; i++)
                whole[i] = whole_of(sums[y + (y + i < rows ? i : 0)]);
            __m512i sum = rounded(sums_of_lanes(whole[0], whole[1], whole[2], whole[3]));
            sum = _mm512_max_epi32(sum, _mm512_setzero_si512());
            store_pixels(to + y * to_row, to_row, _mm512_cvtusepi32_epi8(sum),
                         rows - y < STORED_ROWS ? rows - y : STORED_ROWS, x + 1 == width);
        }
    }
}

void vg_resample_rows_vnni(uint8_t *to, const uint8_t *from, int rows, int from_width,
                           const vg_resample_window *windows, const int32_t *weights, int taps,
                           int width)
{
    assert(vg_resample_rows_may(to, from, rows, from_width, windows, weights, taps, width));
    if (taps <= ENLARGING_TAPS) {
        vg_resample_rows_avx2(to, from, rows, from_width, windows, weights, taps, width);
        return;
    }
    const ptrdiff_t to_row = (ptrdiff_t)width * 3, from_row = (ptrdiff_t)from_width * 3;
    int y = 0;
    for (; y + MOST_ROWS <= rows; y += MOST_ROWS)
        resample_some_rows(to + y * to_row, from + y * from_row, MOST_ROWS, from_width, windows,
                           weights, taps, width);
    for (; y + STORED_ROWS <= rows; y += STORED_ROWS)
        resample_some_rows(to + y * to_row, from + y * from_row, STORED_ROWS, from_width, windows,
                           weights, taps, width);
    for (; y < rows; y++)
        resample_some_rows(to + y * to_row, from + y * from_row, 1, from_width, windows, weights,
                           taps, width);
}

/* --- Columns ------------------------------------------------------------ */

/* One digit of each of four taps, everywhere the same. */
static inline void load_column_taps(__m512i taps[DIGITS], const int32_t *weights, int count)
{
    const __mmask8 there = (__mmask8)(count >= COLUMN_TAPS ? 0xf : (1 << count) - 1);
    __m128i loaded = _mm_maskz_loadu_epi32(there, weights);
    __m512i digits = to_digits(_mm512_broadcast_i32x4(loaded));
    UNROLL
    for (int d = 0; d < DIGITS; d++) taps[d] = taps_of_digit(digits, d);
}

/* Bytes of four rows to dwords: a quarter of each lane's columns in each. */
static inline void interleave(__m512i quarters[QUARTERS], const __m512i rows[COLUMN_TAPS])
{
    __m512i low01 = _mm512_unpacklo_epi8(rows[0], rows[1]);
    __m512i high01 = _mm512_unpackhi_epi8(rows[0], rows[1]);
    __m512i low23 = _mm512_unpacklo_epi8(rows[2], rows[3]);
    __m512i high23 = _mm512_unpackhi_epi8(rows[2], rows[3]);
    quarters[0] = _mm512_unpacklo_epi16(low01, low23);
    quarters[1] = _mm512_unpackhi_epi16(low01, low23);
    quarters[2] = _mm512_unpacklo_epi16(high01, high23);
    quarters[3] = _mm512_unpackhi_epi16(high01, high23);
}

/* Of at most COLUMN_BYTES columns. Rows past the last tap are the last once more, by a weight of
 * 0. */
INLINE void resample_columns(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                             const int32_t *weights, int taps, __mmask64 columns,
                             const int is_whole)
{
    digit_sums sums[QUARTERS];
    UNROLL
    for (int q = 0; q < QUARTERS; q++) sums[q] = no_sums();
    for (int t = 0; t < taps; t += COLUMN_TAPS) {
        __m512i factors[DIGITS], rows[COLUMN_TAPS], quarters[QUARTERS];
        load_column_taps(factors, weights + t, taps - t);
        UNROLL
        for (int r = 0; r < COLUMN_TAPS; r++) {
            const int tap = t + r < taps ? t + r : taps - 1;
            const uint8_t *row = from + tap * from_row;
            rows[r] = is_whole ? _mm512_loadu_si512(row) : _mm512_maskz_loadu_epi8(columns, row);
        }
        interleave(quarters, rows);
        UNROLL
        for (int q = 0; q < QUARTERS; q++) UNROLL
        for (int d = 0; d < DIGITS; d++)
            sums[q].digit[d] = _mm512_dpbusd_epi32(sums[q].digit[d], quarters[q], factors[d]);
    }
    __m512i words[2];
    UNROLL
    for (int half = 0; half < 2; half++)
        words[half] = _mm512_packs_epi32(rounded(whole_of(sums[2 * half])),
                                         rounded(whole_of(sums[2 * half + 1])));
    __m512i bytes = _mm512_packus_epi16(words[0], words[1]);
    if (is_whole)
        _mm512_storeu_si512(to, bytes);
    else
        _mm512_mask_storeu_epi8(to, columns, bytes);
}

void vg_resample_column_vnni(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                             const int32_t *weights, int taps, size_t n)
{
    assert(vg_resample_column_may(to, from, weights, taps, n));
    size_t i = 0;
    for (; i + COLUMN_BYTES <= n; i += COLUMN_BYTES)
        resample_columns(to + i, from + i, from_row, weights, taps, ~0ULL, 1);
    if (i < n)
        resample_columns(to + i, from + i, from_row, weights, taps, (1ULL << (n - i)) - 1, 0);
}
