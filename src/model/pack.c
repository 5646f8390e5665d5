/* Packing: from tensors to panels. */
#include "model/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* --- Layout ------------------------------------------------------------- */

static size_t aligned(size_t bytes)
{
    return (bytes + VG_ALIGNMENT - 1) / VG_ALIGNMENT * VG_ALIGNMENT;
}

static void place_panels(vg_packed_place *place, int index, int panel)
{
    place->panel = place->in_panel = panel;
    place->is_of_digits = panel == VG_DIGITS_PANEL;
    if (index == VG_LAYER_COUNT - 1) return;
    const vg_block *block = &vg_blocks[index / VG_BLOCK_LAYERS];
    const int which = index % VG_BLOCK_LAYERS;
    *(which == VG_PROJECT ? &place->in_panel : &place->panel) = vg_block_panel(block, panel);
    place->is_of_digits = which == VG_PROJECT  ? vg_projects_digits(block, panel)
                          : which == VG_EXPAND ? vg_expands_digits(block, panel)
                                               : 0;
}

/* Of one output. */
static size_t weights_bytes(const vg_packed_place *place)
{
    if (!place->is_of_digits) return (size_t)place->products * sizeof(float);
    return (size_t)(vg_digits_tiles(place->products, place->in_panel) * VG_DIGITS_TILE /
                    VG_DIGITS_OUTPUTS);
}

static size_t bias_bytes(const vg_packed_place *place)
{
    return place->is_of_digits ? sizeof(vg_digits_outputs) / VG_DIGITS_OUTPUTS : sizeof(float);
}

vg_packed_layout vg_packed_lay_out(int panel)
{
    vg_packed_layout layout = {.size = VG_PACKED_HEAD_BYTES};
    for (int i = 0; i < VG_LAYER_COUNT; i++) {
        vg_layer layer = vg_layer_at(i);
        vg_packed_place *place = &layout.places[i];
        place->products = layer.kernel_size * layer.kernel_size;
        if (!layer.is_depthwise) place->products *= layer.in_channels;
        place->channels = layer.out_channels;
        place_panels(place, i, panel);
        size_t channels = (size_t)vg_panel_channels(layer.out_channels, place->panel);
        place->weights = layout.size;
        place->bias = place->weights + aligned(channels * weights_bytes(place));
        layout.size = place->bias + aligned(channels * bias_bytes(place));
    }
    layout.size += VG_PACKED_TAIL_BYTES;
    return layout;
}

/* --- Packing ------------------------------------------------------------ */

/* from: [products][channels] to panels [products][width], padded with zeros. */
static void pack_panels(float *to, const float *from, int products, int channels, int panel)
{
    for (int p = 0; p < vg_panel_count(channels, panel); p++) {
        int first = p * panel;
        int width = vg_panel_width(channels, panel, p);
        int filled = channels - first < width ? channels - first : width;
        float *out = to + (ptrdiff_t)first * products;
        for (int k = 0; k < products; k++)
            memcpy(out + (ptrdiff_t)k * width, from + (ptrdiff_t)k * channels + first,
                   (size_t)filled * sizeof *to);
    }
}

/* from: [products][channels] to tiles and outputs, of padding too. */
static void pack_digits(int8_t *tiles, vg_digits_outputs *outputs, const float *from,
                        const float *bias, const vg_packed_place *place, int is_bounded)
{
    int channels = vg_panel_channels(place->channels, VG_DIGITS_PANEL);
    for (int first = 0; first < channels; first += VG_DIGITS_OUTPUTS) {
        int filled = place->channels - first;
        if (filled > VG_DIGITS_OUTPUTS) filled = VG_DIGITS_OUTPUTS;
        const int at = filled > 0 ? first : 0;
        vg_digits_pack(tiles, outputs, from + at, bias + at, place->products, place->in_panel,
                       place->channels, filled > 0 ? filled : 0, is_bounded);
        tiles += vg_digits_tiles(place->products, place->in_panel) * VG_DIGITS_TILE;
        outputs++;
    }
}

static vg_status find_tensors(const vg_weights *weights, const vg_layer *layer,
                              const vg_tensor **kernel, const vg_tensor **bias, vg_error *error)
{
    char name[2 * VG_MAX_NAME];
    int size = layer->kernel_size;
    int shape[VG_MAX_RANK] = {size, size, layer->in_channels, layer->out_channels};
    if (layer->is_depthwise) shape[3] = 1;

    snprintf(name, sizeof name, "%s/%s", layer->name,
             layer->is_depthwise ? "depthwise_kernel" : "kernel");
    vg_status status = vg_weights_find(weights, name, VG_MAX_RANK, shape, kernel, error);
    if (status != VG_OK) return status;
    snprintf(name, sizeof name, "%s/bias", layer->name);
    return vg_weights_find(weights, name, 1, &layer->out_channels, bias, error);
}

static vg_status pack_layer(const vg_packed *packed, const vg_packed_place *place,
                            const vg_weights *weights, int index, vg_error *error)
{
    const vg_layer layer = vg_layer_at(index);
    const vg_tensor *kernel = NULL, *bias = NULL;
    vg_status status = find_tensors(weights, &layer, &kernel, &bias, error);
    if (status != VG_OK) return status;
    void *weights_at = packed->bytes + place->weights, *bias_at = packed->bytes + place->bias;
    if (place->is_of_digits) {
        /* What ReLU6 has bounded goes into projections. */
        pack_digits(weights_at, bias_at, kernel->values, bias->values, place,
                    index % VG_BLOCK_LAYERS == VG_PROJECT);
    } else {
        pack_panels(weights_at, kernel->values, place->products, place->channels, place->panel);
        memcpy(bias_at, bias->values, (size_t)place->channels * sizeof(float));
    }
    return VG_OK;
}

vg_status vg_packed_open(vg_packed *packed, const vg_weights *weights, int panel, vg_error *error)
{
    vg_packed_layout layout = vg_packed_lay_out(panel);
    *packed = (vg_packed){.bytes = vg_alloc_aligned(layout.size, 1), .size = layout.size};
    if (packed->bytes == NULL) return vg_fail_memory(error, layout.size);
    vg_status status = VG_OK;
    for (int i = 0; status == VG_OK && i < VG_LAYER_COUNT; i++)
        status = pack_layer(packed, &layout.places[i], weights, i, error);
    if (status == VG_OK)
        vg_packed_seal(packed, panel, weights->origin);
    else
        vg_packed_close(packed);
    return status;
}

void vg_packed_close(vg_packed *packed)
{
    if (packed->is_mapped)
        vg_packed_unmap(packed);
    else
        free(packed->bytes);
    *packed = (vg_packed){0};
}

void vg_packed_layers(const vg_packed *packed, int panel, vg_packed_layer layers[VG_LAYER_COUNT])
{
    vg_packed_layout layout = vg_packed_lay_out(panel);
    for (int i = 0; i < VG_LAYER_COUNT; i++) {
        const vg_packed_place *place = &layout.places[i];
        layers[i] = (vg_packed_layer){
            .weights = (const float *)(const void *)(packed->bytes + place->weights),
            .bias = (const float *)(const void *)(packed->bytes + place->bias),
            .panel = place->panel,
            .is_of_digits = place->is_of_digits,
            .panel_weights =
                (ptrdiff_t)((size_t)place->panel * weights_bytes(place) / sizeof(float)),
            .panel_bias = (ptrdiff_t)((size_t)place->panel * bias_bytes(place) / sizeof(float)),
            .products = place->products,
            .channels = place->channels,
        };
    }
}
