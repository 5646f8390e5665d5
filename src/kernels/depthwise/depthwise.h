/* The depthwise 3x3 convolution: few multiply-adds, many bytes. */
#ifndef VG_KERNELS_DEPTHWISE_H
#define VG_KERNELS_DEPTHWISE_H

#include <stddef.h>

#include "kernels/activation.h"
#include "kernels/panels.h"

/* Where a row of outputs reaches the image's border: its outermost tap there is padding. With
 * stride 2 there is none on the left. */
enum { VG_BORDER_LEFT = 1, VG_BORDER_RIGHT = 2 };

static inline int vg_depthwise_has_left(int stride, int borders)
{
    return stride == 1 && (borders & VG_BORDER_LEFT) != 0;
}

static inline int vg_depthwise_has_right(int borders)
{
    return (borders & VG_BORDER_RIGHT) != 0;
}

/* Columns of input that such a row reads. */
static inline int vg_depthwise_in_width(int out_width, int stride, int borders)
{
    return (out_width - 1) * stride + 3 - vg_depthwise_has_left(stride, borders) -
           vg_depthwise_has_right(borders);
}

/* `height` rows of one panel of a depthwise 3x3 convolution, with ReLU6.
 * c: rows of [out_width][width], `c_row` floats apart; rows: (height - 1) * stride + 3 pointers
 * to input rows [vg_depthwise_in_width][width] (a row of zeros stands for padding); b:
 * [3][3][width]; bias: [width]. width is that of a panel. */
typedef void vg_depthwise_fn(float *c, ptrdiff_t c_row, const float *const *rows, const float *b,
                             const float *bias, int height, int out_width, int width, int borders);

vg_depthwise_fn vg_depthwise_stride1_ref, vg_depthwise_stride2_ref;

static inline int vg_depthwise_may(const float *c, ptrdiff_t c_row, const float *const *rows,
                                   const float *b, const float *bias, int height, int out_width,
                                   int width, int panel)
{
    return c != NULL && c_row >= (ptrdiff_t)out_width * width && rows != NULL && b != NULL &&
           bias != NULL && height >= 0 && out_width > 0 && vg_panel_has_width(panel, width);
}

#endif
