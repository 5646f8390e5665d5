/* Frames out of a stream of bytes: lines, JPEGs one behind another, or pixels. A frame is there as
 * soon as its last byte is; no byte behind it is waited for. */
#ifndef VG_STREAM_FRAME_CUTTER_H
#define VG_STREAM_FRAME_CUTTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verger/verger.h"

typedef enum vg_stream_kind {
    VG_STREAM_PATHS, /* a line each, without its end; empty ones are none */
    VG_STREAM_MJPEG, /* from SOI to EOI; what lies between is skipped, such as the heads of
                      * multipart/x-mixed-replace */
    VG_STREAM_FRAMES /* all of one size */
} vg_stream_kind;

typedef struct vg_frame {
    const uint8_t *bytes; /* [size], of PATHS with a zero behind; valid until the next call */
    size_t size;
    const char *fault; /* why it is no whole frame, or NULL; there are no bytes then */
    uint64_t number;   /* of the stream, from 1 on */
} vg_frame;

/* Starts with `kind` and `limit`, else zeros. */
typedef struct vg_frame_cutter {
    vg_stream_kind kind;
    size_t limit; /* bytes that a frame may have; of FRAMES, that each has */
    uint8_t *bytes;
    size_t capacity, begin, end; /* of bytes that are in no frame yet */
    size_t at;                   /* up to here they were looked at */
    size_t segment;              /* of MJPEG: where the content of the last segment begins */
    int state;
    uint64_t count;   /* of frames */
    uint64_t skipped; /* bytes that belong to no frame */
} vg_frame_cutter;

void vg_frame_cutter_close(vg_frame_cutter *cutter);

/* Where the next bytes are to be put, at least one: at most limit and some are kept. */
vg_status vg_frame_cutter_room(vg_frame_cutter *cutter, uint8_t **room, size_t *size,
                               vg_error *error);
void vg_frame_cutter_added(vg_frame_cutter *cutter, size_t size);

/* The next frame of the bytes that are there; false where more are needed. Of `at_end` no more
 * come, and what is left is the last frame. */
bool vg_frame_cutter_next(vg_frame_cutter *cutter, bool at_end, vg_frame *frame);

#endif
