/* What the kernels' templates share. A file that includes one defines SET, the name of its
 * instruction set: it stands in the name of each function, and so does a tile's shape. */
#ifndef VG_KERNELS_TEMPLATE_H
#define VG_KERNELS_TEMPLATE_H

#define VG_JOIN_(a, b, c) vg_##a##_##b##c
#define VG_JOIN(a, b, c) VG_JOIN_(a, b, c)
/* vg_pointwise_avx512 */
#define KERNEL(operation) VG_JOIN(operation, SET, )
/* vg_pointwise_avx512_14x2: rows and vectors of the tile */
#define TILE_KERNEL(operation, rows, vectors) VG_JOIN(operation, SET, _##rows##x##vectors)
/* vg_pointwise_avx512_any */
#define FALLBACK_KERNEL(operation) VG_JOIN(operation, SET, _any)

#define INLINE static inline __attribute__((always_inline))

/* UNROLL before a loop over a register tile: the loop must vanish, or the tile's
 * accumulators live in memory. Not where sanitizers check every step, which would take the
 * compilers minutes. */
#if defined(VERGER_SANITIZED)
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#endif
