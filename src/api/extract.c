/* Encoded images to features: where image and model meet. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "image/image.h"
#include "model/model.h"

enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3 };

struct vg_extractor {
    const vg_model *model;
    vg_image_options options;
    vg_image image; /* reused from image to image */
    vg_resizer *resizer;
    vg_workspace *workspace;
    uint8_t *rgb; /* [VG_IMAGE_SIZE][VG_IMAGE_SIZE][3] */
    vg_extractor_times times;
};

vg_status vg_extractor_open(vg_extractor **extractor, const vg_model *model,
                            const vg_image_options *options, vg_error *error)
{
    return vg_extractor_open_team(extractor, model, options, 1, error);
}

vg_status vg_extractor_open_team(vg_extractor **extractor, const vg_model *model,
                                 const vg_image_options *options, int threads, vg_error *error)
{
    *extractor = NULL;
    if (threads < 1)
        return vg_fail(error, VG_EINVAL, "a team of %d threads: at least one is needed", threads);
    vg_extractor *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->model = model;
    if (options != NULL)
        opened->options = *options;
    else
        vg_image_options_default(&opened->options);

    vg_status status =
        vg_resizer_open(&opened->resizer, &model->kernels, VG_IMAGE_SIZE, VG_IMAGE_SIZE, error);
    if (status == VG_OK)
        status = vg_workspace_open(&opened->workspace, model->network, threads, error);
    if (status == VG_OK) {
        opened->rgb = vg_alloc_aligned(RGB_BYTES, 1);
        if (opened->rgb == NULL) status = vg_fail_memory(error, RGB_BYTES);
    }
    if (status != VG_OK) {
        vg_extractor_close(&opened);
        return status;
    }
    *extractor = opened;
    return VG_OK;
}

void vg_extractor_close(vg_extractor **extractor)
{
    if (*extractor == NULL) return;
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
    if (encoded->data == NULL && encoded->size > 0)
        return vg_fail(error, VG_EINVAL, "vg_extract: an image of %zu bytes has no data",
                       encoded->size);
    vg_status status = vg_image_decode_taking(&extractor->image, encoded->data, encoded->size,
                                              &extractor->options, &taken, error);
    extractor->times.decode += vg_seconds() - start;
    if (status != VG_OK) return status;

    status = vg_extractor_resize(extractor, &extractor->image, extractor->rgb, error);
    vg_image_give_back(&extractor->image, &extractor->options, taken);
    if (status != VG_OK) return status;
    return vg_extractor_forward(extractor, 1, extractor->rgb, features, error);
}

vg_status vg_extract(vg_extractor *extractor, size_t n, const vg_encoded_image *images,
                     float *features, vg_image_result *results, vg_error *error)
{
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
    double start = vg_seconds();
    vg_status status = vg_resizer_run(extractor->resizer, image, rgb, error);
    extractor->times.resize += vg_seconds() - start;
    return status;
}

vg_status vg_extractor_forward(vg_extractor *extractor, size_t n, const uint8_t *rgb,
                               float *features, vg_error *error)
{
    if (n > 0 && (rgb == NULL || features == NULL))
        return vg_fail(error, VG_EINVAL, "vg_extractor_forward: rgb and features are needed");
    double start = vg_seconds();
    for (size_t i = 0; i < n; i++)
        vg_network_forward(extractor->model->network, extractor->workspace, rgb + i * RGB_BYTES,
                           features + i * VG_FEATURE_COUNT);
    extractor->times.network += vg_seconds() - start;
    return VG_OK;
}

void vg_extractor_get_times(const vg_extractor *extractor, vg_extractor_times *times)
{
    *times = extractor->times;
}
