/* Inside the network: packed weights and the plan of each block. */
#ifndef VG_MODEL_NETWORK_H
#define VG_MODEL_NETWORK_H

#include "model/packed.h"

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
    vg_packed packed;
    vg_packed_layer layers[VG_LAYER_COUNT]; /* they point into `packed` */
    vg_block_plan plans[VG_BLOCK_COUNT];
};

#endif
