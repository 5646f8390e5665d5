/* Distances between rows. */
#ifndef VG_KERNELS_DISTANCE_H
#define VG_KERNELS_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

/* Sums of a distance that run side by side: enough to hide the latency of a multiply-add in
 * any set, so that all keep the same sums. */
enum { VG_DISTANCE_SUMS = 32 };

/* Sums in float64 of n products of a and b, and of their squared differences. Product i is
 * added to sum i mod VG_DISTANCE_SUMS, and those are added up in a fixed order. */
typedef double vg_dot_fn(const float *a, const float *b, size_t n);
typedef double vg_square_distance_fn(const float *a, const float *b, size_t n);

/* Bit j of hits[i] says whether scores[i][j] >= rows[i] or >= columns[j]; returns 0 where
 * none is. scores: [m][width], width a multiple of 16 up to 64; rows: [m]; columns: [width];
 * no NaN among those two. */
typedef int vg_reach_fn(uint64_t *hits, const float *scores, int m, int width, const float *rows,
                        const float *columns);

/* Their total, halved again and again. Overwrites them. */
static inline double vg_total_of_sums(double sums[VG_DISTANCE_SUMS])
{
    for (int half = VG_DISTANCE_SUMS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sums[i] += sums[i + half];
    return sums[0];
}

vg_dot_fn vg_dot_ref, vg_dot_avx2, vg_dot_avx512, vg_dot_neon;
vg_square_distance_fn vg_square_distance_ref, vg_square_distance_avx2, vg_square_distance_avx512,
    vg_square_distance_neon;
vg_reach_fn vg_reach_ref, vg_reach_avx2, vg_reach_avx512, vg_reach_neon;

static inline int vg_distance_may(const float *a, const float *b, size_t n)
{
    return n == 0 || (a != NULL && b != NULL);
}

static inline int vg_reach_may(const uint64_t *hits, const float *scores, int m, int width,
                               const float *rows, const float *columns)
{
    return hits != NULL && scores != NULL && m >= 0 && width > 0 && width <= 64 &&
           width % 16 == 0 && rows != NULL && columns != NULL;
}

#endif
