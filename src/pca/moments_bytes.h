/* Numbers as bytes, little-endian, for moments that go from one machine to another. */
#ifndef VG_PCA_MOMENTS_BYTES_H
#define VG_PCA_MOMENTS_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VG_CHECKSUM_BYTES = 8 };

/* These give the place behind what was written. */
static inline uint8_t *vg_put_number(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(value >> (8 * i));
    return to + bytes;
}

/* Whether doubles lie in memory as they do in files. */
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { VG_DOUBLES_LIE_ALIKE = 1 };
#else
enum { VG_DOUBLES_LIE_ALIKE = 0 };
#endif

static inline uint8_t *vg_put_doubles(uint8_t *to, const double *values, size_t n)
{
    if (VG_DOUBLES_LIE_ALIKE) {
        memcpy(to, values, n * sizeof *values);
        return to + n * sizeof *values;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        to = vg_put_number(to, bits, 8);
    }
    return to;
}

/* These move *from behind what was read. */
static inline uint64_t vg_get_number(const uint8_t **from, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)(*from)[i] << (8 * i);
    *from += bytes;
    return value;
}

static inline void vg_get_doubles(const uint8_t **from, double *values, size_t n)
{
    if (VG_DOUBLES_LIE_ALIKE) {
        memcpy(values, *from, n * sizeof *values);
        *from += n * sizeof *values;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = vg_get_number(from, 8);
        memcpy(&values[i], &bits, sizeof bits);
    }
}

/* FNV-1a (Fowler, Noll and Vo): any one changed byte shows. */
static inline uint64_t vg_bytes_checksum(const uint8_t *bytes, size_t n)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
