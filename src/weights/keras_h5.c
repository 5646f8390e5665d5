/* Weights out of the HDF5 files of Keras, batch norm folded in. */
#include "digest/sha256.h"
#include "weights/sources.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "model/weights.h"
#include "weights/keras_file.h"

enum { MAX_CHUNK_VALUES = 1 << 20 };

static const double batch_norm_epsilon = 1e-3; /* keras/src/applications/mobilenet_v2.py */

static const vg_keras_variable convolution_kernel = {"kernel", "kernel", 0};
static const vg_keras_variable depthwise_kernel = {"depthwise_kernel", "kernel", 0};
static const vg_keras_variable batch_norm_variables[] = {
    {"gamma", "gamma", 0},
    {"beta", "beta", 1},
    {"moving_mean", "moving_mean", 2},
    {"moving_variance", "moving_variance", 3},
};

static vg_status check_shape(hid_t dataset, const char *layer, const char *name, int rank,
                             const int *shape, vg_error *error)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    int has_shape[VG_MAX_RANK] = {0};
    char has[VG_SHAPE_CHARS] = "of another rank", needs[VG_SHAPE_CHARS];
    hid_t space = H5Dget_space(dataset);
    int has_rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    if (space >= 0) H5Sclose(space);

    int equal = has_rank == rank;
    for (int i = 0; i < rank && equal; i++) equal = dims[i] == (hsize_t)shape[i];
    if (equal) return VG_OK;

    if (has_rank >= 0 && has_rank <= VG_MAX_RANK) {
        for (int i = 0; i < has_rank; i++)
            has_shape[i] = dims[i] > 1000000 ? 1000000 : (int)dims[i];
        vg_shape_text(has, has_rank, has_shape);
    }
    vg_shape_text(needs, rank, shape);
    return vg_fail(error, VG_EFORMAT, "%s of layer \"%s\" is %s instead of %s: " VG_KERAS_WANTED,
                   name, layer, has, needs);
}

/* Whether reading `count` values takes no more than about their size, and no other
 * file: chunks may be larger than their dataset, and data may lie elsewhere. */
static int is_stored_plainly(hid_t dataset, size_t count)
{
    hsize_t chunk[H5S_MAX_RANK], chunk_count = 1;
    hid_t storage = H5Dget_create_plist(dataset);
    if (storage < 0) return 0;
    H5D_layout_t layout = H5Pget_layout(storage);
    int is_plain = (layout == H5D_CONTIGUOUS || layout == H5D_COMPACT || layout == H5D_CHUNKED) &&
                   H5Pget_external_count(storage) == 0;
    int rank = layout == H5D_CHUNKED ? H5Pget_chunk(storage, H5S_MAX_RANK, chunk) : 0;
    for (int i = 0; i < rank && is_plain; i++) {
        chunk_count *= chunk[i]; /* each below 2^32 */
        is_plain = chunk_count <= MAX_CHUNK_VALUES + count;
    }
    H5Pclose(storage);
    return is_plain;
}

static vg_status read_floats(hid_t dataset, const char *layer, const char *name, size_t count,
                             float *values, vg_error *error)
{
    hid_t type = H5Dget_type(dataset);
    int is_float = type >= 0 && H5Tget_class(type) == H5T_FLOAT;
    if (type >= 0) H5Tclose(type);
    if (!is_stored_plainly(dataset, count))
        return vg_fail(
            error, VG_EUNSUPPORTED,
            "%s of layer \"%s\" lies in other files or in large chunks: save the weights "
            "with Keras again",
            name, layer);
    if (!is_float || H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        return vg_fail(error, VG_EFORMAT, "%s of layer \"%s\" cannot be read: the file is damaged",
                       name, layer);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return vg_fail(error, VG_EFORMAT,
                           "%s of layer \"%s\" holds a number that is not finite", name, layer);
    return VG_OK;
}

static vg_status read_variable(const vg_keras_file *keras, hid_t group, const vg_layer *layer,
                               const vg_keras_variable *wanted, int rank, const int *shape,
                               float *values, vg_error *error)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++) count *= (size_t)shape[i];
    hid_t dataset = vg_keras_open_variable(keras, group, wanted);
    if (dataset < 0)
        return vg_fail(error, VG_EFORMAT, "%s of layer \"%s\" is missing: " VG_KERAS_WANTED,
                       wanted->name, layer->name);
    vg_status status = check_shape(dataset, layer->name, wanted->name, rank, shape, error);
    if (status == VG_OK)
        status = read_floats(dataset, layer->name, wanted->name, count, values, error);
    H5Dclose(dataset);
    return status;
}

