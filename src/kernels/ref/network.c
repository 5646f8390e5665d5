/* The network's kernels in plain C: what every other set is held against. */
#include <math.h>

#include "kernels/distance.h"
#include "kernels/kernels.h"
#include "kernels/resample.h"

enum { PANEL = 16 };

/* The order of the comparisons is that of MAXPS and MINPS: NaN becomes 0. */
static float relu6(float x)
{
    x = x > 0.0F ? x : 0.0F;
    return x < 6.0F ? x : 6.0F;
}

static float input_at(const vg_pointwise_input *a, int i, int k)
{
    int p = vg_panel_of(a->channels, PANEL, k), width = vg_panel_width(a->channels, PANEL, p);
    return a->values[p * a->panel_stride + (a->first + i) * width + k - p * PANEL];
}

static void pointwise(float *c, const vg_pointwise_input *a, const float *b, const float *bias,
                      const float *residual, int m, int width, vg_activation activation)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < width; j++) {
            float sum = bias[j];
            for (int k = 0; k < a->channels; k++)
                sum = fmaf(input_at(a, i, k), b[k * width + j], sum);
            if (activation == VG_RELU6) sum = relu6(sum);
            if (residual != NULL) sum += residual[i * width + j];
            c[i * width + j] = sum;
        }
    }
}

static void stem(float *c, const float *a, ptrdiff_t a_row, const float *b, const float *bias,
                 int m, int width)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < width; j++) {
            float sum = bias[j];
            for (int ky = 0; ky < 3; ky++)
                for (int p = 0; p < 9; p++)
                    sum = fmaf(a[ky * a_row + i * 6 + p], b[(ky * 9 + p) * width + j], sum);
            c[i * width + j] = relu6(sum);
        }
    }
}

static void depthwise(float *c, const float *const *rows, const float *b, const float *bias,
                      int height, int out_width, int width, int stride)
{
    int in_width = out_width * stride;
    int left = stride == 1;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < out_width; x++) {
            for (int j = 0; j < width; j++) {
                float sum = bias[j];
                for (int ky = 0; ky < 3; ky++) {
                    for (int kx = 0; kx < 3; kx++) {
                        int column = x * stride + kx - left;
                        if (column < 0 || column >= in_width) continue;
                        sum = fmaf(rows[y * stride + ky][column * width + j],
                                   b[(ky * 3 + kx) * width + j], sum);
                    }
                }
                c[(y * out_width + x) * width + j] = relu6(sum);
            }
        }
    }
}

static void depthwise_stride1(float *c, const float *const *rows, const float *b, const float *bias,
                              int height, int out_width, int width)
{
    depthwise(c, rows, b, bias, height, out_width, width, 1);
}

static void depthwise_stride2(float *c, const float *const *rows, const float *b, const float *bias,
                              int height, int out_width, int width)
{
    depthwise(c, rows, b, bias, height, out_width, width, 2);
}

static void average(float *c, const float *a, int m, int width)
{
    for (int j = 0; j < width; j++) {
        float sum = 0.0F;
        for (int i = 0; i < m; i++) sum += a[i * width + j];
        c[j] = sum / (float)m;
    }
}

static void gram(double *c, const double *a, const double *b, int m)
{
    for (int i = 0; i < VG_GRAM_PANEL; i++) {
        for (int j = 0; j < VG_GRAM_PANEL; j++) {
            double sum = 0.0;
            for (int r = 0; r < m; r++)
                sum = fma(a[r * VG_GRAM_PANEL + i], b[r * VG_GRAM_PANEL + j], sum);
            c[i * VG_GRAM_PANEL + j] = sum;
        }
    }
}

static double peak(long rounds)
{
    enum { SUMS = 8 };
    volatile float kept[SUMS];
    float sums[SUMS] = {0};
    for (long round = 0; round < rounds; round++)
        for (int i = 0; i < SUMS; i++) sums[i] = fmaf(sums[i], 0.5F, 0.25F);
    for (int i = 0; i < SUMS; i++) kept[i] = sums[i];
    (void)kept;
    return (double)(2 * SUMS) * (double)rounds;
}

void vg_kernels_init_ref(vg_kernels *kernels)
{
    *kernels = (vg_kernels){
        .name = "ref",
        .panel = PANEL,
        .pointwise = pointwise,
        .stem = stem,
        .depthwise_stride1 = depthwise_stride1,
        .depthwise_stride2 = depthwise_stride2,
        .average = average,
        .normalise = vg_normalise_ref,
        .resample_row = vg_resample_row_ref,
        .resample_column = vg_resample_column_ref,
        .gram = gram,
        .dot = vg_dot_ref,
        .square_distance = vg_square_distance_ref,
        .reach = vg_reach_ref,
        .peak = peak,
    };
}
