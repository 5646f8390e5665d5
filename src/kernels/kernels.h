/* The table of kernels: filled with plain C, then overwritten by what the CPU
 * has more. Every kernel adds its products one by one in the same order with
 * fused multiply-adds, so all sets give the same bits.
 *
 * Panel layout. A tensor of C channels over M pixels is stored as panels of
 * `panel` channels, one after the other: panel p starts at p * panel * M floats,
 * and within it a pixel's channels lie side by side. The last panel is half as
 * wide when that is enough for what remains, and up to one and a half panels are a
 * single one; channels past C are zero. See vg_panel_width. */
#ifndef VG_KERNELS_KERNELS_H
#define VG_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "verger/verger.h"

typedef enum vg_activation { VG_LINEAR, VG_RELU6 } vg_activation;

/* Pixels first .. first + m of a tensor in panel layout, as the input of a 1x1
 * convolution. */
typedef struct vg_pointwise_input {
    const float *values;
    ptrdiff_t panel_stride; /* floats from panel to panel */
    int channels;
    int first;
} vg_pointwise_input;

/* One panel of outputs of a 1x1 convolution over m pixels of a:
 *   c[i][j] = activation(bias[j] + sum over k of a(first + i, k) * b[k][j]) + residual[i][j]
 * b: [channels][width]; bias: [width]; c and residual (or NULL): [m][width].
 * residual may be c. width is `panel`, half of it or one and a half. */
typedef void vg_pointwise_fn(float *c, const vg_pointwise_input *a, const float *b,
                             const float *bias, const float *residual, int m, int width,
                             vg_activation activation);

/* One row of one panel of outputs of the 3x3 convolution of stride 2 over the
 * RGB image, with ReLU6. c: [m][width]; a: the first of three input rows, `a_row`
 * floats apart, 2 m + 1 pixels of 3 floats each; b: [3][3][3][width]; bias:
 * [width]. */
typedef void vg_stem_fn(float *c, const float *a, ptrdiff_t a_row, const float *b,
                        const float *bias, int m, int width);

/* `height` rows of one panel of a depthwise 3x3 convolution, with ReLU6 and
 * padding one pixel left and right (stride 1) or right only (stride 2).
 * c: [height][out_width][width]; rows: (height - 1) * stride + 3 pointers to
 * input rows [out_width * stride][width] (a row of zeros stands for padding);
 * b: [3][3][width]; bias: [width]. */
typedef void vg_depthwise_fn(float *c, const float *const *rows, const float *b, const float *bias,
                             int height, int out_width, int width);

/* c[j] = mean over m pixels of a[i][j], summed in pixel order. a: [m][width]. */
typedef void vg_average_fn(float *c, const float *a, int m, int width);

/* to[i] = from[i] / 127.5 - 1, the network's input range. */
typedef void vg_normalise_fn(float *to, const uint8_t *from, size_t n);

/* Pillow's 8-bit resampling, one row. Weights are fixed point with
 * VG_RESAMPLE_BITS fraction bits; sums start at one half and are clipped to
 * 0..255. Source: Pillow 10, src/libImaging/Resample.c. */
enum { VG_RESAMPLE_BITS = 22 };

/* The window of input pixels of one output pixel. */
typedef struct vg_resample_window {
    int first, count;
} vg_resample_window;

/* to: [width][3]; from: one row [...][3], of which `from_width` pixels may be read;
 * weights: [width][taps], zero past each window's count. */
typedef void vg_resample_row_fn(uint8_t *to, const uint8_t *from, int from_width,
                                const vg_resample_window *windows, const int32_t *weights, int taps,
                                int width);

/* to[i] = sum over t of weights[t] * from[t * from_row + i], i < n. */
typedef void vg_resample_column_fn(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                                   const int32_t *weights, int taps, size_t n);

