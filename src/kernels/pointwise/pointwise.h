/* The 1x1 convolution: nine tenths of the network's multiply-adds. */
#ifndef VG_KERNELS_POINTWISE_H
#define VG_KERNELS_POINTWISE_H

#include <stddef.h>

#include "kernels/activation.h"
#include "kernels/panels.h"

/* Pixels first .. first + m of a tensor in panel layout, as the input of a 1x1
 * convolution. */
typedef struct vg_pointwise_input {
    const float *values;
    ptrdiff_t panel_stride; /* floats from panel to panel */
    int channels;
    int first;
    int panel;           /* where they are digits: 64 or 32, else not read */
    const float *scales; /* where they are digits with a scale a pixel: of the tensor's pixels */
} vg_pointwise_input;

/* One panel of outputs of a 1x1 convolution over m pixels of a:
 *   c[i][j] = activation(bias[j] + sum over k of a(first + i, k) * b[k][j]) + residual[i][j]
 * b: [channels][width]; bias: [width]; c and residual (or NULL): [m][width].
 * residual may be c. width is that of a panel (panels.h). */
typedef void vg_pointwise_fn(float *c, const vg_pointwise_input *a, const float *b,
                             const float *bias, const float *residual, int m, int width,
                             vg_activation activation);

vg_pointwise_fn vg_pointwise_ref;
/* The same over panels of 32. */
vg_pointwise_fn vg_pointwise_of_32_ref;

/* The same for 24 outputs in a panel of 32, whose padding is stored as zeros. */
enum { VG_POINTWISE_24 = 24, VG_POINTWISE_24_MOST_INPUTS = 144 };

vg_pointwise_fn vg_pointwise_24_avx512;

static inline int vg_pointwise_24_may(int in_channels)
{
    return in_channels % 16 == 0 && in_channels <= VG_POINTWISE_24_MOST_INPUTS;
}

static inline int vg_pointwise_may(const float *c, const vg_pointwise_input *a, const float *b,
                                   const float *bias, int m, int width, int panel)
{
    return c != NULL && a != NULL && a->values != NULL && a->channels > 0 && a->first >= 0 &&
           b != NULL && bias != NULL && m >= 0 && vg_panel_has_width(panel, width);
}

#endif
