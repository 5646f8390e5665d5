/* AVX2 and FMA: 16 registers hold a tile of 6 pixels x 2 vectors, its two weight
 * vectors and one input. */
#include "kernels/kernels.h"
#include "kernels/x86/avx2_vec_tmpl.h"

#define SET avx2
enum { PANEL_VECTORS = 2, FULL_ROWS = 6, TALLEST = 6 };

/* Shapes that the network asks for, on one thread or up to sixteen: tests/kernels counts. */
#define POINTWISE_TILES(X) X(6, 2) X(5, 2) X(4, 2) X(3, 2) X(4, 3)
#define STEM_TILES(X) X(6, 2) X(5, 2)
#define DEPTHWISE_TILES(X) X(7, 2)

enum { GRAM_LANES = 4, GRAM_ROWS = 6, GRAM_INPUTS = 1 };

typedef __m256d gram_vec;
#define gram_load _mm256_loadu_pd
#define gram_store _mm256_storeu_pd
#define gram_load_inputs(p) _mm256_set1_pd(*(p))
#define gram_zero _mm256_setzero_pd
#define gram_add _mm256_add_pd
#define gram_fma_input(x, n, b, c) _mm256_fmadd_pd(x, b, c)

#include "kernels/tile_tmpl.h"

#include "kernels/average/average_tmpl.h"
#include "kernels/depthwise/depthwise_tmpl.h"
#include "kernels/gram/gram_tmpl.h"
#include "kernels/pointwise/pointwise_tmpl.h"
#include "kernels/stem/stem_tmpl.h"

void vg_kernels_init_avx2(vg_kernels *kernels)
{
    kernels->name = "avx2";
    kernels->panel = PANEL;
    kernels->pointwise = KERNEL(pointwise);
    kernels->stem = KERNEL(stem);
    kernels->depthwise_stride1 = KERNEL(depthwise_stride1);
    kernels->depthwise_stride2 = KERNEL(depthwise_stride2);
    kernels->average = KERNEL(average);
    kernels->gram = KERNEL(gram);
    kernels->dot = vg_dot_avx2;
    kernels->square_distance = vg_square_distance_avx2;
    kernels->reach = vg_reach_avx2;
    kernels->pointwise_tiles = pointwise_tiles;
    kernels->stem_tiles = stem_tiles;
    kernels->depthwise_tiles = depthwise_tiles;
    kernels->normalise = vg_normalise_avx2;
    kernels->resample_rows = vg_resample_rows_avx2;
    kernels->resample_column = vg_resample_column_avx2;
}
