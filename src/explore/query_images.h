/* Features of images that are no rows yet. */
#ifndef VG_EXPLORE_QUERY_IMAGES_H
#define VG_EXPLORE_QUERY_IMAGES_H

#include "io/io.h"
#include "output/feature_form.h"

typedef struct vg_query_images vg_query_images;

typedef struct vg_query_images_options {
    const char *model_source; /* of vg_model_open; NULL where there is none */
    vg_feature_form form;     /* of the features */
    uint64_t max_file_size;
    int threads; /* that work together on each image */
} vg_query_images_options;

/* VG_ENOTFOUND where there are no weights. The source must outlive the query images. */
vg_status vg_query_images_open(vg_query_images **images, const vg_query_images_options *options,
                               vg_error *error);
void vg_query_images_close(vg_query_images **images);

/* An image file to features [VG_FEATURE_COUNT]. */
vg_status vg_query_images_read(vg_query_images *images, const char *path, float *features,
                               vg_error *error);
/* The same of a file that is in memory; `name` is what the message calls it. */
vg_status vg_query_images_read_bytes(vg_query_images *images, const void *bytes, size_t size,
                                     const char *name, float *features, vg_error *error);
/* The same of pixels. */
vg_status vg_query_images_read_pixels(vg_query_images *images, const vg_image *pixels,
                                      float *features, vg_error *error);
/* The same of a file of a store. */
vg_status vg_query_images_read_stored(vg_query_images *images, vg_store *store, const char *path,
                                      float *features, vg_error *error);

#endif
