/* The kernels of an image before the network, one of each a set. Types and
 * contracts are those of kernels.h. Weights of a window are bounded so that no sum
 * leaves 32 bits: 255 times the sum of their magnitudes is below 2^31 - 2^21. */
#ifndef VG_KERNELS_RESAMPLE_H
#define VG_KERNELS_RESAMPLE_H

#include "kernels/kernels.h"

vg_normalise_fn vg_normalise_ref, vg_normalise_avx2, vg_normalise_neon;
vg_resample_row_fn vg_resample_row_ref, vg_resample_row_avx2, vg_resample_row_neon;
vg_resample_column_fn vg_resample_column_ref, vg_resample_column_avx2, vg_resample_column_neon;

#endif
