/* Keras writes two layouts. The older (the published files, model.save("x.h5")) has
 * a group a layer, its variables below by name: "Conv1/Conv1/kernel:0". The newer
 * (save_weights("x.weights.h5")) numbers both by class: "layers/conv2d_3/vars/0".
 * Source: keras/src/legacy/saving/legacy_h5_format.py, keras/src/saving/saving_lib.py.
 * Old files name the layers otherwise than today's Keras, which loads them by their
 * order; so does this. */
#include "weights/keras_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
    MAX_LAYERS = 4096,
    LONGEST_STORED_NAME = 4096, /* with the padding to the longest of the list */
    MAX_LINKS = 1024,           /* looked at below a layer: Keras writes four or five */
    LAYER_PAIR = 2,
};

/* --- finding a layer's group --- */

/* Links of other kinds may lead into other files, also such as never end. */
static int has_link(hid_t group, const char *name)
{
    H5L_info_t info;
    return H5Lexists(group, name, H5P_DEFAULT) > 0 &&
           H5Lget_info(group, name, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

static void batch_norm_name(char name[VG_KERAS_NAME], int index)
{
    vg_layer layer = vg_layer_at(index);
    const char *prefix = index == 0 ? "bn_" : "";
    const char *suffix = index == 0 ? "" : index == VG_LAYER_COUNT - 1 ? "_bn" : "_BN";
    snprintf(name, VG_KERAS_NAME, "%s%s%s", prefix, layer.name, suffix);
}

static void class_name(char name[VG_KERAS_NAME], int index, int is_batch_norm)
{
    vg_layer layer = vg_layer_at(index);
    int before = 0;
    for (int i = 0; i < index; i++)
        before += is_batch_norm || vg_layer_at(i).is_depthwise == layer.is_depthwise;
    const char *kind = is_batch_norm        ? "batch_normalization"
                       : layer.is_depthwise ? "depthwise_conv2d"
                                            : "conv2d";
    if (before == 0)
        snprintf(name, VG_KERAS_NAME, "%s", kind);
    else
        snprintf(name, VG_KERAS_NAME, "%s_%d", kind, before);
}

/* The group of layer `index`, or of the batch norm after it. */
vg_status vg_keras_open_layer(const vg_keras_file *keras, int index, int is_batch_norm,
                              hid_t *group, vg_error *error)
{
    char name[VG_KERAS_NAME];
    size_t position = (size_t)(LAYER_PAIR * index + is_batch_norm);
    if (keras->layout == VG_KERAS_ORDER)
        snprintf(name, sizeof name, "%s",
                 position < keras->order_count ? keras->order[position] : "");
    else if (keras->layout == VG_KERAS_CLASSES)
        class_name(name, index, is_batch_norm);
    else if (is_batch_norm)
        batch_norm_name(name, index);
    else
        snprintf(name, sizeof name, "%s", vg_layer_at(index).name);

    *group = -1;
    if (name[0] != '\0' && has_link(keras->layers, name))
        *group = H5Gopen2(keras->layers, name, H5P_DEFAULT);
    if (*group >= 0) return VG_OK;
    return vg_fail(error, VG_EFORMAT, "it lacks %s \"%s\": " VG_KERAS_WANTED,
                   is_batch_norm ? "the batch norm of layer" : "the layer",
                   vg_layer_at(index).name);
}

/* --- finding a variable in a group --- */

typedef struct variable_search {
    const char *name; /* "kernel"; NULL takes any */
    int links;        /* seen so far */
    hid_t dataset;
} variable_search;

/* Matches "Conv1/kernel:0" and "kernel" with the name "kernel". */
static int has_name(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    size_t size = strcspn(last, ":");
    return strlen(name) == size && strncmp(last, name, size) == 0;
}

static herr_t visit_link(hid_t group, const char *path, const H5L_info_t *info, void *context)
{
    enum { STOP = -1 };
    variable_search *search = context;
    /* HDF5 calls itself from folder to folder, so their depth is bounded too. */
    if (++search->links > MAX_LINKS || strlen(path) >= VG_KERAS_NAME) return STOP;
    if (info->type != H5L_TYPE_HARD) return 0;
    if (search->name != NULL && !has_name(path, search->name)) return 0;
    search->dataset = H5Dopen2(group, path, H5P_DEFAULT);
    return search->dataset >= 0;
}

static hid_t open_named(hid_t group, const char *name)
{
    variable_search search = {.name = name, .dataset = -1};
    H5Lvisit(group, H5_INDEX_NAME, H5_ITER_NATIVE, visit_link, &search);
    return search.dataset;
}

hid_t vg_keras_open_variable(const vg_keras_file *keras, hid_t group,
                             const vg_keras_variable *wanted)
{
    char path[VG_KERAS_NAME];
    if (!keras->has_numbered_variables) {
        hid_t dataset = open_named(group, wanted->name);
        return dataset >= 0 ? dataset : open_named(group, wanted->other_name);
    }
    snprintf(path, sizeof path, "vars/%d", wanted->number);
    if (!has_link(group, "vars") || !has_link(group, path)) return -1;
    return H5Dopen2(group, path, H5P_DEFAULT);
}

/* --- the file --- */

static void add_to_order(vg_keras_file *keras, const char *name)
{
    hid_t group = has_link(keras->layers, name) ? H5Gopen2(keras->layers, name, H5P_DEFAULT) : -1;
    if (group < 0) return;
    hid_t dataset = open_named(group, NULL);
    if (dataset >= 0) {
        snprintf(keras->order[keras->order_count++], VG_KERAS_NAME, "%s", name);
        H5Dclose(dataset);
    }
    H5Gclose(group);
}

/* Strings of any width to NUL-terminated ones of VG_KERAS_NAME. */
static vg_status read_names(vg_keras_file *keras, hid_t attribute, hid_t space, vg_error *error)
{
    hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count <= 0 || count > MAX_LAYERS)
        return vg_fail(error, VG_EFORMAT, "its list of layers is damaged");
    keras->order = calloc((size_t)count, sizeof *keras->order);
    if (keras->order == NULL) return vg_fail_memory(error, (size_t)count * sizeof *keras->order);

    vg_status status = VG_OK;
    hid_t stored = H5Aget_type(attribute);
    int is_variable = stored >= 0 && H5Tis_variable_str(stored) > 0;
    size_t width = is_variable ? sizeof(char *) : VG_KERAS_NAME;
    hid_t type = H5Tcopy(H5T_C_S1);
    char *names = calloc((size_t)count, width);
    H5Tset_size(type, is_variable ? H5T_VARIABLE : VG_KERAS_NAME);
    if (stored >= 0) H5Tset_cset(type, H5Tget_cset(stored));

    if (names == NULL)
        status = vg_fail_memory(error, (size_t)count * width);
    else if (stored < 0 || H5Tget_class(stored) != H5T_STRING ||
             H5Tget_size(stored) > LONGEST_STORED_NAME || H5Aread(attribute, type, names) < 0)
        status = vg_fail(error, VG_EFORMAT, "its list of layers cannot be read");
    for (hssize_t i = 0; status == VG_OK && i < count; i++) {
        const char *name = is_variable ? ((char **)(void *)names)[i] : names + (size_t)i * width;
        if (name != NULL) add_to_order(keras, name);
    }
    if (status == VG_OK && is_variable) H5Dvlen_reclaim(type, space, H5P_DEFAULT, names);
    free(names);
    H5Tclose(type);
    if (stored >= 0) H5Tclose(stored);
    return status;
}

static vg_status read_order(vg_keras_file *keras, vg_error *error)
{
    hid_t attribute = -1, space = -1;
    vg_status status;
    if (H5Aexists(keras->layers, "layer_names") > 0)
        attribute = H5Aopen(keras->layers, "layer_names", H5P_DEFAULT);
    if (attribute >= 0) space = H5Aget_space(attribute);
    if (space < 0)
        status = vg_fail(error, VG_EFORMAT, "it is HDF5, but holds no Keras weights");
    else
        status = read_names(keras, attribute, space, error);
    if (space >= 0) H5Sclose(space);
    if (attribute >= 0) H5Aclose(attribute);
    return status;
}

static vg_status open_file(vg_keras_file *keras, const char *path, vg_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO, "%s", strerror(errno));
    fclose(file);
    keras->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (keras->file < 0)
        return vg_fail(
            error, VG_EFORMAT,
            "it is no HDF5 file, or it is cut off: a Keras weights file (.h5) is needed");
    return VG_OK;
}

