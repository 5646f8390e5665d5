/* The facts of a PCA as JSON: what the reference's model_info holds, and ours. */
#ifndef VG_RUN_MODEL_INFO_H
#define VG_RUN_MODEL_INFO_H

#include <stdio.h>

#include "io/io.h"

typedef struct vg_model_info {
    const char *timestamp;
    int components, dims;
    const double *variance; /* [components], shares of the total */
    uint64_t images;
    const vg_fact *facts; /* texts, under their keys */
    size_t fact_count;
    int threads;
    double seconds;
    double images_per_second; /* left out where it is 0 */
} vg_model_info;

/* One line of JSON, as Spark writes a text. Freed with free(). */
vg_status vg_model_info_json(char **json, const vg_model_info *info, vg_error *error);

/* The share that all components explain together. */
double vg_total_variance(const double *variance, int components);

#endif
