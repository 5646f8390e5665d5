#include <assert.h>
#include <math.h>

#include "kernels/distance/distance.h"

double vg_dot_ref(const float *a, const float *b, size_t n)
{
    assert(vg_distance_may(a, b, n));
    double sums[VG_DISTANCE_SUMS] = {0};
    for (size_t i = 0; i < n; i++) sums[i % VG_DISTANCE_SUMS] += (double)a[i] * (double)b[i];
    return vg_total_of_sums(sums);
}

double vg_square_distance_ref(const float *a, const float *b, size_t n)
{
    assert(vg_distance_may(a, b, n));
    double sums[VG_DISTANCE_SUMS] = {0};
    for (size_t i = 0; i < n; i++) {
        double difference = (double)a[i] - (double)b[i];
        double *sum = &sums[i % VG_DISTANCE_SUMS];
        *sum = fma(difference, difference, *sum);
    }
    return vg_total_of_sums(sums);
}

int vg_reach_ref(uint64_t *hits, const float *scores, int m, int width, const float *rows,
                 const float *columns)
{
    assert(vg_reach_may(hits, scores, m, width, rows, columns));
    int any = 0;
    for (int i = 0; i < m; i++, scores += width) {
        hits[i] = 0;
        for (int j = 0; j < width; j++) {
            float least = rows[i] < columns[j] ? rows[i] : columns[j];
            hits[i] |= (uint64_t)(scores[j] >= least) << j;
        }
        any |= hits[i] != 0;
    }
    return any;
}
