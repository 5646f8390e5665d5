/* How long one image may take, and whether it is still wanted: looked at while it is
 * decoded. */
#ifndef VG_IMAGE_WATCH_H
#define VG_IMAGE_WATCH_H

#include "verger/verger.h"

typedef struct vg_watch {
    const vg_image_options *options;
    uint64_t pixels; /* decoded since the last look */
    double start;    /* the thread's CPU time when the image began */
} vg_watch;

/* Begins an image. `options` must outlive it. */
vg_watch vg_watch_start(const vg_image_options *options);

/* To be called after some pixels, as many as a decoder has done since the last call. Every
 * 2^16 of them it looks at the clock and asks the caller: VG_ELIMIT where the CPU seconds are
 * used up, VG_ECANCELLED where the caller wants no more of the image. */
vg_status vg_watch_pixels(vg_watch *watch, uint64_t pixels, vg_error *error);

#endif
