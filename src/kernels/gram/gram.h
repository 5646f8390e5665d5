/* Sums of products for a Gram or scatter matrix, and for rows projected on components. */
#ifndef VG_KERNELS_GRAM_H
#define VG_KERNELS_GRAM_H

#include <stddef.h>
#include <string.h>

enum { VG_GRAM_PANEL = 16 };

/* Adds one tile of a product in float64: c[i][j] += sum over r of a[r][i] * b[r][j], where
 * the sum starts at 0 and takes its products in row order. a and b: [m][VG_GRAM_PANEL];
 * c: VG_GRAM_PANEL rows of as many numbers, `stride` apart. */
typedef void vg_gram_fn(double *c, ptrdiff_t stride, const double *a, const double *b, int m);

vg_gram_fn vg_gram_ref;

static inline int vg_gram_may(const double *c, ptrdiff_t stride, const double *a, const double *b,
                              int m)
{
    return c != NULL && stride >= VG_GRAM_PANEL && a != NULL && b != NULL && m >= 0;
}

/* The sums alone, in a tile [VG_GRAM_PANEL][VG_GRAM_PANEL]. */
static inline void vg_gram_tile(vg_gram_fn *gram, double *tile, const double *a, const double *b,
                                int m)
{
    memset(tile, 0, VG_GRAM_PANEL * VG_GRAM_PANEL * sizeof *tile);
    gram(tile, VG_GRAM_PANEL, a, b, m);
}

#endif
