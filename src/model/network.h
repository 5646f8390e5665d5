/* Inside the network: packed weights and the plan of each block. */
#ifndef VG_MODEL_NETWORK_H
#define VG_MODEL_NETWORK_H

#include "model/packed.h"

/* How a block runs: in strips of output rows, within a strip panel by panel, within a panel
 * band of columns by band, within a band in steps of a few rows. Expanded rows lie in a ring that
 * serves every panel in turn; those that the next strip needs too are carried over, so that none is
 * computed twice. */
typedef struct vg_block_plan {
    int panel; /* of the expanded tensor */
    int has_digits;
    int out_size;
    int strip_rows;   /* output rows that are projected at once */
    int band_columns; /* output columns that are expanded and filtered before the next */
    int step_rows;    /* output rows of a band that are expanded and filtered at once */
    int ring_columns; /* expanded columns that a band needs, at most */
    int ring_rows;    /* expanded rows of a panel that a step needs */
    int carried_rows;
} vg_block_plan;

/* Bytes of a core's caches. */
typedef struct vg_caches {
    size_t level1, level2;
} vg_caches;

/* A step's expanded rows fit into half of level 1, a strip into half of level 2 or less. */
vg_block_plan vg_plan_block(const vg_block *block, int panel, const vg_caches *caches);

/* Whether one strip is all there is. */
static inline int vg_plan_is_whole(const vg_block_plan *plan)
{
    return plan->strip_rows == plan->out_size;
}

/* Floats of the plan's buffers. */
size_t vg_plan_ring_floats(const vg_block_plan *plan);
size_t vg_plan_carried_floats(const vg_block *block, const vg_block_plan *plan);
size_t vg_plan_strip_floats(const vg_block *block, const vg_block_plan *plan);

struct vg_network {
    vg_kernels kernels;
    vg_packed packed;
    vg_packed_layer layers[VG_LAYER_COUNT]; /* they point into `packed` */
    vg_block_plan plans[VG_BLOCK_COUNT];
};

#endif
