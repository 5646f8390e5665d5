/* Vectors of NEON, for tile_tmpl.h and peak_tmpl.h. */
#ifndef VG_KERNELS_ARM_NEON_VEC_TMPL_H
#define VG_KERNELS_ARM_NEON_VEC_TMPL_H

#include <arm_neon.h>

enum { LANES = 4, INPUTS = LANES };
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

#endif
