/* SHA-256 (FIPS 180-4): what a file, a table part or an image is known by. */
#ifndef VG_DIGEST_SHA256_H
#define VG_DIGEST_SHA256_H

#include "verger/verger.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 64 hexadecimal digits and NUL, for 32 bytes. */
enum { VG_SHA256_CHARS = 65, VG_SHA256_BYTES = 32 };

/* A digest of bytes that come in pieces. */
typedef struct vg_sha256 vg_sha256;

vg_status vg_sha256_open(vg_sha256 **sha256, vg_error *error);
void vg_sha256_close(vg_sha256 **sha256);
vg_status vg_sha256_add(vg_sha256 *sha256, const void *bytes, size_t size, vg_error *error);
/* The digest of all that was added; the next piece begins another. */
vg_status vg_sha256_take(vg_sha256 *sha256, char hex[VG_SHA256_CHARS], vg_error *error);

/* The same as bytes. */
vg_status vg_sha256_take_bytes(vg_sha256 *sha256, unsigned char bytes[VG_SHA256_BYTES],
                               vg_error *error);

/* Of bytes in memory: one piece, and where second_size is not 0 another behind it. */
vg_status vg_sha256_of(char hex[VG_SHA256_CHARS], const void *first, size_t first_size,
                       const void *second, size_t second_size, vg_error *error);

/* Of a file on this machine. */
vg_status vg_file_sha256(const char *path, char hex[VG_SHA256_CHARS], vg_error *error);

#ifdef __cplusplus
}
#endif

#endif
