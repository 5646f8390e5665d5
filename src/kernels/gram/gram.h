/* Sums of products for a Gram or scatter matrix. */
#ifndef VG_KERNELS_GRAM_H
#define VG_KERNELS_GRAM_H

#include <stddef.h>

enum { VG_GRAM_PANEL = 16 };

/* One tile of a Gram matrix in float64: c[i][j] = sum over r of a[r][i] * b[r][j],
 * summed in row order. a and b: [m][VG_GRAM_PANEL]; c: [VG_GRAM_PANEL][VG_GRAM_PANEL]. */
typedef void vg_gram_fn(double *c, const double *a, const double *b, int m);

vg_gram_fn vg_gram_ref;

static inline int vg_gram_may(const double *c, const double *a, const double *b, int m)
{
    return c != NULL && a != NULL && b != NULL && m >= 0;
}

#endif
