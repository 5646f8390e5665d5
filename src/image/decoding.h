/* One image on its way from bytes to pixels: what the decoder of every format is given. */
#ifndef VG_IMAGE_DECODING_H
#define VG_IMAGE_DECODING_H

#include "image/image.h"
#include "image/watch.h"

enum { VG_RGB_CHANNELS = 3 };

typedef struct vg_decoding {
    const uint8_t *data; /* the file, [size] */
    size_t size;
    const char *format; /* by its first bytes, as vg_image_format has it */
    const vg_image_options *options;
    vg_image *image; /* the decoder writes to image->rgb after vg_decoding_begin */
    /* To be set by the decoder, where the options ask for it: EXIF's 1 to 8. */
    int orientation;
    vg_watch watch;
    uint64_t taken; /* of the options' budget */
    vg_error *error;
} vg_decoding;

/* To be called once, when the size is known and before any large allocation: checks the
 * limits, waits for memory, and gives the image its size and room for its pixels. `working`
 * is what the decoder is about to allocate beside them, in bytes. */
vg_status vg_decoding_begin(vg_decoding *decoding, uint64_t width, uint64_t height,
                            uint64_t working);

/* To be called after every few rows with the pixels that were decoded: VG_ELIMIT or
 * VG_ECANCELLED where the decoder is to end. */
vg_status vg_decoding_go_on(vg_decoding *decoding, uint64_t pixels);

/* VG_EFORMAT, with the message that every format has. */
vg_status vg_decoding_ends_early(const vg_decoding *decoding, const char *format);

/* One file a format, of that name. */
vg_status vg_decode_jpeg(vg_decoding *decoding);
vg_status vg_decode_png(vg_decoding *decoding);
vg_status vg_decode_pnm(vg_decoding *decoding);
vg_status vg_decode_bmp(vg_decoding *decoding);
/* Where the build has their libraries. */
vg_status vg_decode_webp(vg_decoding *decoding);
vg_status vg_decode_gif(vg_decoding *decoding);
vg_status vg_decode_tiff(vg_decoding *decoding);
vg_status vg_decode_heif(vg_decoding *decoding);

#endif
