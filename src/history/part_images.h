/* The images of a part, as a run keeps them for the next one: by these an update tells
 * what is new. */
#ifndef VG_HISTORY_PART_IMAGES_H
#define VG_HISTORY_PART_IMAGES_H

#include "output/sink.h"
#include "selection/image_list.h"

/* An image that was kept. */
typedef struct vg_kept_image {
    vg_listed_image image;
    char sha256[VG_SHA256_CHARS]; /* of its content, "" where that was never read */
    bool has_features;            /* it did not fail */
    bool has_quality;             /* it was measured: */
    vg_image_quality quality;
} vg_kept_image;

/* A sink for them, with their quality or without. */
vg_status vg_part_images_open(vg_sink **sink, vg_store *output, const char *timestamp,
                              const char *uuid, bool with_quality, vg_error *error);
vg_status vg_part_images_append(vg_sink *sink, const vg_kept_image *image, bool with_quality,
                                vg_error *error);

/* Reads them back, in order. */
typedef struct vg_part_images_reader vg_part_images_reader;

vg_status vg_part_images_reader_open(vg_part_images_reader **reader, vg_store *store,
                                     const char *path, vg_error *error);
void vg_part_images_reader_close(vg_part_images_reader **reader);
/* Valid until the next call; the path is NULL past the last. */
vg_status vg_part_images_reader_next(vg_part_images_reader *reader, vg_kept_image *image,
                                     vg_error *error);

#endif
