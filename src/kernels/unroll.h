/* UNROLL before a loop over a register tile: the loop must vanish, or the tile's
 * accumulators live in memory. Not where sanitizers check every step, which would take the
 * compilers minutes. */
#ifndef VG_KERNELS_UNROLL_H
#define VG_KERNELS_UNROLL_H

#if defined(VERGER_SANITIZED)
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#endif
