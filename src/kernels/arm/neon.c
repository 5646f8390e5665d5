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
#include "kernels/arm/neon_vec_tmpl.h"
#include "kernels/kernels.h"

#define SET neon
enum { PANEL_VECTORS = 4, FULL_ROWS = 6, TALLEST = 6 };

/* Shapes that the network asks for, on one thread or up to sixteen: tests/kernels counts. */
#define POINTWISE_TILES(X) X(6, 4) X(5, 4) X(4, 4) X(3, 4) X(4, 6)
#define STEM_TILES(X) X(6, 4) X(5, 4)
#define DEPTHWISE_TILES(X) X(7, 4)

/* 16 sums, 4 registers of factors and 2 of columns. */
enum { GRAM_LANES = 2, GRAM_ROWS = 8, GRAM_INPUTS = GRAM_LANES };

typedef float64x2_t gram_vec;
#define gram_load vld1q_f64
#define gram_store vst1q_f64
#define gram_load_inputs vld1q_f64
#define gram_zero() vdupq_n_f64(0.0)
#define gram_add vaddq_f64
#define gram_fma_input(x, n, b, c) vfmaq_n_f64(c, b, (x)[n])

#include "kernels/tile_tmpl.h"

#include "kernels/average/average_tmpl.h"
#include "kernels/depthwise/depthwise_tmpl.h"
#include "kernels/gram/gram_tmpl.h"
#include "kernels/pointwise/pointwise_tmpl.h"
#include "kernels/stem/stem_tmpl.h"

void vg_kernels_init_neon(vg_kernels *kernels)
{
    kernels->name = "neon";
    kernels->panel = PANEL;
    kernels->pointwise = KERNEL(pointwise);
    kernels->stem = KERNEL(stem);
    kernels->depthwise_stride1 = KERNEL(depthwise_stride1);
    kernels->depthwise_stride2 = KERNEL(depthwise_stride2);
    kernels->average = KERNEL(average);
    kernels->gram = KERNEL(gram);
    kernels->dot = vg_dot_neon;
    kernels->square_distance = vg_square_distance_neon;
    kernels->reach = vg_reach_neon;
    kernels->pointwise_tiles = pointwise_tiles;
    kernels->stem_tiles = stem_tiles;
    kernels->depthwise_tiles = depthwise_tiles;
    kernels->normalise = vg_normalise_neon;
    kernels->resample_rows = vg_resample_rows_neon;
    kernels->resample_column = vg_resample_column_neon;
}
