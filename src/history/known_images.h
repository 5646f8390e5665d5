/* The images of a run from one on, each with what is known of it. */
#ifndef VG_HISTORY_KNOWN_IMAGES_H
#define VG_HISTORY_KNOWN_IMAGES_H

#include "history/earlier_run.h"
#include "selection/image_list.h"

/* What an earlier run left of an image. */
typedef enum vg_known {
    VG_UNKNOWN,      /* nothing: its features are wanted */
    VG_KNOWN,        /* its features */
    VG_KNOWN_IF_SAME /* its features, if its content has the digest that it had */
} vg_known;

typedef struct vg_known_image {
    vg_listed_image image;
    vg_known known;
    const char *sha256; /* of VG_KNOWN_IF_SAME; NULL where the earlier run has it not */
    bool failed_before;
} vg_known_image;

typedef struct vg_known_images vg_known_images;

/* `earlier` may be NULL. `checksum` asks for the content of an image, not for its time. */
vg_status vg_known_images_open(vg_known_images **images, const vg_image_list *list, uint64_t first,
                               const vg_earlier_run *earlier, bool checksum, vg_error *error);
void vg_known_images_close(vg_known_images **images);

/* The next image, valid until the next call; to be asked for as often as there are
 * images. */
vg_status vg_known_images_next(vg_known_images *images, vg_known_image *image, vg_error *error);

#endif
