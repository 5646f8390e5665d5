#include "measure/measure.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/median.h"
#include "model/network.h"

/* --- What a layer does -------------------------------------------------- */

/* Where a layer lies in the plan. */
typedef struct position {
    const vg_block *block; /* NULL for the head */
    const vg_block_plan *plan;
    int which;
    int in_size, out_size;
} position;

static position find_layer(const vg_network *network, int layer)
{
    const vg_block *block = &vg_blocks[layer / VG_BLOCK_LAYERS];
    if (layer == VG_LAYER_COUNT - 1) {
        int size = network->plans[VG_BLOCK_COUNT - 1].out_size;
        return (position){.in_size = size, .out_size = size};
    }
    position at = {.block = block,
                   .plan = &network->plans[layer / VG_BLOCK_LAYERS],
                   .which = layer % VG_BLOCK_LAYERS,
                   .in_size = block->in_size};
    at.out_size = at.which == VG_EXPAND ? at.in_size : at.plan->out_size;
    if (at.which == VG_PROJECT) at.in_size = at.out_size;
    if (layer == 0) at.in_size = VG_IMAGE_SIZE;
    return at;
}

static int strips_of(const position *at)
{
    if (at->block == NULL) return 1;
    return (at->plan->out_size + at->plan->strip_rows - 1) / at->plan->strip_rows;
}

static uint64_t bytes_of(const position *at, const vg_packed_layer *packed, int in_channels)
{
    uint64_t in_pixels = (uint64_t)(at->in_size * at->in_size);
    uint64_t out_pixels = (uint64_t)(at->out_size * at->out_size);
    uint64_t outputs = at->block != NULL ? out_pixels : 1; /* the head keeps means only */
    int adds_residual = at->which == VG_PROJECT && at->block != NULL && at->block->has_residual;
    uint64_t weights = (uint64_t)packed->channels * (uint64_t)(packed->products + 1);
    uint64_t floats = in_pixels * (uint64_t)in_channels + weights * (uint64_t)strips_of(at) +
                      outputs * (uint64_t)packed->channels * (adds_residual ? 2 : 1);
    return floats * sizeof(float);
}

static vg_layer_cost describe(const vg_network *network, int layer)
{
    vg_layer_cost cost = {0};
    vg_layer source = vg_layer_at(layer);
    const vg_packed_layer *packed = &network->layers[layer];
    position at = find_layer(network, layer);
    snprintf(cost.name, sizeof cost.name, "%s", source.name);
    cost.kernel_size = source.kernel_size;
    cost.stride = at.in_size / at.out_size;
    cost.out_size = at.out_size;
    cost.in_channels = source.in_channels;
    cost.out_channels = source.out_channels;
    cost.multiply_adds = (uint64_t)(at.out_size * at.out_size) * (uint64_t)packed->channels *
                         (uint64_t)packed->products;
    cost.bytes = bytes_of(&at, packed, source.in_channels);
    return cost;
}

/* --- Seconds ------------------------------------------------------------ */

/* What two looks at the clock measure with nothing in between. The least of many, so that
 * what is taken off a layer is never more than it had on top. */
static double clock_seconds(void)
{
    enum { ROUNDS = 100, READS = 100 };
    double least = 1.0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = vg_seconds(), end = start;
        for (int i = 0; i < READS; i++) end = vg_seconds();
        if ((end - start) / READS < least) least = (end - start) / READS;
    }
    return least;
}

/* Enough for a median; of a longer measurement the last images count. */
enum { MAX_SAMPLES = 512 };

/* What one image took in each layer. */
typedef vg_layer_time sample[VG_LAYER_COUNT];

/* Images, one after another, into samples[MAX_SAMPLES]; returns how many there are. */
static size_t time_images(const vg_network *network, vg_workspace *workspace, const uint8_t *rgb,
                          double seconds, sample *samples)
{
    float features[VG_FEATURE_COUNT];
    vg_network_forward(network, workspace, rgb, features); /* fetches memory and weights */
    size_t images = 0;
    double start = vg_seconds();
    do {
        vg_layer_time *times = samples[images % MAX_SAMPLES];
        for (int i = 0; i < VG_LAYER_COUNT; i++) times[i] = (vg_layer_time){0};
        vg_workspace_time_layers(workspace, times);
        vg_network_forward(network, workspace, rgb, features);
        images++;
    } while (vg_seconds() - start < seconds);
    vg_workspace_time_layers(workspace, NULL);
    return images < MAX_SAMPLES ? images : MAX_SAMPLES;
}

/* Any picture does: no kernel's speed depends on what it reads. */
static void draw_noise(uint8_t *rgb, size_t size)
{
    uint32_t noise = 1;
    for (size_t i = 0; i < size; i++) {
        noise = noise * 1664525U + 1013904223U;
        rgb[i] = (uint8_t)(noise >> 24);
    }
}

static void summarise(const vg_network *network, const sample *samples, size_t count,
                      vg_layer_cost *layers)
{
    double column[MAX_SAMPLES], clock = clock_seconds();
    for (int layer = 0; layer < VG_LAYER_COUNT; layer++) {
        for (size_t i = 0; i < count; i++) {
            const vg_layer_time *time = &samples[i][layer];
            column[i] = time->seconds - clock * time->stretches;
        }
        layers[layer] = describe(network, layer);
        layers[layer].seconds = vg_median(column, count);
    }
}

vg_status vg_measure_layers(const vg_model *model, double seconds, vg_layer_cost *layers,
                            vg_error *error)
{
    enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3 };
    if (model == NULL || layers == NULL)
        return vg_fail(error, VG_EINVAL, "vg_measure_layers: a model and layers are needed");
    vg_workspace *workspace = NULL;
    vg_status status = vg_workspace_open(&workspace, model->network, 1, error);
    if (status != VG_OK) return status;
    uint8_t *rgb = malloc(RGB_BYTES);
    sample *samples = malloc(MAX_SAMPLES * sizeof *samples);
    if (rgb == NULL || samples == NULL) {
        status = vg_fail_memory(error, RGB_BYTES + MAX_SAMPLES * sizeof *samples);
    } else {
        draw_noise(rgb, RGB_BYTES);
        size_t count = time_images(model->network, workspace, rgb, seconds, samples);
        summarise(model->network, (const sample *)samples, count, layers);
    }
    free(samples);
    free(rgb);
    vg_workspace_close(&workspace);
    return status;
}
