/* What a core can do at most. */
#ifndef VG_MEASURE_PEAK_H
#define VG_MEASURE_PEAK_H

/* Runs `rounds` rounds of independent multiply-adds in registers; returns the
 * floating-point operations done. */
typedef double vg_peak_fn(long rounds);

vg_peak_fn vg_peak_ref, vg_peak_avx2, vg_peak_avx512, vg_peak_neon;

#endif
