#include <assert.h>
#include <math.h>

#include "kernels/pointwise/pointwise.h"

static float input_at(const vg_pointwise_input *a, int i, int k)
{
    int p = vg_panel_of(a->channels, VG_REF_PANEL, k);
    int width = vg_panel_width(a->channels, VG_REF_PANEL, p);
    return a->values[p * a->panel_stride + (a->first + i) * width + k - p * VG_REF_PANEL];
}

void vg_pointwise_ref(float *c, const vg_pointwise_input *a, const float *b, const float *bias,
                      const float *residual, int m, int width, vg_activation activation)
{
    assert(vg_pointwise_may(c, a, b, bias, m, width, VG_REF_PANEL));
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < width; j++) {
            float sum = bias[j];
            for (int k = 0; k < a->channels; k++)
                sum = fmaf(input_at(a, i, k), b[k * width + j], sum);
            if (activation == VG_RELU6) sum = vg_relu6(sum);
            if (residual != NULL) sum += residual[i * width + j];
            c[i * width + j] = sum;
        }
    }
}
