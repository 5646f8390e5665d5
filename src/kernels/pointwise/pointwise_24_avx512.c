/* 24 outputs are a vector and a half of AVX-512, of which a panel of 32 would waste a quarter.
 * Two pixels side by side are three whole vectors: in each, a channel of the one is followed by
 * that of the other. The inputs of a pair are brought together, so that one broadcast of 64
 * bits serves all three. */
#include <assert.h>
#include <immintrin.h>

#include "kernels/pointwise/pointwise.h"
#include "kernels/template.h"

enum {
    LANES = 16,
    PANEL = 32,
    VECTORS = 3,              /* of a pair's outputs */
    PAIRED = VECTORS * LANES, /* a pair's outputs */
    PAIRS = 8,                /* of a tile: 24 vectors of sums */
    PIXELS = 2 * PAIRS,
    ROW = 2 * VG_POINTWISE_24_MOST_INPUTS, /* a pair's inputs */
};

/* What a call and its tiles put in order before they multiply. */
typedef struct paired {
    float weights[VG_POINTWISE_24_MOST_INPUTS * PAIRED], bias[PAIRED]; /* each twice */
    float inputs[2][PAIRS * ROW];                                      /* of a tile and the next */
} paired;

/* --- Into pairs --------------------------------------------------------- */

/* `count` rows of 24 numbers in a panel, each number twice. */
static void double_rows(float *to, const float *from, int count)
{
    const __m512i low = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    const __m512i high =
        _mm512_setr_epi32(8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15);
    for (int i = 0; i < count; i++, to += PAIRED, from += PANEL) {
        __m512 first = _mm512_loadu_ps(from), second = _mm512_loadu_ps(from + LANES);
        _mm512_store_ps(to, _mm512_permutexvar_ps(low, first));
        _mm512_store_ps(to + LANES, _mm512_permutexvar_ps(high, first));
        _mm512_store_ps(to + 2 * LANES, _mm512_permutexvar_ps(low, second));
    }
}

/* 16 inputs of two pixels. The instructions interleave within quarters of a vector: so inputs
 * 4 r and 4 r + 1 become pairs 2 r and 2 r + 1, inputs 4 r + 2 and 4 r + 3 those eight later. */
INLINE void pair_up(float *to, const float *even, const float *odd)
{
    __m512 x = _mm512_loadu_ps(even), y = _mm512_loadu_ps(odd);
    _mm512_store_ps(to, _mm512_unpacklo_ps(x, y));
    _mm512_store_ps(to + LANES, _mm512_unpackhi_ps(x, y));
}

/* Where inputs k .. k + 16 of a pixel lie, and how many floats from there the next pixel's. */
INLINE const float *inputs_at(const vg_pointwise_input *a, int pixel, int k, int *stride)
{
    const int p = vg_panel_of(a->channels, PANEL, k);
    *stride = vg_panel_width(a->channels, PANEL, p);
    return a->values + p * a->panel_stride + (ptrdiff_t)pixel * *stride + k - p * PANEL;
}

/* The inputs of `count` pixels; for the rest of a tile, some of them again. */
static void pair_inputs(float *to, const vg_pointwise_input *a, int pixel, int count)
{
    for (int k = 0, stride; k < a->channels; k += LANES, to += 2 * LANES) {
        const float *x = inputs_at(a, pixel, k, &stride);
        for (int pair = 0; pair < PAIRS; pair++) {
            const int i = 2 * pair < count ? 2 * pair : 0, j = i + 1 < count ? i + 1 : i;
            pair_up(to + pair * ROW, x + i * stride, x + j * stride);
        }
    }
}

/* --- Products ----------------------------------------------------------- */

/* acc[v] += the pair at x * weights[v]. In assembly as add_pixel_tmpl.h, and for its reasons. */
INLINE void add_pair(__m512 acc[VECTORS], const float *x, const __m512 weights[VECTORS])
{
    __m512 input;
    __asm__ volatile("vbroadcastsd %4, %3\n\t"
                     "vfmadd231ps %5, %3, %0\n\t"
                     "vfmadd231ps %6, %3, %1\n\t"
                     "vfmadd231ps %7, %3, %2"
                     : "+v"(acc[0]), "+v"(acc[1]), "+v"(acc[2]), "=&v"(input)
                     : "m"(*(const float(*)[2])x), "v"(weights[0]), "v"(weights[1]),
                       "v"(weights[2]));
}

