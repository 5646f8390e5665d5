/* The EXIF orientation of a JPEG, found by its markers (ITU-T T.81, B.1.1) without libjpeg,
 * which before version 3.0.4 of libjpeg-turbo walks a list of all segments it has kept for
 * each one it keeps: 50,000 of them took nine seconds. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "image/image.h"

enum {
    TEM = 0x01,
    RST0 = 0xD0,
    EOI = 0xD9,
    SOI = 0xD8,
    SOS = 0xDA,
    APP1 = 0xE1,
    LENGTH_BYTES = 2,
    MAX_EXIF_BYTES = 16 << 20, /* of all segments; the directory is in the first 64 KiB */
};

static const char exif[] = "Exif\0"; /* and the terminator, a second zero */

typedef struct marker_scan {
    const uint8_t *data;
    size_t size, offset;
} marker_scan;

typedef struct segment {
    const uint8_t *data;
    size_t size;
} segment;

/* The code of the next marker, past it; EOI where the data ends. Fill bytes (0xFF) and
 * whatever stands between the segments are skipped, as by libjpeg and Pillow. */
static int next_marker(marker_scan *scan)
{
    while (scan->offset < scan->size) {
        const uint8_t *found = memchr(scan->data + scan->offset, 0xFF, scan->size - scan->offset);
        if (found == NULL) break;
        scan->offset = (size_t)(found - scan->data);
        while (scan->offset < scan->size && scan->data[scan->offset] == 0xFF) scan->offset++;
        if (scan->offset == scan->size) break;
        int code = scan->data[scan->offset++];
        if (code != 0) return code;
    }
    return EOI;
}

static int has_no_segment(int code)
{
    return code == TEM || (code >= RST0 && code <= SOI);
}

/* The next EXIF segment before the first scan; 0 where there is none. */
static int next_exif(marker_scan *scan, segment *found)
{
    for (;;) {
        int code = next_marker(scan);
        if (code == EOI || code == SOS) return 0;
        if (has_no_segment(code)) continue;
        if (scan->size - scan->offset < LENGTH_BYTES) return 0;
        const uint8_t *at = scan->data + scan->offset;
        size_t length = (size_t)at[0] << 8 | at[1];
        if (length < LENGTH_BYTES || length > scan->size - scan->offset) return 0;
        scan->offset += length;
        *found = (segment){at + LENGTH_BYTES, length - LENGTH_BYTES};
        if (code == APP1 && found->size >= sizeof exif &&
            memcmp(found->data, exif, sizeof exif) == 0)
            return 1;
    }
}

/* Pillow takes several segments as one, in their order. */
static vg_status join(segment first, marker_scan rest, int *orientation, vg_error *error)
{
    size_t size = first.size;
    segment next;
    for (marker_scan scan = rest; size < MAX_EXIF_BYTES && next_exif(&scan, &next);)
        size += next.size - sizeof exif;
    uint8_t *joined = malloc(size);
    if (joined == NULL) return vg_fail_memory(error, size);
    memcpy(joined, first.data, first.size);
    for (size_t at = first.size; at < size; at += next.size - sizeof exif) {
        if (!next_exif(&rest, &next)) break;
        memcpy(joined + at, next.data + sizeof exif, next.size - sizeof exif);
    }
    *orientation = vg_exif_orientation(joined, size);
    free(joined);
    return VG_OK;
}

vg_status vg_jpeg_orientation(const uint8_t *data, size_t size, int *orientation, vg_error *error)
{
    marker_scan scan = {data, size, 0};
    segment first, second;
    *orientation = 1;
    if (!next_exif(&scan, &first)) return VG_OK;
    marker_scan rest = scan;
    if (next_exif(&scan, &second)) return join(first, rest, orientation, error);
    *orientation = vg_exif_orientation(first.data, first.size);
    return VG_OK;
}
