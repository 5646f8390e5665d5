/* Files that are images by the ending of their names. */
#ifndef VG_SELECTION_IMAGE_ENDINGS_H
#define VG_SELECTION_IMAGE_ENDINGS_H

#include <stdbool.h>

/* Whether the ending, in small or large letters, is of a format that this build reads. */
bool vg_has_image_ending(const char *path);

#endif
