/* SHA-256 of files. */
#include "model/sources/sources.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { PIECE_BYTES = 1 << 16 };

static vg_status digest_file(EVP_MD_CTX *context, FILE *file, const char *path, vg_error *error)
{
    unsigned char piece[PIECE_BYTES];
    size_t size;
    while ((size = fread(piece, 1, sizeof piece, file)) > 0)
        if (EVP_DigestUpdate(context, piece, size) != 1)
            return vg_fail(error, VG_EIO, "cannot compute the SHA-256 of %s", path);
    if (ferror(file)) return vg_fail(error, VG_EIO, "cannot read %s: %s", path, strerror(errno));
    return VG_OK;
}

static void write_hex(const unsigned char *digest, unsigned size, char *hex)
{
    for (unsigned i = 0; i < size; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

vg_status vg_file_sha256(const char *path, char hex[VG_SHA256_CHARS], vg_error *error)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    vg_status status = VG_OK;
    hex[0] = '\0';
    FILE *file = fopen(path, "rb");
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (file == NULL)
        status = vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO, "cannot open %s: %s", path,
                         strerror(errno));
    else if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        status = vg_fail(error, VG_ENOMEM, "cannot begin the SHA-256 of %s", path);
    if (status == VG_OK) status = digest_file(context, file, path, error);
    if (status == VG_OK && EVP_DigestFinal_ex(context, digest, &size) != 1)
        status = vg_fail(error, VG_EIO, "cannot compute the SHA-256 of %s", path);
    if (status == VG_OK) write_hex(digest, size, hex);

    EVP_MD_CTX_free(context);
    if (file != NULL) fclose(file);
    return status;
}
