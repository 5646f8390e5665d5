/* AVX-512: 32 registers hold a tile of 14 pixels x 2 vectors, its two weight
 * vectors and one input. 14 divides the width of every layer but the 7x7 ones. */
#include "kernels/kernels.h"
#include "kernels/x86/avx512_vec_tmpl.h"

#define SET avx512
enum { PANEL_VECTORS = 2, FULL_ROWS = 14, TALLEST = 28 };

/* Shapes that the network asks for, on one thread or up to sixteen: tests/kernels counts. */
/* clang-format off */
#define POINTWISE_TILES(X)                                                  \
    X(14, 2) X(13, 2) X(12, 2) X(11, 2) X(10, 2) X(9, 2) X(8, 2) X(7, 2)    \
    X(6, 2) X(5, 2) X(4, 2) X(3, 2)                                         \
    X(28, 1)
/* clang-format on */
#define STEM_TILES(X) X(14, 2) X(12, 2) X(11, 2) X(10, 2) X(9, 2)
#define DEPTHWISE_TILES(X) X(7, 2) X(7, 1)

enum { GRAM_LANES = 8, GRAM_ROWS = 8, GRAM_INPUTS = 1 };

typedef __m512d gram_vec;
#define gram_load _mm512_loadu_pd
#define gram_store _mm512_storeu_pd
#define gram_load_inputs(p) _mm512_set1_pd(*(p))
#define gram_zero _mm512_setzero_pd
#define gram_add _mm512_add_pd
#define gram_fma_input(x, n, b, c) _mm512_fmadd_pd(x, b, c)

#include "kernels/tile_tmpl.h"

#include "kernels/average/average_tmpl.h"
#include "kernels/depthwise/depthwise_tmpl.h"
#include "kernels/gram/gram_tmpl.h"
#include "kernels/pointwise/pointwise_tmpl.h"
#include "kernels/stem/stem_tmpl.h"

void vg_kernels_init_avx512(vg_kernels *kernels)
{
    kernels->name = "avx512";
    kernels->panel = PANEL;
    kernels->pointwise = KERNEL(pointwise);
    kernels->pointwise_24 = vg_pointwise_24_avx512;
    kernels->stem = KERNEL(stem);
    kernels->depthwise_stride1 = KERNEL(depthwise_stride1);
    kernels->depthwise_stride2 = KERNEL(depthwise_stride2);
    kernels->average = KERNEL(average);
    kernels->gram = KERNEL(gram);
    kernels->dot = vg_dot_avx512;
    kernels->square_distance = vg_square_distance_avx512;
    kernels->reach = vg_reach_avx512;
    kernels->pointwise_tiles = pointwise_tiles;
    kernels->stem_tiles = stem_tiles;
    kernels->depthwise_tiles = depthwise_tiles;
}
