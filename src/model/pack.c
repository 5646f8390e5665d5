/* Weights in the order in which the kernels read them. */
#include "model/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

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

vg_status vg_packed_layer_open(vg_packed_layer *packed, const vg_weights *weights,
                               const vg_layer *layer, int panel, vg_error *error)
{
    const vg_tensor *kernel = NULL, *bias = NULL;
    vg_status status = find_tensors(weights, layer, &kernel, &bias, error);
    if (status != VG_OK) return status;

    int products = layer->kernel_size * layer->kernel_size;
    if (!layer->is_depthwise) products *= layer->in_channels;
    size_t channels = (size_t)vg_panel_channels(layer->out_channels, panel);
    packed->weights = vg_alloc_aligned(channels * (size_t)products, sizeof(float));
    packed->bias = vg_alloc_aligned(channels, sizeof(float));
    if (packed->weights == NULL || packed->bias == NULL)
        return vg_fail_memory(error, channels * (size_t)products * sizeof(float));

    pack_panels(packed->weights, kernel->values, products, layer->out_channels, panel);
    memcpy(packed->bias, bias->values, (size_t)layer->out_channels * sizeof(float));
    packed->products = products;
    packed->channels = layer->out_channels;
    return VG_OK;
}

void vg_packed_layer_close(vg_packed_layer *packed)
{
    free(packed->weights);
    free(packed->bias);
    *packed = (vg_packed_layer){0};
}
