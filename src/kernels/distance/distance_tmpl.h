/* The kernels of distances over vectors, once for all instruction sets. A file that includes
 * this defines SET (template.h),
 *   DOUBLES   of a vector `dvec`
 *   FLOATS    of a vector `fvec`
 * and dvec_zero(), dvec_load_floats(p): DOUBLES floats made doubles, dvec_store, dvec_sub,
 * dvec_fma (a * b + c), fvec_load, fvec_set1,
 *   fvec_reach(scores, rows, columns)  bits of the scores that are at least the lesser of
 *                                      the other two */
#include <assert.h>
#include <math.h>

#include "kernels/distance/distance.h"
#include "kernels/template.h"

enum { SUM_VECTORS = VG_DISTANCE_SUMS / DOUBLES };

/* Products of floats are exact in float64, so a fused multiply-add of them rounds as a
 * product and a sum do; squares of differences are not, and are fused in every set. */
INLINE double sum_products(const float *a, const float *b, size_t n, const int of_differences)
{
    dvec vectors[SUM_VECTORS];
    double sums[VG_DISTANCE_SUMS];
    size_t i = 0;
    UNROLL
    for (int v = 0; v < SUM_VECTORS; v++) vectors[v] = dvec_zero();
    for (; i + VG_DISTANCE_SUMS <= n; i += VG_DISTANCE_SUMS) {
        UNROLL
        for (int v = 0; v < SUM_VECTORS; v++) {
            dvec x = dvec_load_floats(a + i + v * DOUBLES);
            dvec y = dvec_load_floats(b + i + v * DOUBLES);
            if (of_differences) x = y = dvec_sub(x, y);
            vectors[v] = dvec_fma(x, y, vectors[v]);
        }
    }
    UNROLL
    for (int v = 0; v < SUM_VECTORS; v++) dvec_store(sums + v * DOUBLES, vectors[v]);
    for (int s = 0; i < n; i++, s++) {
        double x = (double)a[i], y = (double)b[i];
        if (of_differences) x = y = x - y;
        sums[s] = fma(x, y, sums[s]);
    }
    return vg_total_of_sums(sums);
}

double KERNEL(dot)(const float *a, const float *b, size_t n)
{
    assert(vg_distance_may(a, b, n));
    return sum_products(a, b, n, 0);
}

double KERNEL(square_distance)(const float *a, const float *b, size_t n)
{
    assert(vg_distance_may(a, b, n));
    return sum_products(a, b, n, 1);
}

int KERNEL(reach)(uint64_t *hits, const float *scores, int m, int width, const float *rows,
                  const float *columns)
{
    assert(vg_reach_may(hits, scores, m, width, rows, columns));
    uint64_t all = 0;
    for (int i = 0; i < m; i++, scores += width) {
        fvec row = fvec_set1(rows[i]);
        uint64_t bits = 0;
        for (int j = 0; j < width; j += FLOATS)
            bits |= (uint64_t)fvec_reach(fvec_load(scores + j), row, fvec_load(columns + j)) << j;
        hits[i] = bits;
        all |= bits;
    }
    return all != 0;
}
