/* Distances with AVX2 and FMA. */
#include <immintrin.h>

enum { DOUBLES = 4, FLOATS = 8 };
#define SET avx2

typedef __m256d dvec;
#define dvec_zero _mm256_setzero_pd
#define dvec_load_floats(p) _mm256_cvtps_pd(_mm_loadu_ps(p))
#define dvec_store _mm256_storeu_pd
#define dvec_sub _mm256_sub_pd
#define dvec_fma _mm256_fmadd_pd

typedef __m256 fvec;
#define fvec_load _mm256_loadu_ps
#define fvec_set1 _mm256_set1_ps
#define fvec_reach(scores, rows, columns) \
    (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(scores, _mm256_min_ps(rows, columns), _CMP_GE_OQ))

#include "kernels/distance/distance_tmpl.h"
