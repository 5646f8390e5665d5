/* Paths in little memory: one copy of each, none moved once it is in. */
#ifndef VG_OUTPUT_PATHS_H
#define VG_OUTPUT_PATHS_H

#include "verger/verger.h"

typedef struct vg_path {
    const char *text; /* relative to the store; owned by the vg_paths */
} vg_path;

/* Starts as {0}. */
typedef struct vg_paths {
    vg_path *items;
    size_t count, capacity;
    struct vg_path_block *blocks;
} vg_paths;

vg_status vg_paths_add(vg_paths *paths, const char *text, size_t length, vg_error *error);
void vg_paths_free(vg_paths *paths);

/* Byte order of the paths. */
void vg_paths_sort(vg_paths *paths);

#endif
