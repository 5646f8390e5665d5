/* Limits of an image, its memory, and the buffer of its pixels. */
#include "image/decoding.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "image/budget.h"

enum {
    DEFAULT_MAX_SECONDS = 60,    /* ten times what the slowest sound image takes */
    SPARE_BYTES_KEPT = 64 << 20, /* one huge image must not hold its memory for ever */
    /* The pixels of a colour image and, twice as large, the coefficients of a progressive
     * JPEG beside them. */
    BYTES_PER_PIXEL = 9,
};

/* What Pillow raises an error beyond, twice its Image.MAX_IMAGE_PIXELS; beyond half of it it
 * warns. */
static const uint64_t default_max_pixels = 178956970;

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

vg_status vg_image_reserve(vg_image *image, int width, int height, vg_error *error)
{
    image->width = image->height = 0;
    if (width <= 0 || height <= 0)
        return vg_fail(error, VG_EINVAL, "an image of %d x %d pixels has no pixels", width, height);
    if ((size_t)width > SIZE_MAX / VG_RGB_CHANNELS / (size_t)height)
        return vg_fail_memory(error, SIZE_MAX);
    size_t bytes = (size_t)width * (size_t)height * VG_RGB_CHANNELS;
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

/* --- Limits ------------------------------------------------------------- */

static vg_status check_size(const vg_decoding *decoding, uint64_t width, uint64_t height)
{
    uint64_t max_pixels = decoding->options->max_pixels;
    if (width == 0 || height == 0)
        return vg_fail(decoding->error, VG_EFORMAT,
                       "the image is damaged: it is %" PRIu64 " x %" PRIu64 " pixels", width,
                       height);
    if (width <= max_pixels / height) {
        if (width <= VG_LONGEST_SIDE && height <= VG_LONGEST_SIDE) return VG_OK;
        return vg_fail(decoding->error, VG_ELIMIT,
                       "the image is %" PRIu64 " x %" PRIu64 " pixels: %d a side is the most",
                       width, height, VG_LONGEST_SIDE);
    }
    return vg_fail(decoding->error, VG_ELIMIT,
                   "the image is %" PRIu64 " x %" PRIu64 " pixels, more than the limit of %" PRIu64
                   " in all: make it smaller or raise the limit",
                   width, height, max_pixels);
}

/* Small images may take what they like. */
static uint64_t most_bytes(uint64_t max_pixels)
{
    uint64_t bytes =
        max_pixels > UINT64_MAX / BYTES_PER_PIXEL ? UINT64_MAX : max_pixels * BYTES_PER_PIXEL;
    return bytes > VG_LARGE_BYTES ? bytes : VG_LARGE_BYTES;
}

static vg_status take_memory(vg_decoding *decoding, uint64_t pixels, uint64_t working)
{
    const vg_image_options *options = decoding->options;
    uint64_t bytes = pixels * VG_RGB_CHANNELS, most = most_bytes(options->max_pixels);
    /* Turning it upright takes a second image, after the decoder is done. */
    if (options->exif_orient && working < bytes) working = bytes;
    if (working > most || bytes > most - working)
        return vg_fail(decoding->error, VG_ELIMIT,
                       "the image takes %" PRIu64 " MiB to decode, more than the limit of %" PRIu64
                       ": save it again as a baseline JPEG or a PNG, or raise the limit of pixels",
                       (bytes + working) >> 20, most >> 20);
    bytes += working;
    if (options->budget == NULL || bytes < VG_LARGE_BYTES) return VG_OK;
    vg_status status = vg_budget_take(options->budget, bytes, options, decoding->error);
    if (status == VG_OK) decoding->taken = bytes;
    return status;
}

vg_status vg_decoding_begin(vg_decoding *decoding, uint64_t width, uint64_t height,
                            uint64_t working)
{
    assert(decoding->taken == 0);
    vg_status status = check_size(decoding, width, height);
    if (status == VG_OK) status = take_memory(decoding, width * height, working);
    if (status != VG_OK) return status;
    return vg_image_reserve(decoding->image, (int)width, (int)height, decoding->error);
}

vg_status vg_decoding_go_on(vg_decoding *decoding, uint64_t pixels)
{
    return vg_watch_pixels(&decoding->watch, pixels, decoding->error);
}

vg_status vg_decoding_ends_early(const vg_decoding *decoding, const char *format)
{
    return vg_fail(decoding->error, VG_EFORMAT, "the %s ends early: get a complete copy", format);
}
