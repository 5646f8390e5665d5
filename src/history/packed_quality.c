#include "history/packed_quality.h"

#include <string.h>

enum { FIELDS = VG_SIGNATURE_SIDE * VG_SIGNATURE_SIDE };

static uint8_t *put(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) *to++ = (uint8_t)(value >> 8 * i);
    return to;
}

static uint8_t *put_double(uint8_t *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put(to, bits, 8);
}

void vg_packed_quality_write(uint8_t bytes[VG_PACKED_QUALITY_BYTES],
                             const vg_image_quality *quality)
{
    uint8_t *to = put(bytes, (uint64_t)quality->width, 4);
    to = put(to, (uint64_t)quality->height, 4);
    for (int i = 0; i < VG_BRIGHTNESS_LEVELS; i++) to = put(to, quality->brightness[i], 1);
    to = put_double(to, quality->contrast);
    to = put_double(to, quality->sharpness);
    for (int i = 0; i < FIELDS; i++) to = put(to, quality->signature[i], 2);
}

static uint64_t take(const uint8_t **from, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t) * (*from)++ << 8 * i;
    return value;
}

static double take_double(const uint8_t **from)
{
    uint64_t bits = take(from, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool vg_packed_quality_read(vg_image_quality *quality, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    if (size != VG_PACKED_QUALITY_BYTES) return false;
    quality->width = (int)take(&from, 4);
    quality->height = (int)take(&from, 4);
    for (int i = 0; i < VG_BRIGHTNESS_LEVELS; i++) quality->brightness[i] = (uint8_t)take(&from, 1);
    quality->contrast = take_double(&from);
    quality->sharpness = take_double(&from);
    for (int i = 0; i < FIELDS; i++) quality->signature[i] = (uint16_t)take(&from, 2);
    return true;
}
