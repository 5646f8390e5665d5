/* Numbers to digits with AVX-512. */
#include <immintrin.h>

#include "kernels/digits/digits.h"
#include "kernels/template.h"

enum { LANES = 16, MOST_VECTORS = 4 };

INLINE __m512i blend_bytes(__mmask64 mask, __m512i a, __m512i b)
{
    return _mm512_mask_blend_epi8(mask, a, b);
}

INLINE __m512i blend_words(__m512i a, __m512i b)
{
    return _mm512_mask_blend_epi16(0xaaaaaaaaU, a, b);
}

/* Rows of one pixel from the whole numbers of its `vectors` vectors of channels. */
INLINE void store_rows(uint8_t *to, const __m512i *v, const int vectors)
{
    const __mmask64 odd = 0xaaaaaaaaaaaaaaaaU, second = 0x2222222222222222U;
    if (vectors == 1) {
        _mm512_storeu_si512(to, v[0]);
        return;
    }
    if (vectors == 2) {
        __m512i high = blend_words(_mm512_srli_epi32(v[0], 8), _mm512_slli_epi32(v[1], 8));
        __m512i low = _mm512_and_si512(v[0], _mm512_set1_epi32(0xff));
        low = blend_bytes(second, low, _mm512_slli_epi32(v[1], 8));
        _mm512_storeu_si512(to, high);
        _mm512_storeu_si512(to + VG_DIGITS_ROW, low);
        return;
    }
    /* Low and high words of two vectors side by side. */
    __m512i low01 = blend_words(v[0], _mm512_slli_epi32(v[1], 16));
    __m512i low23 = blend_words(v[2], _mm512_slli_epi32(v[3], 16));
    __m512i high01 = blend_words(_mm512_srli_epi32(v[0], 16), v[1]);
    __m512i high23 = blend_words(_mm512_srli_epi32(v[2], 16), v[3]);
    _mm512_storeu_si512(to, _mm512_or_si512(high01, _mm512_slli_epi16(high23, 8)));
    _mm512_storeu_si512(to + VG_DIGITS_ROW, blend_bytes(odd, _mm512_srli_epi16(low01, 8), low23));
    _mm512_storeu_si512(to + 2 * VG_DIGITS_ROW,
                        blend_bytes(odd, low01, _mm512_slli_epi16(low23, 8)));
}

INLINE void encode_pixel(float *to, const float *from, __m512 factor, __m512 offset,
                         const int vectors, const int is_bounded)
{
    __m512i numbers[MOST_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        __m512 number = _mm512_fmadd_ps(_mm512_loadu_ps(from + v * LANES), factor, offset);
        if (!is_bounded) {
            /* Of NaN too, as plain C has it. */
            number = _mm512_max_ps(number, _mm512_setzero_ps());
            number = _mm512_min_ps(number, _mm512_set1_ps(16777215.0F));
        }
        numbers[v] = _mm512_cvtps_epi32(number);
    }
    store_rows((uint8_t *)to, numbers, vectors);
}

/* --- Values from 0 to 6 --------------------------------------------------- */

INLINE void encode_bounded(float *digits, const float *values, int m, const int vectors)
{
    const __m512 factor = _mm512_set1_ps(VG_DIGITS_BOUNDED);
    const __m512 offset = _mm512_set1_ps(VG_DIGITS_BOUNDED_OFFSET);
    const int floats = vg_digits_floats(vectors * LANES);
    for (int i = 0; i < m; i++, digits += floats, values += vectors * LANES)
        encode_pixel(digits, values, factor, offset, vectors, 1);
}

void vg_digits_encode_bounded_avx512(float *digits, const float *values, int m, int width)
{
    if (width == 4 * LANES)
        encode_bounded(digits, values, m, 4);
    else if (width == 2 * LANES)
        encode_bounded(digits, values, m, 2);
    else
        encode_bounded(digits, values, m, 1);
}

/* --- All others ------------------------------------------------------------ */

static float largest_of(const float *values, ptrdiff_t stride, int channels, int pixel)
{
    __m512 largest = _mm512_setzero_ps();
    for (int p = 0; p < vg_panel_count(channels, VG_DIGITS_PANEL); p++, values += stride) {
        int width = vg_panel_width(channels, VG_DIGITS_PANEL, p);
        for (int c = 0; c < width; c += LANES) {
            __m512 x = _mm512_loadu_ps(values + (ptrdiff_t)pixel * width + c);
            largest = _mm512_max_ps(_mm512_abs_ps(x), largest);
        }
    }
    return _mm512_reduce_max_ps(largest);
}

void vg_digits_encode_avx512(float *digits, ptrdiff_t digits_stride, float *scales,
                             const float *values, ptrdiff_t values_stride, int channels, int first,
                             int m)
{
    const __m512 offset = _mm512_set1_ps(VG_DIGITS_OFFSET);
    for (int i = first; i < first + m; i++) {
        vg_digits_scale scale = vg_digits_scale_of(largest_of(values, values_stride, channels, i));
        const __m512 factor = _mm512_set1_ps(scale.reciprocal);
        scales[i] = scale.unit;
        for (int p = 0; p < vg_panel_count(channels, VG_DIGITS_PANEL); p++) {
            int width = vg_panel_width(channels, VG_DIGITS_PANEL, p);
            const float *from = values + p * values_stride + (ptrdiff_t)i * width;
            float *to = digits + p * digits_stride + (ptrdiff_t)i * vg_digits_floats(width);
            if (width == 4 * LANES)
                encode_pixel(to, from, factor, offset, 4, 0);
            else if (width == 2 * LANES)
                encode_pixel(to, from, factor, offset, 2, 0);
            else
                encode_pixel(to, from, factor, offset, 1, 0);
        }
    }
}
