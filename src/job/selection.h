/* Which images a run takes, in which order, and what they are called in tables. */
#ifndef VG_JOB_SELECTION_H
#define VG_JOB_SELECTION_H

#include "io/io.h"
#include "job/image_list.h"
#include "job/job.h"

typedef struct vg_selection_options {
    /* As in vg_run_options, one of the three; `images` takes every JPEG and PNG by
     * extension instead. */
    const char *mode, *select, *files_from;
    bool images;
    uint64_t limit;
    const atomic_bool *cancel;
    const vg_observer *observer;
} vg_selection_options;

/* The images of `input` as a finished list; tables that a run wrote to `output` and
 * names that begin with '.' or '_' are none. No image at all is VG_ENOTFOUND. */
vg_status vg_select_images(vg_image_list **images, vg_store *input, const vg_store *output,
                           const vg_selection_options *options, vg_error *error);

/* A piece of a text, not NUL-terminated. */
typedef struct vg_slice {
    const char *text;
    size_t size;
} vg_slice;

/* The folder that holds the image; for one directly in the input, the input's. */
vg_slice vg_path_label(const vg_store *input, const char *path);
/* The first folder of the path, empty where it is less than two folders deep. */
vg_slice vg_path_split(const char *path);
const char *vg_path_filename(const char *path);

/* Writes the address of the image, which goes into the tables. `address` grows as
 * needed. */
vg_status vg_path_address(vg_bytes *address, const vg_store *input, const char *path,
                          vg_error *error);

#endif