/* --- one layer --- */

static vg_status read_kernel(const vg_keras_file *keras, int index, vg_tensor *kernel,
                             vg_error *error)
{
    hid_t group = -1;
    vg_layer layer = vg_layer_at(index);
    vg_status status = vg_keras_open_layer(keras, index, 0, &group, error);
    if (status != VG_OK) return status;
    status = read_variable(keras, group, &layer,
                           layer.is_depthwise ? &depthwise_kernel : &convolution_kernel,
                           kernel->rank, kernel->shape, kernel->values, error);
    H5Gclose(group);
    return status;
}

/* values: [4][channels], in the order of batch_norm_variables. */
static vg_status read_batch_norm(const vg_keras_file *keras, int index, float *values,
                                 vg_error *error)
{
    hid_t group = -1;
    vg_layer layer = vg_layer_at(index);
    vg_status status = vg_keras_open_layer(keras, index, 1, &group, error);
    if (status != VG_OK) return status;
    for (int i = 0; status == VG_OK && i < 4; i++)
        status = read_variable(keras, group, &layer, &batch_norm_variables[i], 1,
                               &layer.out_channels, values + i * layer.out_channels, error);
    H5Gclose(group);
    return status;
}

/* gamma (w x - mean) / sqrt(variance + epsilon) + beta as one kernel and bias, in
 * float64 and rounded once. The output channel is the last index of a kernel, and
 * of a depthwise kernel the last but one, whose last has size 1. */
static vg_status fold(const vg_layer *layer, const float *values, vg_tensor *kernel,
                      vg_tensor *bias, vg_error *error)
{
    size_t channels = (size_t)layer->out_channels, count = vg_tensor_count(kernel);
    const float *gamma = values, *beta = gamma + channels, *mean = beta + channels,
                *variance = mean + channels;
    for (size_t c = 0; c < channels; c++) {
        if (variance[c] < 0.0f)
            return vg_fail(error, VG_EFORMAT, "a variance of layer \"%s\" is negative",
                           layer->name);
        double scale = gamma[c] / sqrt((double)variance[c] + batch_norm_epsilon);
        bias->values[c] = (float)(beta[c] - mean[c] * scale);
        for (size_t i = c; i < count; i += channels)
            kernel->values[i] = (float)(kernel->values[i] * scale);
    }
    return VG_OK;
}

static vg_status import_layer(const vg_keras_file *keras, int index, vg_tensor *kernel,
                              vg_tensor *bias, vg_error *error)
{
    vg_layer layer = vg_layer_at(index);
    size_t count = 4 * (size_t)layer.out_channels;
    float *values = malloc(count * sizeof *values);
    if (values == NULL) return vg_fail_memory(error, count * sizeof *values);
    vg_status status = read_kernel(keras, index, kernel, error);
    if (status == VG_OK) status = read_batch_norm(keras, index, values, error);
    if (status == VG_OK) status = fold(&layer, values, kernel, bias, error);
    free(values);
    return status;
}

static vg_status import_layers(vg_weights *weights, const vg_keras_file *keras, vg_error *error)
{
    for (int i = 0; i < VG_LAYER_COUNT; i++) {
        vg_tensor *kernel = &weights->tensors[2 * i], *bias = kernel + 1;
        vg_status status = import_layer(keras, i, kernel, bias, error);
        if (status != VG_OK) return status;
    }
    return VG_OK;
}

static vg_status import_file(vg_weights **weights, const char *path, vg_error *error)
{
    vg_keras_file keras;
    char hex[VG_SHA256_CHARS];
    vg_status status = vg_keras_file_open(&keras, path, error);
    if (status == VG_OK) status = vg_weights_open_layers(weights, error);
    if (status == VG_OK) status = import_layers(*weights, &keras, error);
    if (status == VG_OK) status = vg_file_sha256(path, hex, error);
    if (status == VG_OK)
        snprintf((*weights)->origin, sizeof(*weights)->origin, "Keras .h5 of sha256 %s", hex);
    else
        vg_weights_close(weights);
    vg_keras_file_close(&keras);
    return status;
}

vg_status vg_weights_read_keras(vg_weights **weights, const char *path, vg_error *error)
{
    H5E_auto2_t print = NULL;
    void *context = NULL;
    *weights = NULL;
    /* HDF5 would print its own account of each failure. */
    H5Eget_auto2(H5E_DEFAULT, &print, &context);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    vg_status status = import_file(weights, path, error);
    H5Eset_auto2(H5E_DEFAULT, print, context);
    return status;
}
