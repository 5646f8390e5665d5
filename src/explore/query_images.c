#include "explore/query_images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct vg_query_images {
    vg_query_images_options options;
    vg_model *model;
    vg_extractor *extractor;
    vg_bytes content;
    uint8_t *rgb; /* [VG_IMAGE_SIZE][VG_IMAGE_SIZE][3] */
};

/* --- Open and close ---------------------------------------------------------------------- */

vg_status vg_query_images_open(vg_query_images **images, const vg_query_images_options *options,
                               vg_error *error)
{
    *images = NULL;
    if (options->model_source == NULL)
        return vg_fail(
            error, VG_ENOTFOUND,
            "there are no weights here to read images with: fetch them with 'verger model "
            "fetch', or give them with --model");
    vg_query_images *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->options = *options;
    vg_status status = vg_model_open(&opened->model, options->model_source, NULL, error);
    vg_extractor_options extractor_options;
    vg_extractor_options_default(&extractor_options);
    extractor_options.threads = options->threads;
    if (status == VG_OK)
        status = vg_extractor_open(&opened->extractor, opened->model, &extractor_options, error);
    if (status != VG_OK) vg_query_images_close(&opened);
    *images = opened;
    return status;
}

void vg_query_images_close(vg_query_images **images)
{
    if (*images == NULL) return;
    vg_extractor_close(&(*images)->extractor);
    vg_model_close(&(*images)->model);
    free((*images)->content.bytes);
    free((*images)->rgb);
    free(*images);
    *images = NULL;
}

/* --- Images --------------------------------------------------------------------------------- */

/* A file to features; `name` is what the image is called. */
static vg_status extract(vg_query_images *images, const vg_encoded_image *encoded,
                         const char *folder, const char *name, float *features, vg_error *error)
{
    vg_image_result result;
    vg_status status = vg_extract(images->extractor, 1, encoded, features, &result, error);
    if (status == VG_OK && result.status == VG_OK)
        vg_feature_form_apply(&images->options.form, features, features);
    if (status != VG_OK || result.status == VG_OK) return status;
    return vg_fail(error, result.status, "%s%s%s: %s", folder, folder[0] != '\0' ? "/" : "", name,
                   result.error.message);
}

/* What was read into `content`. */
static vg_status extract_content(vg_query_images *images, const char *folder, const char *name,
                                 float *features, vg_error *error)
{
    const vg_encoded_image encoded = {.data = images->content.bytes, .size = images->content.size};
    return extract(images, &encoded, folder, name, features, error);
}

static vg_status read_content(vg_query_images *images, vg_store *store, const char *path,
                              vg_error *error)
{
    return vg_store_read(store, path, VG_SIZE_UNKNOWN, images->options.max_file_size,
                         &images->content, error);
}

vg_status vg_query_images_read(vg_query_images *images, const char *path, float *features,
                               vg_error *error)
{
    const char *slash = strrchr(path, '/');
    char folder[VG_ADDRESS_CHARS];
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    vg_store *store = NULL;
    vg_store_options options = {.follow_links = true};
    vg_status status = vg_store_open(&store, folder, &options, error);
    if (status == VG_OK)
        status = read_content(images, store, slash != NULL ? slash + 1 : path, error);
    vg_store_close(&store);
    return status == VG_OK ? extract_content(images, "", path, features, error) : status;
}

vg_status vg_query_images_read_bytes(vg_query_images *images, const void *bytes, size_t size,
                                     const char *name, float *features, vg_error *error)
{
    const vg_encoded_image encoded = {.data = bytes, .size = size};
    return extract(images, &encoded, "", name, features, error);
}

vg_status vg_query_images_read_pixels(vg_query_images *images, const vg_image *pixels,
                                      float *features, vg_error *error)
{
    enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3 };
    if (images->rgb == NULL) images->rgb = malloc(RGB_BYTES);
    if (images->rgb == NULL) return vg_fail_memory(error, RGB_BYTES);
    vg_status status = vg_extractor_resize(images->extractor, pixels, images->rgb, error);
    if (status == VG_OK)
        status = vg_extractor_forward(images->extractor, 1, images->rgb, features, error);
    if (status == VG_OK) vg_feature_form_apply(&images->options.form, features, features);
    return status;
}

vg_status vg_query_images_read_stored(vg_query_images *images, vg_store *store, const char *path,
                                      float *features, vg_error *error)
{
    vg_status status = read_content(images, store, path, error);
    if (status != VG_OK) return status;
    return extract_content(images, vg_store_address(store), path, features, error);
}
