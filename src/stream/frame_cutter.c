#include "stream/frame_cutter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { CHUNK = 1 << 16 }; /* that is read at once, and what a pipe of Linux holds */

static const char cut_by_end[] = "the stream ended within it";
static const char too_large[] = "it has more bytes than a frame may have";

void vg_frame_cutter_close(vg_frame_cutter *cutter)
{
    free(cutter->bytes);
    *cutter = (vg_frame_cutter){0};
}

/* --- Bytes ---------------------------------------------------------------------------- */

static void move_down(vg_frame_cutter *cutter)
{
    size_t begin = cutter->begin;
    memmove(cutter->bytes, cutter->bytes + begin, cutter->end - begin);
    cutter->end -= begin;
    cutter->at -= begin;
    cutter->segment = cutter->segment > begin ? cutter->segment - begin : 0;
    cutter->begin = 0;
}

vg_status vg_frame_cutter_room(vg_frame_cutter *cutter, uint8_t **room, size_t *size,
                               vg_error *error)
{
    if (cutter->begin > 0) move_down(cutter);
    /* A byte stays free for the zero behind a frame. */
    while (cutter->capacity < cutter->end + 2 || cutter->capacity < CHUNK) {
        uint8_t *bytes = vg_grow(cutter->bytes, &cutter->capacity, 1);
        if (bytes == NULL) return vg_fail_memory(error, 2 * cutter->capacity);
        cutter->bytes = bytes;
    }
    size_t left = cutter->capacity - cutter->end - 1;
    *room = cutter->bytes + cutter->end;
    *size = left < CHUNK || cutter->kind == VG_STREAM_FRAMES ? left : CHUNK;
    return VG_OK;
}

void vg_frame_cutter_added(vg_frame_cutter *cutter, size_t size)
{
    assert(size < cutter->capacity - cutter->end);
    cutter->end += size;
}

/* --- Frames ---------------------------------------------------------------------------- */

/* The bytes up to `end` are a frame, those up to `next` are done with. */
static bool give(vg_frame_cutter *cutter, size_t end, size_t next, vg_frame *frame)
{
    *frame = (vg_frame){.bytes = cutter->bytes + cutter->begin,
                        .size = end - cutter->begin,
                        .number = ++cutter->count};
    cutter->begin = cutter->at = next;
    cutter->state = 0;
    return true;
}

static bool give_fault(vg_frame_cutter *cutter, size_t next, const char *fault, vg_frame *frame)
{
    *frame = (vg_frame){.fault = fault, .number = ++cutter->count};
    cutter->begin = cutter->at = next;
    cutter->state = 0;
    return true;
}

/* --- Lines ------------------------------------------------------------------------------- */

enum { IN_LINE, PAST_LIMIT };

static bool cut_line(vg_frame_cutter *cutter, bool at_end, vg_frame *frame)
{
    while (cutter->begin < cutter->end || (at_end && cutter->state == PAST_LIMIT)) {
        uint8_t *from = cutter->bytes + cutter->at;
        uint8_t *newline =
            cutter->at < cutter->end ? memchr(from, '\n', cutter->end - cutter->at) : NULL;
        bool is_over = newline != NULL || at_end;
        size_t end = newline != NULL ? (size_t)(newline - cutter->bytes) : cutter->end;
        size_t next = newline != NULL ? end + 1 : end;
        if (end - cutter->begin > cutter->limit) cutter->state = PAST_LIMIT;
        if (cutter->state == PAST_LIMIT) {
            if (is_over) return give_fault(cutter, next, too_large, frame);
            cutter->begin = cutter->at = cutter->end;
            return false;
        }
        cutter->at = end;
        if (!is_over) return false;
        while (end > cutter->begin && cutter->bytes[end - 1] == '\r') end--;
        cutter->bytes[end] = '\0';
        if (end > cutter->begin) return give(cutter, end, next, frame);
        cutter->begin = cutter->at = next;
    }
    return false;
}

/* --- JPEGs -------------------------------------------------------------------------------- */

/* A JPEG is markers, 0xFF and a code, most of them with a segment whose length is told, so that the
 * markers of a thumbnail in it are passed over; behind the header of a scan come bytes in which a
 * 0xFF is followed by a zero or by the number of a restart (ITU-T T.81, B.1). */
enum { BETWEEN, AT_MARKER, IN_SCAN };
enum { FILL = 0xFF, SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, TEM = 0x01, RST0 = 0xD0, RST7 = 0xD7 };
enum { FIRST_CODE = 0xC0 }; /* below are reserved ones */

typedef enum step { GO_ON, NEEDS_MORE, IS_WHOLE, IS_CUT, IS_DAMAGED } step;

