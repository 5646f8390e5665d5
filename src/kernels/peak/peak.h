/* What a core can do at most. */
#ifndef VG_KERNELS_PEAK_H
#define VG_KERNELS_PEAK_H

/* Runs `rounds` rounds of independent multiply-adds in registers; returns the
 * floating-point operations done. */
typedef double vg_peak_fn(long rounds);

vg_peak_fn vg_peak_ref;

#endif
