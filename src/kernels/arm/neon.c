/* NEON: 32 registers of 4 floats. A panel is four vectors, so that it has the 16
 * channels of plain C's and AVX2's and packed weights fit all three.
 *
 * 24 registers are the sums of a tile of 6 pixels x 4 vectors, 6 hold four inputs of
 * each pixel, 2 the weights on their way. A multiply-add takes its input from a lane:
 * broadcasting loads would cost Neoverse V1 and V2 one of their four vector pipes
 * each time (software optimisation guides, LD1R). For 96 multiply-adds there are 22
 * loads: 24 cycles of four pipes, 8 of three load ports; and 24 independent sums are
 * more than the 16 that four pipes of latency 4 need. A N1, with two pipes and two
 * ports, has the same balance. */
#include <arm_neon.h>

#include "kernels/distance.h"
#include "kernels/resample.h"

enum { LANES = 4, PANEL_VECTORS = 4, INPUTS = LANES };
#define TILE_ROWS 6
#define HALF_TILE_ROWS 6
#define WIDE_TILE_ROWS 4
#define VEC_REGISTER "+w"

typedef float32x4_t vec;
#define vec_load vld1q_f32
#define vec_store vst1q_f32
#define vec_set1 vdupq_n_f32
#define vec_add vaddq_f32
#define vec_div vdivq_f32
/* FMINNM and FMAXNM: of a NaN and a number they give the number. */
#define vec_min vminnmq_f32
#define vec_max vmaxnmq_f32
#define vec_fma(a, b, c) vfmaq_f32(c, a, b)
#define vec_load_inputs vld1q_f32
/* With n a constant this is one FMLA by element. */
#define vec_fma_input(x, n, b, c) vfmaq_n_f32(c, b, (x)[n])

static inline __attribute__((always_inline)) void add_pixel(vec *acc, const float *x,
                                                            const vec *weights, const int vectors)
{
    for (int v = 0; v < vectors; v++) acc[v] = vfmaq_n_f32(acc[v], weights[v], *x);
}

#include "kernels/network_tmpl.h"

/* 16 sums, 4 registers of factors and 2 of columns. */
enum { GRAM_LANES = 2, GRAM_ROWS = 8, GRAM_INPUTS = GRAM_LANES };

typedef float64x2_t gram_vec;
#define gram_load vld1q_f64
#define gram_store vst1q_f64
#define gram_load_inputs vld1q_f64
#define gram_zero() vdupq_n_f64(0.0)
#define gram_fma_input(x, n, b, c) vfmaq_n_f64(c, b, (x)[n])

#include "kernels/gram_tmpl.h"

void vg_kernels_init_neon(vg_kernels *kernels)
{
    init_network_kernels(kernels);
    kernels->gram = gram;
    kernels->name = "neon";
    kernels->normalise = vg_normalise_neon;
    kernels->resample_row = vg_resample_row_neon;
    kernels->resample_column = vg_resample_column_neon;
    kernels->dot = vg_dot_neon;
    kernels->square_distance = vg_square_distance_neon;
    kernels->reach = vg_reach_neon;
}
