/* Distances with NEON. */
#include <arm_neon.h>

enum { DOUBLES = 2, FLOATS = 4 };
#define SET neon

typedef float64x2_t dvec;
#define dvec_zero() vdupq_n_f64(0.0)
#define dvec_load_floats(p) vcvt_f64_f32(vld1_f32(p))
#define dvec_store vst1q_f64
#define dvec_sub vsubq_f64
#define dvec_fma(a, b, c) vfmaq_f64(c, a, b)

typedef float32x4_t fvec;
#define fvec_load vld1q_f32
#define fvec_set1 vdupq_n_f32

static inline unsigned fvec_reach(fvec scores, fvec rows, fvec columns)
{
    const uint32x4_t bits = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgeq_f32(scores, vminq_f32(rows, columns)), bits));
}

#include "kernels/distance/distance_tmpl.h"
