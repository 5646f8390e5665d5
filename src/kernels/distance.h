/* The kernels of distances, one of each a set. Types and contracts are those of kernels.h. */
#ifndef VG_KERNELS_DISTANCE_H
#define VG_KERNELS_DISTANCE_H

#include "kernels/kernels.h"

/* Sums of a distance that run side by side: enough to hide the latency of a multiply-add in
 * any set, so that all keep the same sums. */
enum { VG_DISTANCE_SUMS = 32 };

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

#endif
