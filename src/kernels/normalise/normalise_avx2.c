#include <assert.h>

#include <immintrin.h>

#include "kernels/normalise/normalise.h"

void vg_normalise_avx2(float *to, const uint8_t *from, size_t n)
{
    assert(vg_normalise_may(to, from, n));
    const __m256 scale = _mm256_set1_ps(127.5F), one = _mm256_set1_ps(1.0F);
    const __m256 reciprocal = _mm256_set1_ps(1.0F / 127.5F);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(from + i)));
        /* A product and the share of its error give the bits of the division for each of
         * the 256 bytes, in half the time. */
        __m256 values = _mm256_cvtepi32_ps(bytes);
        __m256 quotient = _mm256_mul_ps(values, reciprocal);
        __m256 error = _mm256_fnmadd_ps(quotient, scale, values);
        quotient = _mm256_fmadd_ps(error, reciprocal, quotient);
        _mm256_storeu_ps(to + i, _mm256_sub_ps(quotient, one));
    }
    vg_normalise_ref(to + i, from + i, n - i);
}
