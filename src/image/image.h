/* Encoded bytes to RGB, RGB to the network's input size. */
#ifndef VG_IMAGE_IMAGE_H
#define VG_IMAGE_IMAGE_H

#include "kernels/kernels.h"
#include "verger/verger.h"

/* Gives the image this size and room for its pixels. A buffer that is large enough
 * is kept, unless it is so much too large that it would waste memory. */
vg_status vg_image_reserve(vg_image *image, int width, int height, vg_error *error);

/* A side at most; bounds what grows with a row: 60 MB for a resizer to 224 x 224, 16 MB in
 * libpng. */
enum { VG_LONGEST_SIDE = 1 << 20 };

/* What an image may take without waiting for the options' budget. */
#define VG_LARGE_BYTES ((uint64_t)64 << 20)

/* As vg_image_decode, `options` not NULL; a large image keeps what it took of the options'
 * budget, for its pixels, until vg_image_give_back closes it. *taken is 0 for small ones and
 * on failure. */
vg_status vg_image_decode_taking(vg_image *image, const void *data, size_t size,
                                 const vg_image_options *options, uint64_t *taken, vg_error *error);
void vg_image_give_back(vg_image *image, const vg_image_options *options, uint64_t taken);

/* The orientation 1..8 that the EXIF segments of a JPEG ask for, 1 where there is none; fails
 * only where memory is short. */
vg_status vg_jpeg_orientation(const uint8_t *data, size_t size, int *orientation, vg_error *error);

/* The same of a PNG, from eXIf, a text of ImageMagick's or XMP. */
vg_status vg_png_orientation(const uint8_t *data, size_t size, int *orientation, vg_error *error);

/* That of the EXIF chunk of a WebP; only where the build reads them. */
int vg_webp_orientation(const uint8_t *data, size_t size);

/* The orientation 1..8 that EXIF data asks for, with or without "Exif\0\0" in front;
 * 1 where it says none or is damaged. */
int vg_exif_orientation(const uint8_t *data, size_t size);
/* Whether there is one, of any value. */
int vg_exif_find_orientation(const uint8_t *data, size_t size, int *orientation);

/* Turns an image of this EXIF orientation upright, as Pillow's
 * ImageOps.exif_transpose does. */
vg_status vg_image_orient(vg_image *image, int orientation, vg_error *error);

/* Pillow's Image.resize((width, height)) with its default filter, bicubic, to one
 * output size. Holds the filter windows of the last input size and the rows
 * between the two passes. */
typedef struct vg_resizer vg_resizer;

vg_status vg_resizer_open(vg_resizer **resizer, const vg_kernels *kernels, int width, int height,
                          vg_error *error);
void vg_resizer_close(vg_resizer **resizer);

/* rgb: [height][width][3] of the resizer. */
vg_status vg_resizer_run(vg_resizer *resizer, const vg_image *image, uint8_t *rgb, vg_error *error);

#endif