/* Until a marker SOI that another marker follows, as it does in every JPEG. */
static step seek(vg_frame_cutter *cutter)
{
    static const uint8_t start[] = {0xFF, SOI, 0xFF};
    const uint8_t *bytes = cutter->bytes;
    size_t at = cutter->begin, end = cutter->end;
    while (at < end) {
        const uint8_t *found = memchr(bytes + at, start[0], end - at);
        at = found != NULL ? (size_t)(found - bytes) : end;
        size_t left = end - at, wanted = left < sizeof start ? left : sizeof start;
        if (memcmp(bytes + at, start, wanted) == 0) break;
        at++;
    }
    cutter->skipped += at - cutter->begin;
    cutter->begin = cutter->at = at;
    if (end - at < sizeof start) return NEEDS_MORE;
    cutter->at += 2;
    cutter->segment = cutter->at;
    cutter->state = AT_MARKER;
    return GO_ON;
}

static step pass_marker(vg_frame_cutter *cutter)
{
    const uint8_t *marker = cutter->bytes + cutter->at;
    size_t left = cutter->end - cutter->at;
    if (left < 2) return NEEDS_MORE;
    if (marker[0] != 0xFF) return IS_DAMAGED;
    switch (marker[1]) {
    case FILL: cutter->at++; return GO_ON;
    case EOI: cutter->at += 2; return IS_WHOLE;
    case SOI: return IS_CUT;
    case TEM: cutter->at += 2; return GO_ON;
    default: break;
    }
    if (marker[1] >= RST0 && marker[1] <= RST7) {
        cutter->at += 2;
        return GO_ON;
    }
    if (marker[1] < FIRST_CODE) return IS_DAMAGED;
    if (left < 4) return NEEDS_MORE;
    size_t length = (size_t)marker[2] << 8 | marker[3];
    if (length < 2) return IS_DAMAGED;
    if (left < 2 + length) return NEEDS_MORE;
    cutter->segment = cutter->at + 4;
    cutter->at += 2 + length;
    cutter->state = marker[1] == SOS ? IN_SCAN : AT_MARKER;
    return GO_ON;
}

static step pass_scan(vg_frame_cutter *cutter)
{
    const uint8_t *found = memchr(cutter->bytes + cutter->at, 0xFF, cutter->end - cutter->at);
    cutter->at = found != NULL ? (size_t)(found - cutter->bytes) : cutter->end;
    if (cutter->end - cutter->at < 2) return NEEDS_MORE;
    uint8_t code = found[1];
    if (code == 0 || (code >= RST0 && code <= RST7)) {
        cutter->at += 2;
    } else {
        cutter->segment = cutter->at;
        cutter->state = AT_MARKER;
    }
    return GO_ON;
}

static bool cut_jpeg(vg_frame_cutter *cutter, bool at_end, vg_frame *frame)
{
    step next = GO_ON;
    while (next == GO_ON) {
        next = cutter->state == BETWEEN     ? seek(cutter)
               : cutter->state == AT_MARKER ? pass_marker(cutter)
                                            : pass_scan(cutter);
        if (cutter->at - cutter->begin > cutter->limit)
            return give_fault(cutter, cutter->at, too_large, frame);
    }
    switch (next) {
    case IS_WHOLE: return give(cutter, cutter->at, cutter->at, frame);
    case IS_CUT: return give_fault(cutter, cutter->at, "another one begins within it", frame);
    /* The segment before may be what was cut, and hold the beginning of the next frame. */
    case IS_DAMAGED: return give_fault(cutter, cutter->segment, "it is damaged", frame);
    default: break;
    }
    if (!at_end || cutter->begin == cutter->end) return false;
    if (cutter->state != BETWEEN) return give_fault(cutter, cutter->end, cut_by_end, frame);
    cutter->skipped += cutter->end - cutter->begin;
    cutter->begin = cutter->at = cutter->end;
    return false;
}

/* --- Pixels -------------------------------------------------------------------------------- */

static bool cut_pixels(vg_frame_cutter *cutter, bool at_end, vg_frame *frame)
{
    size_t left = cutter->end - cutter->begin, end = cutter->begin + cutter->limit;
    if (left >= cutter->limit) return give(cutter, end, end, frame);
    return at_end && left > 0 && give_fault(cutter, cutter->end, cut_by_end, frame);
}

bool vg_frame_cutter_next(vg_frame_cutter *cutter, bool at_end, vg_frame *frame)
{
    switch (cutter->kind) {
    case VG_STREAM_PATHS: return cut_line(cutter, at_end, frame);
    case VG_STREAM_MJPEG: return cut_jpeg(cutter, at_end, frame);
    case VG_STREAM_FRAMES: return cut_pixels(cutter, at_end, frame);
    }
    return false;
}
