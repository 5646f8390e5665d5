#include <assert.h>
#include <math.h>

#include "kernels/depthwise/depthwise.h"

/* Output x of a row, channel j; rows: the three it reads. */
static float output_at(const float *const *rows, const float *b, float bias, int x, int j,
                       int in_width, int width, int stride)
{
    float sum = bias;
    int first = x * stride - (stride == 1);
    for (int ky = 0; ky < 3; ky++) {
        for (int kx = 0; kx < 3; kx++) {
            int column = first + kx;
            if (column < 0 || column >= in_width) continue;
            sum = fmaf(rows[ky][column * width + j], b[(ky * 3 + kx) * width + j], sum);
        }
    }
    return vg_relu6(sum);
}

static void depthwise(float *c, const float *const *rows, const float *b, const float *bias,
                      int height, int out_width, int width, int stride)
{
    assert(vg_depthwise_may(c, rows, b, bias, height, out_width, width, VG_REF_PANEL) ||
           vg_depthwise_may(c, rows, b, bias, height, out_width, width, VG_DIGITS_PANEL));
    for (int y = 0; y < height; y++, rows += stride)
        for (int x = 0; x < out_width; x++)
            for (int j = 0; j < width; j++)
                *c++ = output_at(rows, b, bias[j], x, j, out_width * stride, width, stride);
}

void vg_depthwise_stride1_ref(float *c, const float *const *rows, const float *b, const float *bias,
                              int height, int out_width, int width)
{
    depthwise(c, rows, b, bias, height, out_width, width, 1);
}

void vg_depthwise_stride2_ref(float *c, const float *const *rows, const float *b, const float *bias,
                              int height, int out_width, int width)
{
    depthwise(c, rows, b, bias, height, out_width, width, 2);
}