/* One tile of a Gram matrix in float64: c[i][j] = sum over r of a[r][i] * b[r][j],
 * summed in row order. a and b: [m][VG_GRAM_PANEL]; c: [VG_GRAM_PANEL][VG_GRAM_PANEL]. */
enum { VG_GRAM_PANEL = 16 };
typedef void vg_gram_fn(double *c, const double *a, const double *b, int m);

/* Sums in float64 of n products of a and b, and of their squared differences. Product i is
 * added to sum i mod VG_DISTANCE_SUMS, and those are added up in a fixed order (distance.h). */
typedef double vg_dot_fn(const float *a, const float *b, size_t n);
typedef double vg_square_distance_fn(const float *a, const float *b, size_t n);

/* Bit j of hits[i] says whether scores[i][j] >= rows[i] or >= columns[j]; returns 0 where
 * none is. scores: [m][width], width a multiple of 16 up to 64; rows: [m]; columns: [width];
 * no NaN among those two. */
typedef int vg_reach_fn(uint64_t *hits, const float *scores, int m, int width, const float *rows,
                        const float *columns);

/* Runs `rounds` rounds of independent multiply-adds in registers; returns the
 * floating-point operations done. */
typedef double vg_peak_fn(long rounds);

typedef struct vg_kernels {
    const char *name; /* of the most capable set that was added */
    int panel;        /* channels of a full panel */
    vg_pointwise_fn *pointwise;
    vg_stem_fn *stem;
    vg_depthwise_fn *depthwise_stride1;
    vg_depthwise_fn *depthwise_stride2;
    vg_average_fn *average;
    vg_normalise_fn *normalise;
    vg_resample_row_fn *resample_row;
    vg_resample_column_fn *resample_column;
    vg_gram_fn *gram;
    vg_dot_fn *dot;
    vg_square_distance_fn *square_distance;
    vg_reach_fn *reach;
    vg_peak_fn *peak;
} vg_kernels;

/* The name of the index-th set that `cpu_features` (of vg_cpu_features) allows,
 * plainest first; NULL past the last. */
const char *vg_kernels_name(unsigned cpu_features, size_t index);

/* Fills the table with all sets up to and including `name`. Returns 0 when there
 * is no such set or the CPU lacks it. */
int vg_kernels_init(vg_kernels *kernels, unsigned cpu_features, const char *name);

/* Fills the table for this CPU: with the set `name`, or where that is NULL the one
 * $VERGER_CPU names, or the best. */
vg_status vg_kernels_choose(vg_kernels *kernels, const char *name, vg_error *error);

/* Overwrite what each set does better; called by vg_kernels_init alone. */
void vg_kernels_init_ref(vg_kernels *kernels);
void vg_kernels_init_avx2(vg_kernels *kernels);
void vg_kernels_init_avx512(vg_kernels *kernels);
void vg_kernels_init_neon(vg_kernels *kernels);

/* Whether the tensor is one panel that is half as wide again. */
static inline int vg_panel_is_wide(int channels, int panel)
{
    return channels > panel && channels <= panel + panel / 2;
}

static inline int vg_panel_count(int channels, int panel)
{
    return vg_panel_is_wide(channels, panel) ? 1 : (channels + panel - 1) / panel;
}

/* Channels that panel `p` of a tensor of `channels` channels holds. */
static inline int vg_panel_width(int channels, int panel, int p)
{
    if (vg_panel_is_wide(channels, panel)) return panel + panel / 2;
    return channels - p * panel <= panel / 2 ? panel / 2 : panel;
}

/* The panel that holds channel `c`. */
static inline int vg_panel_of(int channels, int panel, int c)
{
    return vg_panel_is_wide(channels, panel) ? 0 : c / panel;
}

/* Channels of the tensor with its padding. */
static inline int vg_panel_channels(int channels, int panel)
{
    int last = vg_panel_count(channels, panel) - 1;
    return last * panel + vg_panel_width(channels, panel, last);
}

#endif
