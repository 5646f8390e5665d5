#include "digest/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { PIECE_BYTES = 1 << 16 };

struct vg_sha256 {
    EVP_MD_CTX *context;
};

static vg_status fail_openssl(vg_error *error)
{
    return vg_fail(error, VG_EUNSUPPORTED,
                   "OpenSSL refuses to compute a SHA-256: check its configuration");
}

vg_status vg_sha256_open(vg_sha256 **sha256, vg_error *error)
{
    *sha256 = NULL;
    vg_sha256 *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    vg_status status = VG_OK;
    opened->context = EVP_MD_CTX_new();
    if (opened->context == NULL)
        status = vg_fail_memory(error, sizeof *opened);
    else if (EVP_DigestInit_ex(opened->context, EVP_sha256(), NULL) != 1)
        status = fail_openssl(error);
    if (status != VG_OK) vg_sha256_close(&opened);
    *sha256 = opened;
    return status;
}

void vg_sha256_close(vg_sha256 **sha256)
{
    if (*sha256 == NULL) return;
    EVP_MD_CTX_free((*sha256)->context);
    free(*sha256);
    *sha256 = NULL;
}

vg_status vg_sha256_add(vg_sha256 *sha256, const void *bytes, size_t size, vg_error *error)
{
    return EVP_DigestUpdate(sha256->context, bytes, size) == 1 ? VG_OK : fail_openssl(error);
}

vg_status vg_sha256_take_bytes(vg_sha256 *sha256, unsigned char bytes[VG_SHA256_BYTES],
                               vg_error *error)
{
    if (EVP_DigestFinal_ex(sha256->context, bytes, NULL) != 1 ||
        EVP_DigestInit_ex(sha256->context, NULL, NULL) != 1)
        return fail_openssl(error);
    return VG_OK;
}

vg_status vg_sha256_take(vg_sha256 *sha256, char hex[VG_SHA256_CHARS], vg_error *error)
{
    unsigned char digest[VG_SHA256_BYTES];
    hex[0] = '\0';
    vg_status status = vg_sha256_take_bytes(sha256, digest, error);
    if (status != VG_OK) return status;
    for (unsigned i = 0; i < VG_SHA256_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return VG_OK;
}

static vg_status add_file(vg_sha256 *sha256, FILE *file, const char *path, vg_error *error)
{
    unsigned char piece[PIECE_BYTES];
    size_t size;
    while ((size = fread(piece, 1, sizeof piece, file)) > 0) {
        vg_status status = vg_sha256_add(sha256, piece, size, error);
        if (status != VG_OK) return status;
    }
    if (ferror(file)) return vg_fail(error, VG_EIO, "cannot read %s: %s", path, strerror(errno));
    return VG_OK;
}

vg_status vg_sha256_of(char hex[VG_SHA256_CHARS], const void *first, size_t first_size,
                       const void *second, size_t second_size, vg_error *error)
{
    vg_sha256 *sha256 = NULL;
    vg_status status = vg_sha256_open(&sha256, error);
    if (status == VG_OK) status = vg_sha256_add(sha256, first, first_size, error);
    if (status == VG_OK && second_size > 0)
        status = vg_sha256_add(sha256, second, second_size, error);
    if (status == VG_OK) status = vg_sha256_take(sha256, hex, error);
    vg_sha256_close(&sha256);
    return status;
}

vg_status vg_file_sha256(const char *path, char hex[VG_SHA256_CHARS], vg_error *error)
{
    hex[0] = '\0';
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO, "cannot open %s: %s", path,
                       strerror(errno));
    vg_sha256 *sha256;
    vg_status status = vg_sha256_open(&sha256, error);
    if (status == VG_OK) status = add_file(sha256, file, path, error);
    if (status == VG_OK) status = vg_sha256_take(sha256, hex, error);
    vg_sha256_close(&sha256);
    fclose(file);
    return status;
}
