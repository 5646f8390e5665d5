/* Where the parts of a run begin and end. */
#ifndef VG_HISTORY_PART_BOUNDS_H
#define VG_HISTORY_PART_BOUNDS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "selection/image_list.h"

/* What says where a part ends. */
typedef enum vg_part_ends {
    /* So many images, as runs of earlier versions have it: an image more moves all parts that
     * come after it. */
    VG_PARTS_BY_COUNT,
    /* The paths: of the images from half as many to one and a half times as many, the one whose
     * path has the greatest number is the last. So an image more changes its own part, and seldom
     * another: what ends a part is looked for among the same images, once two runs have ended one
     * at the same image. */
    VG_PARTS_BY_PATHS
} vg_part_ends;

/* Parts of fewer images end by their count. To link their files costs what writing them does. */
enum { VG_LEAST_ROWS_BY_PATHS = 64 };

typedef struct vg_part_bounds {
    uint64_t *firsts; /* [count + 1], the image that each begins with, and the number of all */
    uint64_t count;
    size_t capacity;
} vg_part_bounds;

/* `bounds` starts as {0}. Parts of `rows` images, at least 1, or so many in the mean. */
vg_status vg_part_bounds_open(vg_part_bounds *bounds, const vg_image_list *images, uint64_t rows,
                              vg_part_ends ends, const atomic_bool *cancel, vg_error *error);
/* The whole list as one part. */
vg_status vg_part_bounds_open_one(vg_part_bounds *bounds, const vg_image_list *images,
                                  vg_error *error);
void vg_part_bounds_close(vg_part_bounds *bounds);

static inline uint64_t vg_part_images(const vg_part_bounds *bounds, uint64_t part)
{
    return bounds->firsts[part + 1] - bounds->firsts[part];
}

#endif
