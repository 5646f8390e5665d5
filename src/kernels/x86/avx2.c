/* AVX2 and FMA: 16 registers hold a tile of 6 pixels x 2 vectors, its two weight
 * vectors and one input. */
#include <immintrin.h>

#include "kernels/distance.h"
#include "kernels/resample.h"

enum { LANES = 8, PANEL_VECTORS = 2, INPUTS = 1 };
#define TILE_ROWS 6
#define HALF_TILE_ROWS 12
#define WIDE_TILE_ROWS 4
#define VEC_REGISTER "+v"

typedef __m256 vec;
#define vec_load _mm256_loadu_ps
#define vec_store _mm256_storeu_ps
#define vec_set1 _mm256_set1_ps
#define vec_add _mm256_add_ps
#define vec_div _mm256_div_ps
#define vec_min _mm256_min_ps
#define vec_max _mm256_max_ps
#define vec_fma _mm256_fmadd_ps
#define vec_load_inputs(p) vec_set1(*(p))
#define vec_fma_input(x, n, b, c) vec_fma(x, b, c)

#include "kernels/x86/add_pixel_tmpl.h"

#include "kernels/network_tmpl.h"

enum { GRAM_LANES = 4, GRAM_ROWS = 4, GRAM_INPUTS = 1 };

typedef __m256d gram_vec;
#define gram_load _mm256_loadu_pd
#define gram_store _mm256_storeu_pd
#define gram_load_inputs(p) _mm256_set1_pd(*(p))
#define gram_zero _mm256_setzero_pd
#define gram_fma_input(x, n, b, c) _mm256_fmadd_pd(x, b, c)

#include "kernels/gram_tmpl.h"

void vg_kernels_init_avx2(vg_kernels *kernels)
{
    init_network_kernels(kernels);
    kernels->gram = gram;
    kernels->name = "avx2";
    kernels->normalise = vg_normalise_avx2;
    kernels->resample_row = vg_resample_row_avx2;
    kernels->resample_column = vg_resample_column_avx2;
    kernels->dot = vg_dot_avx2;
    kernels->square_distance = vg_square_distance_avx2;
    kernels->reach = vg_reach_avx2;
}
