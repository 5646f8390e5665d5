/* How soon one image is done. */
#ifndef VG_CLI_BENCH_BENCH_LATENCY_H
#define VG_CLI_BENCH_BENCH_LATENCY_H

#include "cli/bench/bench_worker.h"

/* Seconds an image from its encoded bytes to its features: half of them, and 99 of 100,
 * take no longer. */
typedef struct vg_bench_latency {
    double p50, p99;
} vg_bench_latency;

/* By one thread, and by a team of task->threads that works on each image together; image by
 * image in turn, so that what else the machine does meets both. */
vg_status vg_bench_latencies(const vg_bench_task *task, vg_bench_latency *one,
                             vg_bench_latency *team, vg_error *error);

void vg_bench_print_latencies(const vg_bench_task *task, const vg_bench_latency *one,
                              const vg_bench_latency *team);
/* One object on one line. */
void vg_bench_print_latencies_json(const vg_bench_task *task, const vg_bench_latency *one,
                                   const vg_bench_latency *team);

#endif
