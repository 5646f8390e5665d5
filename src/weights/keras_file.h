/* The layers of a Keras HDF5 file, however the file names them. */
#ifndef VG_WEIGHTS_KERAS_FILE_H
#define VG_WEIGHTS_KERAS_FILE_H

#include <hdf5.h>

#include "model/model.h"

#define VG_KERAS_WANTED "MobileNetV2 of keras.applications with alpha 1.0 is needed"

enum { VG_KERAS_NAME = 256 };

typedef enum vg_keras_layout {
    VG_KERAS_NAMES,  /* a group has the layer's name */
    VG_KERAS_ORDER,  /* the layers count, not their names */
    VG_KERAS_CLASSES /* "conv2d_3", "batch_normalization_7" */
} vg_keras_layout;

typedef struct vg_keras_file {
    hid_t file, layers; /* the group that holds the layers */
    vg_keras_layout layout;
    int has_numbered_variables;
    char (*order)[VG_KERAS_NAME]; /* VG_KERAS_ORDER: the layers with weights */
    size_t order_count;
} vg_keras_file;

typedef struct vg_keras_variable {
    const char *name, *other_name; /* Keras 3 calls a depthwise kernel "kernel" too */
    int number;                    /* below "vars" */
} vg_keras_variable;

/* Closing is the caller's, on failure too. */
vg_status vg_keras_file_open(vg_keras_file *keras, const char *path, vg_error *error);
void vg_keras_file_close(vg_keras_file *keras);

/* The group of layer `index`, or of the batch norm after it; H5Gclose it. */
vg_status vg_keras_open_layer(const vg_keras_file *keras, int index, int is_batch_norm,
                              hid_t *group, vg_error *error);

/* The dataset of a variable in a layer's group, or a negative number; H5Dclose it. */
hid_t vg_keras_open_variable(const vg_keras_file *keras, hid_t group,
                             const vg_keras_variable *variable);

#endif
