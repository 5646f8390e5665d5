#include <assert.h>
#include <math.h>

#include "kernels/depthwise/depthwise.h"

/* Output x of a row, channel j; rows: the three it reads. */
static float output_at(const float *const *rows, const float *b, float bias, int x, int j,
                       int in_width, int width, int stride, int padding)
{
    float sum = bias;
    int first = x * stride - padding;
    for (int ky = 0; ky < 3; ky++) {
        for (int kx = 0; kx < 3; kx++) {
            int column = first + kx;
            if (column < 0 || column >= in_width) continue;
            sum = fmaf(rows[ky][column * width + j], b[(ky * 3 + kx) * width + j], sum);
        }
    }
    return vg_relu6(sum);
}

static void depthwise(float *c, ptrdiff_t c_row, const float *const *rows, const float *b,
                      const float *bias, int height, int out_width, int width, int stride,
                      int borders)
{
    assert(vg_depthwise_may(c, c_row, rows, b, bias, height, out_width, width, VG_REF_PANEL) ||
           vg_depthwise_may(c, c_row, rows, b, bias, height, out_width, width, VG_DIGITS_PANEL));
    const int in_width = vg_depthwise_in_width(out_width, stride, borders);
    const int padding = vg_depthwise_has_left(stride, borders);
    for (int y = 0; y < height; y++, rows += stride, c += c_row)
        for (int x = 0; x < out_width; x++)
            for (int j = 0; j < width; j++)
                c[x * width + j] =
                    output_at(rows, b, bias[j], x, j, in_width, width, stride, padding);
}

void vg_depthwise_stride1_ref(float *c, ptrdiff_t c_row, const float *const *rows, const float *b,
                              const float *bias, int height, int out_width, int width, int borders)
{
    depthwise(c, c_row, rows, b, bias, height, out_width, width, 1, borders);
}

void vg_depthwise_stride2_ref(float *c, ptrdiff_t c_row, const float *const *rows, const float *b,
                              const float *bias, int height, int out_width, int width, int borders)
{
    depthwise(c, c_row, rows, b, bias, height, out_width, width, 2, borders);
}
