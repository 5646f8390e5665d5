/* What an image is called in tables, by its path. */
#ifndef VG_SELECTION_LABELS_H
#define VG_SELECTION_LABELS_H

#include "io/io.h"

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
