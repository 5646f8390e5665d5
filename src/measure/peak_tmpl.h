/* For a vector `vec` of LANES floats (kernels/tile_tmpl.h); VEC_REGISTER is the constraint of a
 * register that inline assembly reads and writes. PEAK_SUMS vectors hide the latency of each. */
#include "kernels/template.h"
#include "measure/peak.h"

double KERNEL(peak)(long rounds)
{
    vec sums[PEAK_SUMS];
    UNROLL
    for (int i = 0; i < PEAK_SUMS; i++) sums[i] = vec_set1(0.125F * (float)i);
    vec factor = vec_set1(0.5F), term = vec_set1(0.25F);
    for (long round = 0; round < rounds; round++) {
        UNROLL
        for (int i = 0; i < PEAK_SUMS; i++) {
            sums[i] = vec_fma(sums[i], factor, term);
            /* Keeps the compiler from finding the loop's fixed point. */
            __asm__ volatile("" : VEC_REGISTER(sums[i]));
        }
    }
    return (double)(2 * LANES * PEAK_SUMS) * (double)rounds;
}
