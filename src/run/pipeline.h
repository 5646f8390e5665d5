/* Images to features on many threads, taken in order: readers fetch files ahead,
 * workers decode and run the network, the caller takes the outcomes one by one in
 * the order of the images. */
#ifndef VG_RUN_PIPELINE_H
#define VG_RUN_PIPELINE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "history/known_images.h"
#include "history/part_record.h"
#include "io/io.h"

typedef struct vg_pipeline vg_pipeline;

typedef struct vg_pipeline_options {
    vg_store *input;
    vg_known_images *images; /* where they come from; one thread at a time asks */
    uint64_t count;          /* how many are wanted of it */
    const vg_model *model;
    const vg_image_options *image;
    uint64_t max_file_size;
    int threads;               /* workers, at least one */
    bool quality;              /* images are measured too */
    bool pin;                  /* each to a CPU of its own, by vg_pin_thread */
    const atomic_bool *cancel; /* may be NULL */
} vg_pipeline_options;

/* All that the options point to must outlive the pipeline. */
vg_status vg_pipeline_open(vg_pipeline **pipeline, const vg_pipeline_options *options,
                           vg_error *error);
/* Stops the threads, whatever is left to do. */
void vg_pipeline_close(vg_pipeline **pipeline);

/* What became of one image; valid until the next call. */
typedef struct vg_outcome {
    vg_listed_image image;
    const char *sha256; /* of its content; "" where that was not read */
    vg_status status;
    const char *reason;              /* why it failed, when status is not VG_OK */
    bool has_changed;                /* only its content told that it has since the earlier run */
    bool is_unturned;                /* its EXIF data ask for a turn that was not made */
    bool is_known;                   /* its features are those of the earlier run, */
    const float *features;           /* or these: [VG_FEATURE_COUNT] */
    const vg_image_quality *quality; /* NULL where the image was not measured */
} vg_outcome;

/* Waits for the next image; called once for each. VG_ECANCELLED soon after the caller
 * asked to stop. */
vg_status vg_pipeline_next(vg_pipeline *pipeline, vg_outcome *outcome, vg_error *error);

/* Seconds so far, summed over the threads. */
void vg_pipeline_get_times(vg_pipeline *pipeline, vg_step_times *times);

#endif
