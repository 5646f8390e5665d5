/* What the CPU and the operating system let a program use. */
#ifndef VG_BASE_CPU_H
#define VG_BASE_CPU_H

#include <stddef.h>

enum {
    VG_CPU_AVX2 = 1 << 0,   /* AVX2 and FMA3, with the YMM state saved */
    VG_CPU_AVX512 = 1 << 1, /* AVX-512 F, BW, DQ, VL, with the ZMM state saved */
    VG_CPU_NEON = 1 << 2,   /* Advanced SIMD of 64-bit ARM */
    VG_CPU_AMX = 1 << 3,    /* AMX tiles and their products of bytes, with the tile state saved */
    VG_CPU_VNNI = 1 << 4,   /* AVX-512 VNNI, with the ZMM state saved */
};

unsigned vg_cpu_features(void);

/* Asks the operating system for leave to use AMX, for the whole process and for good; 0 where
 * it is not given. */
int vg_cpu_allow_amx(void);

/* Bytes of this core's data cache of level 1 or 2; a usual size where the
 * system does not say. */
size_t vg_cpu_cache_bytes(int level);

#endif
