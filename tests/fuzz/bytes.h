/* Reads choices out of the bytes of a fuzzer. */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include <string.h>

#include "fuzz/fuzz.h"

typedef struct fuzz_bytes {
    const uint8_t *next, *end;
} fuzz_bytes;

/* 0 where the bytes have run out. */
static inline uint8_t fuzz_byte(fuzz_bytes *bytes)
{
    return bytes->next < bytes->end ? *bytes->next++ : 0;
}

static inline size_t fuzz_below(fuzz_bytes *bytes, size_t bound)
{
    return fuzz_byte(bytes) % bound;
}

/* Mostly small, now and then one of those at which sums overflow. */
static inline int64_t fuzz_number(fuzz_bytes *bytes)
{
    static const int64_t odd[] = {-1,        -2,        INT32_MAX,     INT32_MIN,
                                  INT64_MAX, INT64_MIN, INT64_MAX - 1, (int64_t)1 << 32};
    uint8_t byte = fuzz_byte(bytes);
    return byte < 0xf8 ? byte % 32 : odd[byte - 0xf8];
}

/* The last eight bytes become the checksum of those before, as src/pca/moments_bytes.h has it
 * (FNV-1a): or nothing past the check would ever be reached. */
static inline void fuzz_mend_checksum(uint8_t *bytes, size_t size)
{
    enum { CHECKSUM_BYTES = 8 };
    if (size < CHECKSUM_BYTES) return;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    uint8_t *checksum = bytes + size - CHECKSUM_BYTES;
    for (const uint8_t *byte = bytes; byte < checksum; byte++)
        hash = (hash ^ *byte) * UINT64_C(0x100000001b3);
    for (int i = 0; i < CHECKSUM_BYTES; i++) checksum[i] = (uint8_t)(hash >> (8 * i));
}

/* Up to `capacity` - 1 bytes as a text; stops at a NUL. */
static inline void fuzz_text(fuzz_bytes *bytes, char *text, size_t capacity)
{
    size_t used = 0, size = fuzz_below(bytes, capacity);
    while (used < size && (text[used] = (char)fuzz_byte(bytes)) != '\0') used++;
    text[used] = '\0';
}

#endif
