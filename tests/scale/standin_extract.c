/* In place of src/api/extract.c: features in microseconds instead of milliseconds, so
 * that a million images are a matter of minutes and what a run costs besides the
 * network can be seen. They depend on the bytes of the file alone and lie in a space
 * of few dimensions, which a PCA finds again. Nothing is decoded. */
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"

enum { RANK = 16 };

struct vg_extractor {
    float basis[RANK][VG_FEATURE_COUNT];
};

/* SplitMix64 (Steele, Lea and Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t value = *state += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

/* From -1 to 1. */
static float next_uniform(uint64_t *state)
{
    return (float)(next_random(state) >> 40) * 0x1p-23f - 1;
}

/* FNV-1a. */
static uint64_t hash(const unsigned char *data, size_t size)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) value = (value ^ data[i]) * 0x100000001b3u;
    return value;
}

void vg_extractor_options_default(vg_extractor_options *options)
{
    *options = (vg_extractor_options){.threads = 1};
}

vg_status vg_extractor_open(vg_extractor **extractor, const vg_model *model,
                            const vg_extractor_options *options, vg_error *error)
{
    (void)model;
    (void)options;
    *extractor = malloc(sizeof **extractor);
    if (*extractor == NULL) return vg_fail_memory(error, sizeof **extractor);
    uint64_t state = 1;
    for (int i = 0; i < RANK; i++)
        for (int j = 0; j < VG_FEATURE_COUNT; j++) (*extractor)->basis[i][j] = next_uniform(&state);
    return VG_OK;
}

void vg_extractor_close(vg_extractor **extractor)
{
    free(*extractor);
    *extractor = NULL;
}

/* Each direction half as wide as the one before, so that components have an order. */
static void draw_features(const vg_extractor *extractor, uint64_t seed, float *features)
{
    float width = 1;
    for (int j = 0; j < VG_FEATURE_COUNT; j++) features[j] = 1;
    for (int i = 0; i < RANK; i++, width /= 2) {
        float along = width * next_uniform(&seed);
        for (int j = 0; j < VG_FEATURE_COUNT; j++) features[j] += along * extractor->basis[i][j];
    }
}

vg_status vg_extract(vg_extractor *extractor, size_t n, const vg_encoded_image *images,
                     float *features, vg_image_result *results, vg_error *error)
{
    (void)error;
    for (size_t i = 0; i < n; i++) {
        draw_features(extractor, hash(images[i].data, images[i].size),
                      features + i * VG_FEATURE_COUNT);
        results[i].status = VG_OK;
    }
    return VG_OK;
}

void vg_extractor_get_times(const vg_extractor *extractor, vg_extractor_times *times)
{
    (void)extractor;
    *times = (vg_extractor_times){0};
}

vg_status vg_extractor_get_quality(const vg_extractor *extractor, vg_image_quality *quality,
                                   vg_error *error)
{
    (void)extractor;
    (void)error;
    *quality = (vg_image_quality){0};
    return VG_OK;
}

/* --- What only `verger bench` and `verger model verify` call ---------------------- */

vg_status vg_extractor_resize(vg_extractor *extractor, const vg_image *image, uint8_t *rgb,
                              vg_error *error)
{
    (void)extractor;
    (void)image;
    (void)rgb;
    return vg_fail(error, VG_EUNSUPPORTED, "the stand-in resizes nothing");
}

vg_status vg_extractor_forward(vg_extractor *extractor, size_t n, const uint8_t *rgb,
                               float *features, vg_error *error)
{
    (void)extractor;
    (void)n;
    (void)rgb;
    (void)features;
    return vg_fail(error, VG_EUNSUPPORTED, "the stand-in has no network");
}
