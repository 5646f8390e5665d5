/* The depthwise 3x3 convolution: few multiply-adds, many bytes. */
#ifndef VG_KERNELS_DEPTHWISE_H
#define VG_KERNELS_DEPTHWISE_H

#include <stddef.h>

#include "kernels/activation.h"
#include "kernels/panels.h"

/* `height` rows of one panel of a depthwise 3x3 convolution, with ReLU6 and
 * padding one pixel left and right (stride 1) or right only (stride 2).
 * c: [height][out_width][width]; rows: (height - 1) * stride + 3 pointers to
 * input rows [out_width * stride][width] (a row of zeros stands for padding);
 * b: [3][3][width]; bias: [width]. width is that of a panel. */
typedef void vg_depthwise_fn(float *c, const float *const *rows, const float *b, const float *bias,
                             int height, int out_width, int width);

vg_depthwise_fn vg_depthwise_stride1_ref, vg_depthwise_stride2_ref;

static inline int vg_depthwise_may(const float *c, const float *const *rows, const float *b,
                                   const float *bias, int height, int out_width, int width,
                                   int panel)
{
    return c != NULL && rows != NULL && b != NULL && bias != NULL && height >= 0 && out_width > 0 &&
           vg_panel_has_width(panel, width);
}

#endif
