/* Which decoder an image's first bytes ask for, and the buffer that all share. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "image/image.h"

#define SUPPORTED "only JPEG and PNG are supported"

enum {
    RGB_CHANNELS = 3,
    DEFAULT_MAX_SECONDS = 60,    /* ten times what the slowest sound image takes */
    SPARE_BYTES_KEPT = 64 << 20, /* one huge image must not hold its memory for ever */
    TEXT_BYTES = 64,             /* bytes that tell text from binary data */
};

/* The limit of Pillow's Image.MAX_IMAGE_PIXELS. */
static const uint64_t default_max_pixels = 89478485;

static const char jpeg_magic[] = "\xFF\xD8\xFF";
static const char png_magic[] = "\x89PNG\r\n\x1A\n";

/* --- Options and buffer ------------------------------------------------- */

void vg_image_options_default(vg_image_options *options)
{
    *options =
        (vg_image_options){.max_pixels = default_max_pixels, .max_seconds = DEFAULT_MAX_SECONDS};
}

void vg_image_close(vg_image *image)
{
    if (image == NULL) return;
    free(image->rgb);
    *image = (vg_image){0};
}

vg_status vg_image_check_limit(const vg_image_options *options, uint64_t width, uint64_t height,
                               vg_error *error)
{
    if (width == 0 || height == 0) return VG_OK;
    if (width <= options->max_pixels / height) {
        if (width <= VG_LONGEST_SIDE && height <= VG_LONGEST_SIDE) return VG_OK;
        return vg_fail(error, VG_ELIMIT,
                       "the image is %" PRIu64 " x %" PRIu64 " pixels: %d a side is the most",
                       width, height, VG_LONGEST_SIDE);
    }
    return vg_fail(error, VG_ELIMIT,
                   "the image is %" PRIu64 " x %" PRIu64 " pixels, more than the limit of %" PRIu64
                   " in all: make it smaller or raise the limit",
                   width, height, options->max_pixels);
}

vg_status vg_image_reserve(vg_image *image, int width, int height, vg_error *error)
{
    image->width = image->height = 0;
    if (width <= 0 || height <= 0)
        return vg_fail(error, VG_EINVAL, "an image of %d x %d pixels has no pixels", width, height);
    if ((size_t)width > SIZE_MAX / RGB_CHANNELS / (size_t)height)
        return vg_fail_memory(error, SIZE_MAX);
    size_t bytes = (size_t)width * (size_t)height * RGB_CHANNELS;
    if (bytes > image->capacity || image->capacity - bytes > SPARE_BYTES_KEPT) {
        vg_image_close(image);
        image->rgb = malloc(bytes);
        if (image->rgb == NULL) return vg_fail_memory(error, bytes);
        image->capacity = bytes;
    }
    image->width = width;
    image->height = height;
    return VG_OK;
}

/* --- First bytes -------------------------------------------------------- */

static int starts_with(const void *data, size_t size, const char *magic, size_t length)
{
    return size >= length && memcmp(data, magic, length) == 0;
}

static int is_cut_magic(const void *data, size_t size, const char *magic, size_t length)
{
    return size < length && memcmp(data, magic, size) == 0;
}

static int is_text(const unsigned char *data, size_t size)
{
    size_t n = size < TEXT_BYTES ? size : TEXT_BYTES;
    for (size_t i = 0; i < n; i++)
        if (!isprint(data[i]) && !isspace(data[i]) && data[i] < 0x80) return 0;
    return 1;
}

/* What data that is neither JPEG nor PNG looks like. */
static const char *guess_format(const void *data, size_t size)
{
    static const struct {
        const char *magic;
        size_t offset, length;
        const char *name;
    } formats[] = {
        {"GIF8", 0, 4, "a GIF image"},
        {"WEBP", 8, 4, "a WebP image"},
        {"BM", 0, 2, "a BMP image"},
        {"II*\0", 0, 4, "a TIFF image"},
        {"MM\0*", 0, 4, "a TIFF image"},
        {"ftypavif", 4, 8, "an AVIF image"},
        {"ftyphe", 4, 6, "an HEIC image"},
        {"\0\0\0\x0CjP  ", 0, 8, "a JPEG 2000 image"},
        {"\xFF\x4F\xFF\x51", 0, 4, "a JPEG 2000 image"},
        {"%PDF", 0, 4, "a PDF document"},
        {"PK\x03\x04", 0, 4, "a ZIP archive"},
        {"\x1F\x8B", 0, 2, "a gzip file"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        size_t offset = formats[i].offset, length = formats[i].length;
        if (size < offset + length) continue;
        if (memcmp((const char *)data + offset, formats[i].magic, length) == 0)
            return formats[i].name;
    }
    return is_text(data, size) ? "text, not an image" : "of no known image format";
}

static vg_status fail_unknown(const void *data, size_t size, vg_error *error)
{
    if (size == 0) return vg_fail(error, VG_EFORMAT, "the file is empty: get a complete copy");
    if (is_cut_magic(data, size, jpeg_magic, sizeof jpeg_magic - 1) ||
        is_cut_magic(data, size, png_magic, sizeof png_magic - 1))
        return vg_fail(error, VG_EFORMAT,
                       "the file ends within its first bytes (%zu): get a complete copy", size);
    return vg_fail(error, VG_EFORMAT, "the file is %s: " SUPPORTED, guess_format(data, size));
}

vg_status vg_image_decode(vg_image *image, const void *data, size_t size,
                          const vg_image_options *options, vg_error *error)
{
    if (image == NULL || (data == NULL && size > 0))
        return vg_fail(error, VG_EINVAL, "vg_image_decode: image and data are needed");
    vg_image_options defaults;
    if (options == NULL) {
        vg_image_options_default(&defaults);
        options = &defaults;
    }
    vg_status status;
    if (starts_with(data, size, jpeg_magic, sizeof jpeg_magic - 1))
        status = vg_decode_jpeg(image, data, size, options, error);
    else if (starts_with(data, size, png_magic, sizeof png_magic - 1))
        status = vg_decode_png(image, data, size, options, error);
    else
        status = fail_unknown(data, size, error);
    /* Half an image must not pass for one. */
    if (status != VG_OK) image->width = image->height = 0;
    return status;
}
