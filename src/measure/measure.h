/* How fast this CPU is, and where the network's time goes: what `verger bench` shows beside
 * the speed of the library's own functions. No part of the library. */
#ifndef VG_MEASURE_MEASURE_H
#define VG_MEASURE_MEASURE_H

#include "model/model.h"

/* Largest f32 multiply-add rate of one core, in GFLOP/s, measured now with
 * registers only for about `seconds`. `kernels` as in vg_model_options. */
vg_status vg_measure_peak(const char *kernels, double seconds, double *gflops, vg_error *error);

enum { VG_LAYERS = VG_LAYER_COUNT };

/* What one image costs in one layer. */
typedef struct vg_layer_cost {
    char name[64];   /* Keras's: "Conv1", "block_1_depthwise" */
    int kernel_size; /* 1 or 3 pixels on a side */
    int stride;      /* 1 or 2 */
    int out_size;    /* pixels on a side of its output */
    int in_channels, out_channels;
    uint64_t multiply_adds; /* those with the zeros around the image are counted */
    /* What the layer reads and writes by itself: its input, its output and, where one is
     * added, the residual once; weights and bias once for each strip of output rows in
     * which its block runs on this CPU. In float32; of the last layer's output, the means.
     * What a block's layers hand to one another stays in the core's own caches, so main
     * memory sees less. */
    uint64_t bytes;
    double seconds; /* of this layer in one image, by one thread */
} vg_layer_cost;

/* Runs images through the network for about `seconds`, at least one, and fills
 * layers[VG_LAYERS], in the order of the network, with the median over the images (over
 * the last 512 where there are more). What reading the clock adds is estimated and left
 * out. The scaling of the image to -1 .. 1 is part of the first layer; decoding and resizing
 * belong to none. */
vg_status vg_measure_layers(const vg_model *model, double seconds, vg_layer_cost *layers,
                            vg_error *error);

#endif
