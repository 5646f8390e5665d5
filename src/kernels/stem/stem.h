/* The network's first layer. */
#ifndef VG_KERNELS_STEM_H
#define VG_KERNELS_STEM_H

#include <stddef.h>

#include "kernels/activation.h"
#include "kernels/panels.h"

/* From output to output in a row of the input, and products of one row of the filter. */
enum { VG_STEM_PIXEL_STRIDE = 2 * 3, VG_STEM_ROW_PRODUCTS = 3 * 3 };

/* One row of one panel of outputs of the 3x3 convolution of stride 2 over the
 * RGB image, with ReLU6. c: [m][width]; a: the first of three input rows, `a_row`
 * floats apart, 2 m + 1 pixels of 3 floats each; b: [3][3][3][width]; bias:
 * [width]. width is that of a panel. */
typedef void vg_stem_fn(float *c, const float *a, ptrdiff_t a_row, const float *b,
                        const float *bias, int m, int width);

vg_stem_fn vg_stem_ref;

static inline int vg_stem_may(const float *c, const float *a, const float *b, const float *bias,
                              int m, int width, int panel)
{
    return c != NULL && a != NULL && b != NULL && bias != NULL && m >= 0 &&
           vg_panel_has_width(panel, width);
}

#endif
