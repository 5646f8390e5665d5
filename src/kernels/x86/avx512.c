/* AVX-512: 32 registers hold a tile of 14 pixels x 2 vectors, its two weight
 * vectors and one input. 14 divides the width of every layer but the 7x7 ones. */
#include <immintrin.h>

#include "kernels/distance.h"

enum { LANES = 16, PANEL_VECTORS = 2, INPUTS = 1 };
#define TILE_ROWS 14
#define HALF_TILE_ROWS 28
#define WIDE_TILE_ROWS 9
#define VEC_REGISTER "+v"

typedef __m512 vec;
#define vec_load _mm512_loadu_ps
#define vec_store _mm512_storeu_ps
#define vec_set1 _mm512_set1_ps
#define vec_add _mm512_add_ps
#define vec_div _mm512_div_ps
#define vec_min _mm512_min_ps
#define vec_max _mm512_max_ps
#define vec_fma _mm512_fmadd_ps
#define vec_load_inputs(p) vec_set1(*(p))
#define vec_fma_input(x, n, b, c) vec_fma(x, b, c)

#include "kernels/x86/add_pixel_tmpl.h"

#include "kernels/network_tmpl.h"

enum { GRAM_LANES = 8, GRAM_ROWS = 8, GRAM_INPUTS = 1 };

typedef __m512d gram_vec;
#define gram_load _mm512_loadu_pd
#define gram_store _mm512_storeu_pd
#define gram_load_inputs(p) _mm512_set1_pd(*(p))
#define gram_zero _mm512_setzero_pd
#define gram_fma_input(x, n, b, c) _mm512_fmadd_pd(x, b, c)

#include "kernels/gram_tmpl.h"

void vg_kernels_init_avx512(vg_kernels *kernels)
{
    init_network_kernels(kernels);
    kernels->gram = gram;
    kernels->name = "avx512";
    kernels->dot = vg_dot_avx512;
    kernels->square_distance = vg_square_distance_avx512;
    kernels->reach = vg_reach_avx512;
}