/* Where the layers lie and what tells them apart. */
static vg_status find_layers(vg_keras_file *keras, vg_error *error)
{
    /* "model_weights": a whole model. The last is what Keras 2.12 called "layers". */
    static const char *const parents[] = {"model_weights", "layers",
                                          "_layer_checkpoint_dependencies"};
    const char *parent = "/";
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++)
        if (has_link(keras->file, parents[i])) {
            parent = parents[i];
            keras->has_numbered_variables = i > 0;
            break;
        }
    keras->layers = H5Gopen2(keras->file, parent, H5P_DEFAULT);
    if (keras->layers < 0)
        return vg_fail(error, VG_EFORMAT, "its group \"%s\" cannot be opened", parent);

    if (has_link(keras->layers, "block_1_expand") && has_link(keras->layers, "block_1_expand_BN")) {
        keras->layout = VG_KERAS_NAMES;
        return VG_OK;
    }
    if (keras->has_numbered_variables) {
        keras->layout = VG_KERAS_CLASSES;
        return VG_OK;
    }
    keras->layout = VG_KERAS_ORDER;
    return read_order(keras, error);
}

vg_status vg_keras_file_open(vg_keras_file *keras, const char *path, vg_error *error)
{
    *keras = (vg_keras_file){.file = -1, .layers = -1};
    vg_status status = open_file(keras, path, error);
    return status == VG_OK ? find_layers(keras, error) : status;
}

void vg_keras_file_close(vg_keras_file *keras)
{
    free(keras->order);
    if (keras->layers >= 0) H5Gclose(keras->layers);
    if (keras->file >= 0) H5Fclose(keras->file);
    *keras = (vg_keras_file){.file = -1, .layers = -1};
}
