/* A register tile over vectors, once for all instruction sets. A set's <set>_vec_tmpl.h defines
 *   LANES   floats of a vector `vec`
 *   INPUTS  inputs of a pixel that one register holds: 1, broadcast, or LANES where a
 *           multiply-add takes its factor from one lane
 * and vec_load, vec_store, vec_set1, vec_add, vec_div, vec_fma (a * b + c), vec_min
 * and vec_max, which return the second operand where the first is NaN, and
 *   vec_load_inputs(p)         INPUTS inputs of a pixel
 *   vec_fma_input(x, n, b, c)  input n of x, times b, + c
 *   add_pixel(acc, x, weights, vectors)  the float at x, times weights[v], + acc[v]
 * A file that includes this defines SET (template.h) and
 *   PANEL_VECTORS  vectors of a full panel, 2 or 4; a half panel has half of them
 *   FULL_ROWS      pixels of its tallest tile over a full panel, and ...
 *   TALLEST        ... over any
 *
 * Sums start at the bias and take their products in the order of kernels.h. */
#include "kernels/template.h"

enum {
    PANEL = PANEL_VECTORS * LANES,
    HALF_PANEL = PANEL / 2,
    WIDE_PANEL = PANEL + HALF_PANEL,
    WIDE_VECTORS = WIDE_PANEL / LANES,
};

INLINE vec vec_relu6(vec x)
{
    return vec_min(vec_max(x, vec_set1(0.0F)), vec_set1(6.0F));
}

INLINE void tile_start(vec acc[][WIDE_VECTORS], const float *bias, const int rows,
                       const int vectors)
{
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++) acc[i][v] = vec_load(bias + v * LANES);
    }
}

/* Adds the product of one broadcast input and its weights to each sum of the tile. */
INLINE void tile_add_one(vec acc[][WIDE_VECTORS], const float *a, ptrdiff_t pixel_stride,
                         const float *b, const int rows, const int vectors)
{
    vec weights[WIDE_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) weights[v] = vec_load(b + v * LANES);
    UNROLL
    for (int i = 0; i < rows; i++) add_pixel(acc[i], a + i * pixel_stride, weights, vectors);
}

/* The same for the INPUTS inputs of a register, one after the other. Weights serve all
 * pixels before the next are loaded: so few registers hold them. */
INLINE void tile_add_inputs(vec acc[][WIDE_VECTORS], const float *a, ptrdiff_t pixel_stride,
                            const float *b, const int rows, const int vectors)
{
    vec x[TALLEST];
    UNROLL
    for (int i = 0; i < rows; i++) x[i] = vec_load_inputs(a + i * pixel_stride);
    UNROLL
    for (int n = 0; n < INPUTS; n++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            vec weights = vec_load(b + (n * vectors + v) * LANES);
            UNROLL
            for (int i = 0; i < rows; i++) acc[i][v] = vec_fma_input(x[i], n, weights, acc[i][v]);
        }
    }
}

/* Adds `length` products to each sum of the tile, without a branch. */
INLINE void tile_add(vec acc[][WIDE_VECTORS], const float *a, ptrdiff_t pixel_stride,
                     const float *b, const int length, const int rows, const int vectors)
{
    const int grouped = INPUTS > 1 ? length / INPUTS * INPUTS : 0;
    UNROLL
    for (int k = 0; k < grouped; k += INPUTS)
        tile_add_inputs(acc, a + k, pixel_stride, b + k * vectors * LANES, rows, vectors);
    UNROLL
    for (int k = grouped; k < length; k++)
        tile_add_one(acc, a + k, pixel_stride, b + k * vectors * LANES, rows, vectors);
}

INLINE void tile_finish(float *c, vec acc[][WIDE_VECTORS], const float *residual, const int rows,
                        const int vectors, vg_activation activation)
{
    if (activation == VG_RELU6) {
        UNROLL
        for (int i = 0; i < rows; i++) {
            UNROLL
            for (int v = 0; v < vectors; v++) acc[i][v] = vec_relu6(acc[i][v]);
        }
    }
    if (residual != NULL) {
        UNROLL
        for (int i = 0; i < rows; i++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                acc[i][v] = vec_add(acc[i][v], vec_load(residual + (i * vectors + v) * LANES));
        }
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++) vec_store(c + (i * vectors + v) * LANES, acc[i][v]);
    }
}
