/* HEIC and AVIF through libheif: the primary image, turned and cropped as the file says.
 * Pillow 10 reads neither, so the bytes are libheif's. */
#include <string.h>

#include <libheif/heif.h>

#include "base/error.h"
#include "image/decoding.h"

/* Planes of 16 bits for a picture and those it refers to, and the picture in RGB. */
enum { WORKING_BYTES = 12 };

static vg_status fail(const vg_decoding *decoding, struct heif_error reason)
{
    vg_error *error = decoding->error;
    switch (reason.code) {
    case heif_error_Memory_allocation_error:
        return vg_fail(error, VG_ENOMEM,
                       "cannot allocate memory for the %s image: free some and try again",
                       decoding->format);
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
    case heif_error_Decoder_plugin_error:
        return vg_fail(error, VG_EUNSUPPORTED, "the %s image cannot be read: %s", decoding->format,
                       reason.message);
    default:
        return vg_fail(error, VG_EFORMAT, "the %s image is damaged: %s", decoding->format,
                       reason.message);
    }
}

static vg_status copy_rows(vg_decoding *decoding, const struct heif_image *from)
{
    vg_image *image = decoding->image;
    int stride;
    const uint8_t *plane = heif_image_get_plane_readonly(from, heif_channel_interleaved, &stride);
    if (plane == NULL || heif_image_get_width(from, heif_channel_interleaved) != image->width ||
        heif_image_get_height(from, heif_channel_interleaved) != image->height)
        return vg_fail(decoding->error, VG_EFORMAT,
                       "the %s image is damaged: it is not of the size it says", decoding->format);
    size_t bytes = (size_t)image->width * VG_RGB_CHANNELS;
    for (int y = 0; y < image->height; y++)
        memcpy(image->rgb + (size_t)y * bytes, plane + (ptrdiff_t)y * stride, bytes);
    return vg_decoding_go_on(decoding, (uint64_t)image->width * (uint64_t)image->height);
}

static vg_status decode(vg_decoding *decoding, struct heif_image_handle *handle)
{
    int width = heif_image_handle_get_width(handle), height = heif_image_handle_get_height(handle);
    uint64_t w = width > 0 ? (uint64_t)width : 0, h = height > 0 ? (uint64_t)height : 0;
    uint64_t working =
        h > 0 && w > UINT64_MAX / h / WORKING_BYTES ? UINT64_MAX : w * h * WORKING_BYTES;
    vg_status status = vg_decoding_begin(decoding, w, h, working);
    if (status != VG_OK) return status;
    struct heif_image *picture = NULL;
    struct heif_error reason =
        heif_decode_image(handle, &picture, heif_colorspace_RGB, heif_chroma_interleaved_RGB, NULL);
    if (reason.code != heif_error_Ok) return fail(decoding, reason);
    status = copy_rows(decoding, picture);
    heif_image_release(picture);
    return status;
}

vg_status vg_decode_heif(vg_decoding *decoding)
{
    struct heif_context *context = heif_context_alloc();
    if (context == NULL) return vg_fail_memory(decoding->error, sizeof(void *));
    struct heif_image_handle *handle = NULL;
    vg_status status = VG_OK;
    struct heif_error reason =
        heif_context_read_from_memory_without_copy(context, decoding->data, decoding->size, NULL);
    if (reason.code == heif_error_Ok)
        reason = heif_context_get_primary_image_handle(context, &handle);
    if (reason.code == heif_error_Ok)
        status = decode(decoding, handle);
    else
        status = fail(decoding, reason);
    heif_image_handle_release(handle);
    heif_context_free(context);
    return status;
}
