/* Samples of other kinds to RGB, as Pillow's convert("RGB") has them. */
#ifndef VG_IMAGE_PIXELS_H
#define VG_IMAGE_PIXELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Colours of indices; those past the file's own are black. */
typedef struct vg_palette {
    uint8_t rgb[256][3];
} vg_palette;

static inline uint8_t *vg_put_grey(uint8_t *rgb, unsigned value)
{
    rgb[0] = rgb[1] = rgb[2] = (uint8_t)value;
    return rgb + 3;
}

/* Integers of more than a byte are clipped, not scaled. */
static inline unsigned vg_clip_to_byte(int64_t value)
{
    return value < 0 ? 0 : value > UINT8_MAX ? UINT8_MAX : (unsigned)value;
}

/* A palette whose colours are their indices is none: then indices are grey. */
static inline int vg_is_grey_ramp(const vg_palette *palette, int colours)
{
    for (int i = 0; i < colours; i++)
        for (int c = 0; c < 3; c++)
            if (palette->rgb[i][c] != i) return 0;
    return 1;
}

static inline void vg_make_grey_ramp(vg_palette *palette)
{
    for (int i = 0; i < 256; i++) vg_put_grey(palette->rgb[i], (unsigned)i);
}

static inline void vg_put_indices(uint8_t *rgb, const uint8_t *indices, size_t count,
                                  const vg_palette *palette)
{
    for (size_t i = 0; i < count; i++) memcpy(rgb + 3 * i, palette->rgb[indices[i]], 3);
}

/* a * b / 255, rounded as Pillow does (src/libImaging/ImagingUtils.h, MULDIV255). */
static inline unsigned vg_scale_byte(unsigned a, unsigned b)
{
    unsigned product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

/* CMYK, 0 no ink, as Pillow's Convert.c has it. */
static inline uint8_t *vg_put_cmyk(uint8_t *rgb, const uint8_t *cmyk)
{
    unsigned white = 255U - cmyk[3];
    for (int channel = 0; channel < 3; channel++)
        rgb[channel] = (uint8_t)(white - vg_scale_byte(cmyk[channel], white));
    return rgb + 3;
}

static inline uint16_t vg_le16(const uint8_t *data)
{
    return (uint16_t)(data[0] | data[1] << 8);
}

static inline uint32_t vg_le32(const uint8_t *data)
{
    return vg_le16(data) | (uint32_t)vg_le16(data + 2) << 16;
}

#endif
