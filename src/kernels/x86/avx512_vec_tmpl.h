/* Vectors of AVX-512, for tile_tmpl.h and peak_tmpl.h. */
#ifndef VG_KERNELS_X86_AVX512_VEC_TMPL_H
#define VG_KERNELS_X86_AVX512_VEC_TMPL_H

#include <immintrin.h>

enum { LANES = 16, INPUTS = 1 };
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

#endif
