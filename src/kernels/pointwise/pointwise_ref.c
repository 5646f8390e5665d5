#include <assert.h>
#include <math.h>

#include "kernels/pointwise/pointwise.h"

static float input_at(const vg_pointwise_input *a, int i, int k, int panel)
{
    int p = vg_panel_of(a->channels, panel, k);
    int width = vg_panel_width(a->channels, panel, p);
    return a->values[p * a->panel_stride + (a->first + i) * width + k - p * panel];
}

static void pointwise(float *c, const vg_pointwise_input *a, const float *b, const float *bias,
                      const float *residual, int m, int width, vg_activation activation, int panel)
{
    assert(vg_pointwise_may(c, a, b, bias, m, width, panel));
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < width; j++) {
            float sum = bias[j];
            for (int k = 0; k < a->channels; k++)
                sum = fmaf(input_at(a, i, k, panel), b[k * width + j], sum);
            if (activation == VG_RELU6) sum = vg_relu6(sum);
            if (residual != NULL) sum += residual[i * width + j];
            c[i * width + j] = sum;
        }
    }
}

void vg_pointwise_ref(float *c, const vg_pointwise_input *a, const float *b, const float *bias,
                      const float *residual, int m, int width, vg_activation activation)
{
    pointwise(c, a, b, bias, residual, m, width, activation, VG_REF_PANEL);
}

void vg_pointwise_of_32_ref(float *c, const vg_pointwise_input *a, const float *b,
                            const float *bias, const float *residual, int m, int width,
                            vg_activation activation)
{
    pointwise(c, a, b, bias, residual, m, width, activation, 32);
}