INLINE void add_product(__m512 acc[PAIRS][VECTORS], const float *x, const float *b)
{
    __m512 weights[VECTORS];
    UNROLL
    for (int v = 0; v < VECTORS; v++) weights[v] = _mm512_load_ps(b + v * LANES);
    UNROLL
    for (int pair = 0; pair < PAIRS; pair++) add_pair(acc[pair], x + pair * ROW, weights);
}

/* 16 products of each sum. Where there is a next tile, 16 inputs of each of its pixels are
 * paired in between, those of the first at `ahead`: they come from level 2 meanwhile. */
INLINE void add_products(__m512 acc[PAIRS][VECTORS], const float *x, const float *b, float *to,
                         const float *ahead, int stride, const int has_next)
{
    for (int run = 0; run < PAIRS / 2; run++, x += 4, b += 4 * PAIRED, to += 2 * ROW) {
        UNROLL
        for (int i = 0; i < 2; i++, ahead += 2 * stride) {
            if (has_next) pair_up(to + i * ROW, ahead, ahead + stride);
            add_product(acc, x + i * LANES, b + 2 * i * PAIRED);
            add_product(acc, x + i * LANES + 2, b + (2 * i + 1) * PAIRED);
        }
    }
}

/* --- Outputs ------------------------------------------------------------ */

INLINE __m512 activate(__m512 x, vg_activation activation)
{
    if (activation != VG_RELU6) return x;
    return _mm512_min_ps(_mm512_max_ps(x, _mm512_setzero_ps()), _mm512_set1_ps(6.0F));
}

/* The even lanes of a pair's sums, or the odd ones. */
INLINE void store_pixel(float *c, const __m512 sums[VECTORS], __m512i own, const float *residual,
                        vg_activation activation)
{
    __m512 first = activate(_mm512_permutex2var_ps(sums[0], own, sums[1]), activation);
    __m512 second = activate(_mm512_maskz_permutexvar_ps(0xff, own, sums[2]), activation);
    if (residual != NULL) {
        first = _mm512_add_ps(first, _mm512_loadu_ps(residual));
        second = _mm512_add_ps(second, _mm512_loadu_ps(residual + LANES));
    }
    _mm512_storeu_ps(c, first);
    _mm512_storeu_ps(c + LANES, second);
}

/* The first `count` pixels of a tile. Where there is a next one, at pixel `next`, it gets its
 * inputs. */
INLINE void tile(float *c, paired *p, int t, const vg_pointwise_input *a, int next,
                 const float *residual, int count, vg_activation activation, const int has_next)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    __m512 acc[PAIRS][VECTORS];
    UNROLL
    for (int pair = 0; pair < PAIRS; pair++) {
        UNROLL
        for (int v = 0; v < VECTORS; v++) acc[pair][v] = _mm512_load_ps(p->bias + v * LANES);
    }
    for (int k = 0, stride = 0; k < a->channels; k += LANES) {
        const float *ahead = inputs_at(a, next, k, &stride);

        add_products(acc, p->inputs[t] + 2 * k, p->weights + k * PAIRED, p->inputs[!t] + 2 * k,
                     ahead, stride, has_next);
    }
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    UNROLL
    for (int i = 0; i < PIXELS; i++)
        if (i < count)
            store_pixel(c + i * PANEL, acc[i / 2], i % 2 == 0 ? even : odd,
                        residual != NULL ? residual + i * PANEL : NULL, activation);
}

void vg_pointwise_24_avx512(float *c, const vg_pointwise_input *a, const float *b,
                            const float *bias, const float *residual, int m, int width,
                            vg_activation activation)
{
    (void)width; /* of the contract alone */
    assert(vg_pointwise_may(c, a, b, bias, m, width, PANEL) && width == PANEL);
    assert(vg_pointwise_24_may(a->channels));
    _Alignas(64) paired p;
    double_rows(p.weights, b, a->channels);
    double_rows(p.bias, bias, 1);
    int is_paired = 0, t = 0;
    for (int i = 0; i < m; i += PIXELS, t = !t, c += PIXELS * PANEL) {
        const int left = m - i, has_next = left >= 2 * PIXELS;
        if (!is_paired) pair_inputs(p.inputs[t], a, a->first + i, left < PIXELS ? left : PIXELS);
        if (has_next)
            tile(c, &p, t, a, a->first + i + PIXELS, residual, PIXELS, activation, 1);
        else
            tile(c, &p, t, a, a->first + i, residual, left, activation, 0);
        is_paired = has_next;
        if (residual != NULL) residual += PIXELS * PANEL;
    }
}
