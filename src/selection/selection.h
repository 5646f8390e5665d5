/* Which images a run takes, in which order, and what they are called in tables. */
#ifndef VG_SELECTION_SELECTION_H
#define VG_SELECTION_SELECTION_H

#include "base/observer.h"
#include "io/io.h"
#include "selection/image_list.h"

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

#endif
