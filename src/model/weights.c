/* Tensors by name. */
#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

vg_status vg_weights_open(vg_weights **weights, size_t count, vg_error *error)
{
    *weights = NULL;
    vg_weights *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->tensors = calloc(count > 0 ? count : 1, sizeof *opened->tensors);
    if (opened->tensors == NULL) {
        free(opened);
        return vg_fail_memory(error, count * sizeof *opened->tensors);
    }
    opened->count = count;
    *weights = opened;
    return VG_OK;
}

void vg_weights_close(vg_weights **weights)
{
    if (*weights == NULL) return;
    for (size_t i = 0; i < (*weights)->count; i++) free((*weights)->tensors[i].values);
    free((*weights)->tensors);
    free(*weights);
    *weights = NULL;
}

vg_status vg_tensor_open(vg_tensor *tensor, const char *name, int rank, const int *shape,
                         vg_error *error)
{
    int length = snprintf(tensor->name, sizeof tensor->name, "%s", name);
    if (length < 0 || length >= VG_MAX_NAME)
        return vg_fail(error, VG_EFORMAT, "the tensor's name \"%s\" is too long", name);
    tensor->rank = rank;
    memcpy(tensor->shape, shape, (size_t)rank * sizeof *shape);
    size_t count = vg_tensor_count(tensor);
    tensor->values = calloc(count, sizeof *tensor->values);
    if (tensor->values == NULL) return vg_fail_memory(error, count * sizeof *tensor->values);
    return VG_OK;
}

size_t vg_tensor_count(const vg_tensor *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++) count *= (size_t)tensor->shape[i];
    return count;
}

static vg_status open_layer(vg_tensor tensors[2], const vg_layer *layer, vg_error *error)
{
    char name[2 * VG_MAX_NAME];
    int shape[VG_MAX_RANK] = {layer->kernel_size, layer->kernel_size, layer->in_channels,
                              layer->is_depthwise ? 1 : layer->out_channels};
    snprintf(name, sizeof name, "%s/%s", layer->name,
             layer->is_depthwise ? "depthwise_kernel" : "kernel");
    vg_status status = vg_tensor_open(&tensors[0], name, VG_MAX_RANK, shape, error);
    if (status != VG_OK) return status;
    snprintf(name, sizeof name, "%s/bias", layer->name);
    return vg_tensor_open(&tensors[1], name, 1, &layer->out_channels, error);
}

vg_status vg_weights_open_layers(vg_weights **weights, vg_error *error)
{
    vg_weights *opened = NULL;
    *weights = NULL;
    vg_status status = vg_weights_open(&opened, 2 * VG_LAYER_COUNT, error);
    for (int i = 0; status == VG_OK && i < VG_LAYER_COUNT; i++) {
        vg_layer layer = vg_layer_at(i);
        status = open_layer(&opened->tensors[2 * i], &layer, error);
    }
    if (status != VG_OK) {
        vg_weights_close(&opened);
        return status;
    }
    *weights = opened;
    return VG_OK;
}

void vg_shape_text(char text[VG_SHAPE_CHARS], int rank, const int *shape)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < rank && used < VG_SHAPE_CHARS; i++)
        used += (size_t)snprintf(text + used, VG_SHAPE_CHARS - used, "%s%d", i > 0 ? "x" : "",
                                 shape[i]);
}

vg_status vg_weights_find(const vg_weights *weights, const char *name, int rank, const int *shape,
                          const vg_tensor **tensor, vg_error *error)
{
    const vg_tensor *found = NULL;
    *tensor = NULL;
    for (size_t i = 0; i < weights->count && found == NULL; i++)
        if (strcmp(weights->tensors[i].name, name) == 0) found = &weights->tensors[i];
    if (found == NULL)
        return vg_fail(error, VG_EFORMAT,
                       "the weights lack the tensor \"%s\": verger needs MobileNetV2 1.0 at 224, "
                       "such as 'verger model fetch' gives",
                       name);
    if (found->rank != rank || memcmp(found->shape, shape, (size_t)rank * sizeof *shape) != 0) {
        char has[VG_SHAPE_CHARS], needs[VG_SHAPE_CHARS];
        vg_shape_text(has, found->rank, found->shape);
        vg_shape_text(needs, rank, shape);
        return vg_fail(error, VG_EFORMAT,
                       "the tensor \"%s\" is %s, MobileNetV2 1.0 at 224 has %s: use weights of "
                       "that network, such as 'verger model fetch' gives",
                       name, has, needs);
    }
    *tensor = found;
    return VG_OK;
}
