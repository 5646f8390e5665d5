/* A stream's frames one by one: all of them, or of those that came meanwhile the newest. */
#ifndef VG_STREAM_FRAME_SOURCE_H
#define VG_STREAM_FRAME_SOURCE_H

#include <stdatomic.h>

#include "stream/frame_cutter.h"

typedef struct vg_frame_source vg_frame_source;

typedef struct vg_frame_source_options {
    int descriptor;   /* the caller's; read to its end, and by nobody else */
    const char *name; /* of the stream, in messages */
    vg_stream_kind kind;
    size_t limit; /* as the cutter's */
    bool drop;    /* keep to the newest frame, read by a thread */
    const atomic_bool *cancel;
} vg_frame_source_options;

vg_status vg_frame_source_open(vg_frame_source **source, const vg_frame_source_options *options,
                               vg_error *error);
void vg_frame_source_close(vg_frame_source **source);

/* The next frame, valid until the next call. *found is false past the last, and once cancelled,
 * which ends a wait within a tenth of a second. Nothing behind the frame is waited for. VG_EIO
 * where the stream cannot be read. */
vg_status vg_frame_source_next(vg_frame_source *source, vg_frame *frame, bool *found,
                               vg_error *error);

/* Frames that a newer one took the place of; bytes so far that belong to no frame. */
uint64_t vg_frame_source_dropped(vg_frame_source *source);
uint64_t vg_frame_source_skipped(vg_frame_source *source);

#endif
