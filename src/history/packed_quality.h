/* The quality of an image as bytes, for a column of what a run keeps. */
#ifndef VG_HISTORY_PACKED_QUALITY_H
#define VG_HISTORY_PACKED_QUALITY_H

#include <stdbool.h>

#include "verger/verger.h"

/* Little-endian, as vg_image_quality has its members; percentiles a byte, doubles their bits. */
enum {
    VG_PACKED_QUALITY_BYTES =
        4 + 4 + VG_BRIGHTNESS_LEVELS + 8 + 8 + 2 * VG_SIGNATURE_SIDE * VG_SIGNATURE_SIDE
};

void vg_packed_quality_write(uint8_t bytes[VG_PACKED_QUALITY_BYTES],
                             const vg_image_quality *quality);
/* False for bytes of another size. */
bool vg_packed_quality_read(vg_image_quality *quality, const void *bytes, size_t size);

#endif
