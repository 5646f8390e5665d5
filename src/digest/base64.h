/* Base64 (RFC 4648, section 4), over OpenSSL. */
#ifndef VG_DIGEST_BASE64_H
#define VG_DIGEST_BASE64_H

#include <stdio.h>

#include "verger/verger.h"

/* Writes the bytes as one line without an end; ferror(out) tells of failures. */
void vg_base64_write(FILE *out, const void *bytes, size_t size);

/* The SHA-256 of the bytes, as a content policy names a script by. */
enum { VG_BASE64_SHA256_CHARS = 45 };
vg_status vg_base64_sha256(const void *bytes, size_t size, char text[VG_BASE64_SHA256_CHARS],
                           vg_error *error);

#endif
