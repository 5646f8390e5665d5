/* Distances with AVX-512. */
#include <immintrin.h>

enum { DOUBLES = 8, FLOATS = 16 };
#define SET avx512

typedef __m512d dvec;
#define dvec_zero _mm512_setzero_pd
#define dvec_load_floats(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define dvec_store _mm512_storeu_pd
#define dvec_sub _mm512_sub_pd
#define dvec_fma _mm512_fmadd_pd

typedef __m512 fvec;
#define fvec_load _mm512_loadu_ps
#define fvec_set1 _mm512_set1_ps
#define fvec_reach(scores, rows, columns) \
    _mm512_cmp_ps_mask(scores, _mm512_min_ps(rows, columns), _CMP_GE_OQ)

#include "kernels/distance/distance_tmpl.h"
