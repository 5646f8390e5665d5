/* Inside the network: packed layers, the plan of each block, the buffers of a
 * worker. */
#ifndef VG_MODEL_NETWORK_H
#define VG_MODEL_NETWORK_H

#include "model/model.h"

/* A layer's weights in panels: panel p is [products][width] at
 * p * panel * products; bias is padded to whole panels. */
typedef struct vg_packed_layer {
    float *weights;
    float *bias;
    int products; /* per output: in_channels, 9, or 27 for the stem */
    int channels; /* outputs */
} vg_packed_layer;

/* `packed` starts zeroed; closing it is the caller's, on failure too. */
vg_status vg_packed_layer_open(vg_packed_layer *packed, const vg_weights *weights,
                               const vg_layer *layer, int panel, vg_error *error);
void vg_packed_layer_close(vg_packed_layer *packed);

/* How a block runs: strip by strip of output rows. The expanded rows that a strip
 * needs lie in a ring, so that none is computed twice. */
typedef struct vg_block_plan {
    int out_size;
    int strip_rows; /* output rows of a strip */
    int ring_rows;  /* expanded rows kept */
    int is_whole;   /* one strip: the ring of one panel serves all panels in turn */
} vg_block_plan;

/* `cache_bytes` is what ring and strip together should fit into. */
vg_block_plan vg_plan_block(const vg_block *block, int panel, size_t cache_bytes);

/* Floats of the plan's buffers. */
size_t vg_plan_ring_floats(const vg_block *block, const vg_block_plan *plan, int panel);
size_t vg_plan_strip_floats(const vg_block *block, const vg_block_plan *plan, int panel);

struct vg_network {
    vg_kernels kernels;
    vg_packed_layer layers[VG_LAYER_COUNT];
    vg_block_plan plans[VG_BLOCK_COUNT];
};

#endif
