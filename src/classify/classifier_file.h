/* A classifier as a file of the safetensors format: weights [classes][dims], bias [classes] and
 * mean [dims] in float64, labels as bytes, each with a NUL behind it, in the order of the
 * classes. A row x is of the class whose weights.(x - mean) + bias is largest; by the
 * temperature, a fact, the softmax of these is calibrated. Where the fact unknown_above is there,
 * so are whitening [dims][dims] and centres [...][dims] in float32: a row is unlike all that was
 * trained on where whitening.(x - mean) is farther than that from every centre. Where rows have
 * numbers of another table's columns behind their features, sensor_names are the columns',
 * sensor_scales [columns][2] in float64 mean and factor, and sensor_categories a list a column of
 * texts that have a number each; a text has a NUL behind it, a list an empty text. */
#ifndef VG_CLASSIFY_CLASSIFIER_FILE_H
#define VG_CLASSIFY_CLASSIFIER_FILE_H

#include "classify/linear_model.h"
#include "explore/sensor_columns.h"
#include "io/io.h"
#include "learn/novelty.h"
#include "output/feature_form.h"
#include "output/paths.h"

enum { VG_FEATURES_NAME_CHARS = 96 };

/* Starts as {0}. */
typedef struct vg_classifier {
    vg_linear_model model;
    vg_paths labels;           /* [classes] */
    vg_sensor_columns sensors; /* beside the features: of the last numbers of a row */
    vg_novelty novelty;        /* with classes 0 where there is none */
    char features_model[VG_FEATURES_NAME_CHARS]; /* as vg_row_origin names it */
    char components[VG_FEATURES_NAME_CHARS];     /* likewise; "" of features */
    vg_feature_form form;                        /* of the features */
    char space[16], method[16];
} vg_classifier;

void vg_classifier_close(vg_classifier *classifier);

/* Writes the file whole or not at all. Classes whose bias is minus infinity are left out. */
vg_status vg_classifier_write(const vg_classifier *classifier, const char *path, uint64_t images,
                              vg_error *error);

/* VG_EFORMAT, naming the file, where it is none. */
vg_status vg_classifier_read(vg_classifier *classifier, const char *path, vg_error *error);

/* Takes over bytes of malloc, as vg_tensor_file_parse does. */
vg_status vg_classifier_parse(vg_classifier *classifier, char *bytes, size_t size, vg_error *error);

#endif
