/* Columns beside the features as tensors of a classifier's file (classifier_file.h). */
#ifndef VG_CLASSIFY_SENSOR_TENSORS_H
#define VG_CLASSIFY_SENSOR_TENSORS_H

#include "explore/sensor_columns.h"
#include "output/tensor_file.h"

enum { VG_SENSOR_TENSORS = 3 };

/* Starts as {0}. */
typedef struct vg_sensor_tensors {
    vg_file_tensor tensors[VG_SENSOR_TENSORS];
    size_t count; /* 0 where there are no columns */
    char *names, *categories;
    double *scales;
} vg_sensor_tensors;

vg_status vg_sensor_tensors_open(vg_sensor_tensors *tensors, const vg_sensor_columns *columns,
                                 vg_error *error);
void vg_sensor_tensors_close(vg_sensor_tensors *tensors);

/* None where the file has no such tensors; VG_EFORMAT where they do not fit one another. */
vg_status vg_sensor_tensors_read(vg_sensor_columns *columns, const vg_tensor_file *file,
                                 vg_error *error);

#endif
