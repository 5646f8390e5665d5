/* Weights in the order in which kernels read them, all in one block: memory of the
 * process or a mapped file. Both have the same bytes and one layout:
 *
 *   head   magic, version, panel and layers; where each layer's weights and bias lie;
 *          a checksum of all this (packed_file.c)
 *   a layer's weights in panels: panel p is [products][width] at p * panel * products
 *   its bias, padded to whole panels
 *   (of a 1x1 convolution in panels of 64: tiles and outputs as digits/digits.h has them)
 *   ...    the other layers, each part at a multiple of 64 bytes
 *   tail   the head's checksum again
 *
 * Numbers are little-endian. A file is for one width of panels, whatever the kernel set. */
#ifndef VG_MODEL_PACKED_H
#define VG_MODEL_PACKED_H

#include "model/model.h"

/* As PNG's: no text, and other bytes after a transfer as text. */
#define VG_PACKED_MAGIC "\x89VGP\r\n\x1a\n"
enum { VG_PACKED_MAGIC_BYTES = 8 };

typedef struct vg_packed {
    unsigned char *bytes;
    size_t size;
    int is_mapped;
} vg_packed;

typedef struct vg_packed_layer {
    const float *weights, *bias;
    int panel;                           /* of the outputs */
    int is_of_digits;                    /* of the inputs */
    ptrdiff_t panel_weights, panel_bias; /* floats of a full panel of outputs */
    int products;                        /* per output: in_channels, 9, or 27 for the stem */
    int channels;                        /* outputs */
} vg_packed_layer;

/* `packed` is filled in; closing it is the caller's unless opening failed. */
vg_status vg_packed_open(vg_packed *packed, const vg_weights *weights, int panel, vg_error *error);
void vg_packed_close(vg_packed *packed);

/* They live as long as the block. */
void vg_packed_layers(const vg_packed *packed, int panel, vg_packed_layer layers[VG_LAYER_COUNT]);

/* --- Layout ------------------------------------------------------------- */

/* Where a layer's parts lie, in bytes from the start. */
typedef struct vg_packed_place {
    int products, channels;
    int panel, in_panel; /* of the outputs, and of the inputs where they are digits */
    int is_of_digits;
    size_t weights, bias;
} vg_packed_place;

typedef struct vg_packed_layout {
    size_t size; /* of all */
    vg_packed_place places[VG_LAYER_COUNT];
} vg_packed_layout;

vg_packed_layout vg_packed_lay_out(int panel);

/* In a set of such panels: the panel of a block's expanded tensor, and whether its expansion
 * and its projection take digits. */
int vg_block_panel(const vg_block *block, int panel);
int vg_expands_digits(const vg_block *block, int panel);
int vg_projects_digits(const vg_block *block, int panel);

/* --- Head and tail ------------------------------------------------------ */

enum { VG_PACKED_HEAD_BYTES = 1472, VG_PACKED_TAIL_BYTES = 64 };

/* Writes both into a block of zeros. `origin` is what the weights say of their source. */
void vg_packed_seal(vg_packed *packed, int panel, const char *origin);

/* Whether a file of `size` bytes with this head and tail (where it is long enough for
 * them) is what vg_packed_seal makes for these panels; `origin` may differ. */
vg_status vg_packed_check(const unsigned char *head, const unsigned char *tail, uint64_t size,
                          int panel, vg_error *error);

/* Of the head, its own place left out. */
uint64_t vg_packed_checksum(const unsigned char *head);
enum { VG_PACKED_CHECKSUM_AT = 32 };

/* --- Files -------------------------------------------------------------- */

vg_status vg_packed_map(vg_packed *packed, const char *path, int panel, vg_error *error);
void vg_packed_unmap(vg_packed *packed);
vg_status vg_packed_save(const vg_packed *packed, const char *path, vg_error *error);
/* Whether a file begins as those of vg_packed_save. */
int vg_packed_is_at(const char *path);

#endif
