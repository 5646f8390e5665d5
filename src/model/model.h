/* MobileNetV2: where its weights come from and how it runs. */
#ifndef VG_MODEL_MODEL_H
#define VG_MODEL_MODEL_H

#include "kernels/kernels.h"
#include "verger/verger.h"

enum { VG_MAX_RANK = 4, VG_MAX_NAME = 64, VG_ORIGIN_CHARS = 160 };

/* A named float32 tensor; `values` is owned by the vg_weights that holds it. */
typedef struct vg_tensor {
    char name[VG_MAX_NAME]; /* "block_1_expand/kernel" */
    int rank;
    int shape[VG_MAX_RANK];
    float *values;
} vg_tensor;

/* All tensors of a network, batch norm folded in. */
typedef struct vg_weights {
    size_t count;
    vg_tensor *tensors;
    char origin[VG_ORIGIN_CHARS]; /* what their file says of their source, or empty */
} vg_weights;

void vg_weights_close(vg_weights **weights);

/* The tensor of that name and shape, or VG_EFORMAT with a message that names it.
 * Shapes: kernel [height][width][in][out], depthwise_kernel
 * [height][width][channels][1], bias [out]. */
vg_status vg_weights_find(const vg_weights *weights, const char *name, int rank, const int *shape,
                          const vg_tensor **tensor, vg_error *error);

/* Reads and checks a safetensors file (float32 tensors only).
 * Format: 8 bytes of little-endian header length, a JSON header, the values. */
vg_status vg_weights_read_safetensors(vg_weights **weights, const char *path, vg_error *error);

/* The same from bytes in memory, which may go afterwards. */
vg_status vg_weights_parse_safetensors(vg_weights **weights, const void *data, size_t size,
                                       vg_error *error);

/* Weights of MobileNetV2's shapes drawn from a seed: scaled so that activations
 * keep their size from layer to layer (He initialisation). The same on every
 * machine. */
vg_status vg_weights_seeded(vg_weights **weights, uint64_t seed, vg_error *error);

/* One row of the network's description: an inverted residual block. The first has
 * no expansion: the stem's output is its expanded input. */
typedef struct vg_block {
    const char *name; /* prefix of its tensors: "block_1", "expanded_conv" */
    int in_channels;
    int expanded_channels;
    int out_channels;
    int stride;
    int in_size; /* pixels on a side of its input */
    int has_residual;
} vg_block;

enum { VG_BLOCK_COUNT = 17, VG_STEM_CHANNELS = 32, VG_HEAD_CHANNELS = 320 };

/* A block's layers follow one another; the first block's expansion is the stem. */
enum { VG_EXPAND, VG_DEPTHWISE, VG_PROJECT, VG_BLOCK_LAYERS };

/* The blocks in order. */
extern const vg_block vg_blocks[VG_BLOCK_COUNT];

/* The description of a tensor that every MobileNetV2 file must hold; NULL past
 * the last. Walks stem, blocks and head in order. */
typedef struct vg_layer {
    char name[VG_MAX_NAME]; /* "Conv1", "block_1_depthwise" */
    int is_depthwise;
    int kernel_size; /* 1 or 3 */
    int in_channels, out_channels;
} vg_layer;

enum { VG_LAYER_COUNT = 52 };

/* Layer `index` of VG_LAYER_COUNT. */
vg_layer vg_layer_at(int index);

/* Weights packed for one kernel set, and the plan of the run. Read-only once
 * open: threads share it. */
typedef struct vg_network vg_network;

vg_status vg_network_open(vg_network **network, const vg_weights *weights,
                          const vg_kernels *kernels, vg_error *error);

/* The same over weights in a file that vg_network_save wrote, mapped into memory: all
 * processes that do so share the pages. */
vg_status vg_network_map(vg_network **network, const char *path, const vg_kernels *kernels,
                         vg_error *error);
vg_status vg_network_save(const vg_network *network, const char *path, vg_error *error);

void vg_network_close(vg_network **network);

/* The activations of one image on its way through the network, and the threads that work
 * on it together: `threads` of them, the caller of vg_network_forward among them. */
typedef struct vg_workspace vg_workspace;

vg_status vg_workspace_open(vg_workspace **workspace, const vg_network *network, int threads,
                            vg_error *error);
void vg_workspace_close(vg_workspace **workspace);

/* What a layer took, by the clock on the wall, in stretches that were timed one by one. */
typedef struct vg_layer_time {
    double seconds;
    int stretches;
} vg_layer_time;

/* From now on each forward pass adds what each layer takes to times[VG_LAYER_COUNT], which
 * the caller keeps; NULL ends that. */
void vg_workspace_time_layers(vg_workspace *workspace, vg_layer_time *times);

/* rgb: [224][224][3]; features: [VG_FEATURE_COUNT]. */
void vg_network_forward(const vg_network *network, vg_workspace *workspace, const uint8_t *rgb,
                        float *features);

struct vg_model {
    vg_kernels kernels;
    vg_network *network;
};

#endif
