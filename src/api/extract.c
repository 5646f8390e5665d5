/* Encoded images to features: where image and model meet. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "image/image.h"
#include "image/image_quality.h"
#include "model/model.h"

enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3 };

struct vg_extractor {
    const vg_model *model;
    vg_image_options options;
    vg_image image; /* reused from image to image */
    vg_resizer *resizer;
    vg_workspace *workspace;
    uint8_t *rgb; /* [VG_IMAGE_SIZE][VG_IMAGE_SIZE][3] */
    bool measures;
    vg_image_quality quality; /* of the last image */
    vg_extractor_times times;
};

void vg_extractor_options_default(vg_extractor_options *options)
{
    *options = (vg_extractor_options){.threads = 1};
    vg_image_options_default(&options->image);
}

static vg_status check_options(const vg_extractor_options *options, vg_error *error)
{
    if (options->threads < 1)
        return vg_fail(error, VG_EINVAL, "an extractor of %d threads: at least one is needed",
                       options->threads);
    vg_status status = vg_check_reserved(options->reserved, VG_RESERVED_OF(options),
                                         "vg_extractor_options", error);
    if (status != VG_OK) return status;
    return vg_check_reserved(options->image.reserved, VG_RESERVED_OF(&options->image),
                             "vg_image_options", error);
}

static vg_status open_parts(vg_extractor *opened, int threads, vg_error *error)
{
    const vg_model *model = opened->model;
    vg_status status =
        vg_resizer_open(&opened->resizer, &model->kernels, VG_IMAGE_SIZE, VG_IMAGE_SIZE, error);
    if (status == VG_OK)
        status = vg_workspace_open(&opened->workspace, model->network, threads, error);
    if (status != VG_OK) return status;
    opened->rgb = vg_alloc_aligned(RGB_BYTES, 1);
    return opened->rgb != NULL ? VG_OK : vg_fail_memory(error, RGB_BYTES);
}

vg_status vg_extractor_open(vg_extractor **extractor, const vg_model *model,
                            const vg_extractor_options *options, vg_error *error)
{
    if (extractor == NULL) return vg_fail_null(error, "vg_extractor_open", "extractor's place");
    *extractor = NULL;
    if (model == NULL) return vg_fail_null(error, "vg_extractor_open", "model");
    vg_extractor_options defaults;
    vg_extractor_options_default(&defaults);
    if (options == NULL) options = &defaults;
    vg_status status = check_options(options, error);
    if (status != VG_OK) return status;

    vg_extractor *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->model = model;
    opened->options = options->image;
    opened->measures = options->quality != 0;
    status = open_parts(opened, options->threads, error);
    if (status != VG_OK) vg_extractor_close(&opened);
    *extractor = opened;
    return status;
}

void vg_extractor_close(vg_extractor **extractor)
{
    if (extractor == NULL || *extractor == NULL) return;
    vg_image_close(&(*extractor)->image);
    vg_resizer_close(&(*extractor)->resizer);
    vg_workspace_close(&(*extractor)->workspace);
    free((*extractor)->rgb);
    free(*extractor);
    *extractor = NULL;
}

static vg_status extract_one(vg_extractor *extractor, const vg_encoded_image *encoded,
                             float *features, vg_error *error)
{
    double start = vg_seconds();
    uint64_t taken;
    extractor->quality = (vg_image_quality){0};
    if (encoded->data == NULL && encoded->size > 0)
        return vg_fail(error, VG_EINVAL, "vg_extract: an image of %zu bytes has no data",
                       encoded->size);
    vg_status status = vg_image_decode_taking(&extractor->image, encoded->data, encoded->size,
                                              &extractor->options, &taken, error);
    extractor->times.decode += vg_seconds() - start;
    if (status != VG_OK) return status;

    int width = extractor->image.width, height = extractor->image.height;
    status = vg_extractor_resize(extractor, &extractor->image, extractor->rgb, error);
    vg_image_give_back(&extractor->image, &extractor->options, taken);
    if (status != VG_OK) return status;
    if (extractor->measures)
        vg_image_quality_measure(&extractor->quality, extractor->rgb, width, height);
    return vg_extractor_forward(extractor, 1, extractor->rgb, features, error);
}

vg_status vg_extract(vg_extractor *extractor, size_t n, const vg_encoded_image *images,
                     float *features, vg_image_result *results, vg_error *error)
{
    if (extractor == NULL) return vg_fail_null(error, "vg_extract", "extractor");
    if (n > 0 && (images == NULL || features == NULL || results == NULL))
        return vg_fail(error, VG_EINVAL, "vg_extract: images, features and results are needed");
    for (size_t i = 0; i < n; i++) {
        float *row = features + i * VG_FEATURE_COUNT;
        results[i].error.message[0] = '\0';
        results[i].status = extract_one(extractor, &images[i], row, &results[i].error);
        if (results[i].status != VG_OK) memset(row, 0, VG_FEATURE_COUNT * sizeof *row);
    }
    return VG_OK;
}

vg_status vg_extractor_resize(vg_extractor *extractor, const vg_image *image, uint8_t *rgb,
                              vg_error *error)
{
    if (extractor == NULL) return vg_fail_null(error, "vg_extractor_resize", "extractor");
    if (image == NULL || rgb == NULL)
        return vg_fail(error, VG_EINVAL, "vg_extractor_resize: image and rgb are needed");
    double start = vg_seconds();
    vg_status status = vg_resizer_run(extractor->resizer, image, rgb, error);
    extractor->times.resize += vg_seconds() - start;
    return status;
}

vg_status vg_extractor_forward(vg_extractor *extractor, size_t n, const uint8_t *rgb,
                               float *features, vg_error *error)
{
    if (extractor == NULL) return vg_fail_null(error, "vg_extractor_forward", "extractor");
    if (n > 0 && (rgb == NULL || features == NULL))
        return vg_fail(error, VG_EINVAL, "vg_extractor_forward: rgb and features are needed");
    double start = vg_seconds();
    for (size_t i = 0; i < n; i++)
        vg_network_forward(extractor->model->network, extractor->workspace, rgb + i * RGB_BYTES,
                           features + i * VG_FEATURE_COUNT);
    extractor->times.network += vg_seconds() - start;
    return VG_OK;
}

vg_status vg_extractor_get_quality(const vg_extractor *extractor, vg_image_quality *quality,
                                   vg_error *error)
{
    if (quality == NULL) return vg_fail_null(error, "vg_extractor_get_quality", "quality's place");
    *quality = (vg_image_quality){0};
    if (extractor == NULL) return vg_fail_null(error, "vg_extractor_get_quality", "extractor");
    *quality = extractor->quality;
    return VG_OK;
}

void vg_extractor_get_times(const vg_extractor *extractor, vg_extractor_times *times)
{
    *times = extractor != NULL ? extractor->times : (vg_extractor_times){0};
}
