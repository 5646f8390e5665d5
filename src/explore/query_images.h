/* Features of images that are no rows yet, by the model that the rows come from. */
#ifndef VG_EXPLORE_QUERY_IMAGES_H
#define VG_EXPLORE_QUERY_IMAGES_H

#include "explore/row_table.h"

typedef struct vg_query_images vg_query_images;

typedef struct vg_query_images_options {
    vg_store *store;          /* that the rows were read from */
    const vg_row_table *rows; /* must outlive the query images, as all here */
    const char *model_source; /* of vg_model_open; NULL where there is none */
    uint64_t max_file_size;
    int threads;
} vg_query_images_options;

/* VG_EINVAL where the rows are not of that model. */
vg_status vg_query_images_open(vg_query_images **images, const vg_query_images_options *options,
                               vg_error *error);
void vg_query_images_close(vg_query_images **images);

/* An image file to features [VG_FEATURE_COUNT]. */
vg_status vg_query_images_read(vg_query_images *images, const char *path, float *features,
                               vg_error *error);

#endif
