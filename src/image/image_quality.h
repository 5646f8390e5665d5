/* What the pixels of an image tell beside what it shows. */
#ifndef VG_IMAGE_IMAGE_QUALITY_H
#define VG_IMAGE_IMAGE_QUALITY_H

#include "verger/verger.h"

/* rgb: [VG_IMAGE_SIZE][VG_IMAGE_SIZE][3], an image that was decoded to width x height. */
void vg_image_quality_measure(vg_image_quality *quality, const uint8_t *rgb, int width, int height);

#endif
