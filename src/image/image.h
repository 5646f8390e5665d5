/* Encoded bytes to RGB, RGB to the network's input size. */
#ifndef VG_IMAGE_IMAGE_H
#define VG_IMAGE_IMAGE_H

#include "kernels/kernels.h"
#include "verger/verger.h"

/* Makes room for width * height RGB pixels; keeps a buffer that is large enough. */
vg_status vg_image_reserve(vg_image *image, int width, int height, vg_error *error);

/* One file per format; `image` as in vg_image_decode. */
vg_status vg_decode_jpeg(vg_image *image, const void *data, size_t size,
                         const vg_image_options *options, vg_error *error);
vg_status vg_decode_png(vg_image *image, const void *data, size_t size,
                        const vg_image_options *options, vg_error *error);

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
