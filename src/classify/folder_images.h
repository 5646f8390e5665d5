/* The images of a folder or bucket, as a run takes them. */
#ifndef VG_CLASSIFY_FOLDER_IMAGES_H
#define VG_CLASSIFY_FOLDER_IMAGES_H

#include <stdatomic.h>

#include "base/observer.h"
#include "io/io.h"

/* Called for each image; anything but VG_OK ends the walk and is returned. */
typedef vg_status vg_folder_image_visitor(void *context, vg_store *store, const char *path,
                                          vg_error *error);

typedef struct vg_folder_walk {
    const char *folder;
    vg_store_options store;
    vg_observer observer;
    const atomic_bool *cancel;
    vg_folder_image_visitor *visitor;
    void *context;
} vg_folder_walk;

/* In the byte order of their paths. A folder without images is VG_ENOTFOUND; *unlisted grows by
 * the folders below that could not be listed, each of which the observer is told of. */
vg_status vg_walk_folder_images(const vg_folder_walk *walk, uint64_t *unlisted, vg_error *error);

#endif
