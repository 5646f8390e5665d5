/* Whether weights, kernels and CPU together give the features they should. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "weights/sources.h"

typedef struct expected_feature {
    int index;
    double value;
} expected_feature;

/* Of the official ImageNet weights, by tests/model/reference_network.py in float64
 * on the picture below; tests/model/test_model.py computes them again. */
static const expected_feature expected_features[] = {
    {0, 0.0},           {100, 0.494730343},  {200, 0.666892178},  {300, 0.0},
    {500, 0.201258501}, {600, 0.179279062},  {630, 5.397241495},  {700, 0.058267621},
    {745, 4.171152843}, {807, 4.911508649},  {828, 3.627024522},  {1000, 0.0},
    {1100, 0.0},        {1200, 0.050957513}, {1279, 0.011533897},
};
static const double expected_mean = 0.260139346; /* of all 1280 */

enum {
    EXPECTED_COUNT = sizeof expected_features / sizeof *expected_features,
    TILE = 16,
    ALIVE_AT_LEAST = VG_FEATURE_COUNT / 20
};

/* Red grows to the right, green downwards, blue is a chess board. */
static void draw(uint8_t *rgb)
{
    for (int y = 0; y < VG_IMAGE_SIZE; y++)
        for (int x = 0; x < VG_IMAGE_SIZE; x++) {
            *rgb++ = (uint8_t)(x * 255 / (VG_IMAGE_SIZE - 1));
            *rgb++ = (uint8_t)(y * 255 / (VG_IMAGE_SIZE - 1));
            *rgb++ = (x / TILE + y / TILE) % 2 == 1 ? 255 : 0;
        }
}

static vg_status judge(const float *features, vg_verification *result, vg_error *error)
{
    double sum = 0.0;
    for (int i = 0; i < VG_FEATURE_COUNT; i++) {
        if (!isfinite(features[i]))
            return vg_fail(error, VG_EFORMAT, "feature %d of the test picture is not finite", i);
        result->alive += features[i] != 0.0f;
        sum += features[i];
    }
    if (result->alive < ALIVE_AT_LEAST)
        return vg_fail(error, VG_EFORMAT,
                       "only %d of %d features of the test picture are not zero: the weights are "
                       "damaged",
                       result->alive, VG_FEATURE_COUNT);

    result->compared = EXPECTED_COUNT;
    result->difference = fabs(sum / VG_FEATURE_COUNT - expected_mean);
    for (int i = 0; i < EXPECTED_COUNT; i++) {
        const expected_feature *expected = &expected_features[i];
        double difference = fabs(features[expected->index] - expected->value);
        if (difference > result->difference) result->difference = difference;
    }
    return VG_OK;
}

vg_status vg_model_verify(const char *source, vg_verification *result, vg_error *error)
{
    float features[VG_FEATURE_COUNT];
    vg_model *model = NULL;
    vg_extractor *extractor = NULL;
    uint8_t *rgb = NULL;
    const size_t rgb_bytes = 3 * VG_IMAGE_SIZE * VG_IMAGE_SIZE;
    *result = (vg_verification){0};

    vg_status status = vg_model_open(&model, source, NULL, error);
    if (status == VG_OK) status = vg_extractor_open(&extractor, model, NULL, error);
    if (status == VG_OK) {
        snprintf(result->kernels, sizeof result->kernels, "%s", vg_model_kernels(model));
        rgb = malloc(rgb_bytes);
        if (rgb == NULL) status = vg_fail_memory(error, rgb_bytes);
    }
    if (status == VG_OK) {
        draw(rgb);
        status = vg_extractor_forward(extractor, 1, rgb, features, error);
    }
    if (status == VG_OK) status = judge(features, result, error);
    free(rgb);
    vg_extractor_close(&extractor);
    vg_model_close(&model);
    return status;
}
