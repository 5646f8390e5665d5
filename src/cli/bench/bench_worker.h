/* What `verger bench` measures, on several threads at once. */
#ifndef VG_CLI_BENCH_BENCH_WORKER_H
#define VG_CLI_BENCH_BENCH_WORKER_H

#include <stdbool.h>

#include "measure/measure.h"

typedef enum vg_bench_step {
    VG_BENCH_NETWORK, /* and the peak, by turns */
    VG_BENCH_DECODE,
    VG_BENCH_RESIZE,
    VG_BENCH_WHOLE,  /* decode, resize and network */
    VG_BENCH_LAYERS, /* of the network, and the peak, by turns */
} vg_bench_step;

typedef struct vg_bench_task {
    vg_bench_step step;
    double seconds;
    long threads;
    bool pin; /* each thread to a CPU of its own, by vg_pin_thread */
    const char *kernels;
    const vg_model *model;
    vg_encoded_image encoded;
} vg_bench_task;

typedef struct vg_bench_layer {
    vg_layer_cost cost;
    double share;      /* of the peak, 0 to 1 */
    double best_share; /* what the best tenth of the turns reached */
} vg_bench_layer;

/* Each step fills what it measures. */
typedef struct vg_bench_figures {
    double rate;                      /* images a second, all threads together */
    double peak;                      /* GFLOP/s, all threads together */
    double share;                     /* of the network in the peak, 0 to 1 */
    vg_bench_layer layers[VG_LAYERS]; /* of one thread: the mean over all */
} vg_bench_figures;

/* VG_ECANCELLED where the user interrupts. */
vg_status vg_bench_measure(const vg_bench_task *task, vg_bench_figures *figures, vg_error *error);

/* 10^9 floating-point operations. */
static inline double vg_bench_gflop(uint64_t multiply_adds)
{
    return 2e-9 * (double)multiply_adds;
}

#endif
