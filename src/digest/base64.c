#include "digest/base64.h"

#include <openssl/evp.h>

#include "base/error.h"

/* Three bytes are four letters; a piece is a multiple of three, so that pieces join. */
enum { PIECE = 3 * 4096 };

void vg_base64_write(FILE *out, const void *bytes, size_t size)
{
    unsigned char letters[PIECE / 3 * 4 + 1];
    const unsigned char *next = bytes;
    while (size > 0) {
        size_t taken = size < PIECE ? size : PIECE;
        int written = EVP_EncodeBlock(letters, next, (int)taken);
        fwrite(letters, 1, (size_t)written, out);
        next += taken;
        size -= taken;
    }
}

vg_status vg_base64_sha256(const void *bytes, size_t size, char text[VG_BASE64_SHA256_CHARS],
                           vg_error *error)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(bytes, size, digest, &length, EVP_sha256(), NULL) != 1 || length != 32)
        return vg_fail(error, VG_EUNSUPPORTED, "OpenSSL has no SHA-256 here");
    EVP_EncodeBlock((unsigned char *)text, digest, (int)length);
    return VG_OK;
}
