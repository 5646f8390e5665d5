/* Bytes to the network's input range. */
#ifndef VG_KERNELS_NORMALISE_H
#define VG_KERNELS_NORMALISE_H

#include <stddef.h>
#include <stdint.h>

/* to[i] = from[i] / 127.5 - 1, -1 to 1. */
typedef void vg_normalise_fn(float *to, const uint8_t *from, size_t n);

vg_normalise_fn vg_normalise_ref, vg_normalise_avx2, vg_normalise_neon;

static inline int vg_normalise_may(const float *to, const uint8_t *from, size_t n)
{
    return n == 0 || (to != NULL && from != NULL);
}

#endif
