/* Any bytes to vg_image_decode: an image within the limit, or a reason. A PNG is tried
 * again with its checksums put right, or nothing past them would ever be reached. */
#include <string.h>
#include <zlib.h>

#include "fuzz/fuzz.h"
#include "verger/verger.h"

enum { MAX_PIXELS = 1 << 20, PNG_SIGNATURE = 8, CHUNK_OVERHEAD = 12 };

/* Reads every byte, so that a sanitizer sees those that were not written. */
static void check_pixels(const vg_image *image)
{
    FUZZ_CHECK(image->width > 0 && image->height > 0);
    size_t bytes = (size_t)image->width * (size_t)image->height * 3;
    FUZZ_CHECK(bytes <= MAX_PIXELS * 3 && image->capacity >= bytes);
    size_t sum = 0;
    for (size_t i = 0; i < bytes; i++) sum += image->rgb[i];
    FUZZ_CHECK(sum <= bytes * UINT8_MAX);
}

static void decode(const uint8_t *data, size_t size, int exif_orient)
{
    vg_image image = {0};
    vg_error error = {{0}};
    vg_image_options options;
    vg_image_options_default(&options);
    options.max_pixels = MAX_PIXELS;
    options.exif_orient = exif_orient;
    if (vg_image_decode(&image, data, size, &options, &error) == VG_OK)
        check_pixels(&image);
    else
        FUZZ_CHECK(error.message[0] != '\0');
    vg_image_close(&image);
    FUZZ_CHECK(image.rgb == NULL);
}

static size_t big_endian(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static void mend_checksums(uint8_t *png, size_t size)
{
    size_t at = PNG_SIGNATURE;
    while (size - at >= CHUNK_OVERHEAD) {
        size_t body = big_endian(png + at);
        if (body > size - at - CHUNK_OVERHEAD) return;
        uint8_t *name = png + at + 4, *checksum = name + 4 + body;
        uLong crc = crc32(0, name, (uInt)(4 + body));
        for (int i = 0; i < 4; i++) checksum[i] = (uint8_t)(crc >> (24 - 8 * i));
        at += CHUNK_OVERHEAD + body;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode(data, size, 0);
    decode(data, size, 1);
    if (size < PNG_SIGNATURE || memcmp(data, "\x89PNG", 4) != 0) return 0;

    uint8_t *mended = malloc(size);
    FUZZ_CHECK(mended != NULL);
    memcpy(mended, data, size);
    mend_checksums(mended, size);
    decode(mended, size, 0);
    free(mended);
    return 0;
}
