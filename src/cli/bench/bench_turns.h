/* Network and peak by turns. On a shared machine the clock rate and the neighbours change
 * within seconds: a share of the peak is one of the peak at the same time. */
#ifndef VG_CLI_BENCH_BENCH_TURNS_H
#define VG_CLI_BENCH_BENCH_TURNS_H

#include "cli/bench/bench_worker.h"

/* Of this thread: images a second of the network's own time, the median of the peaks, and
 * of the shares that the turns have in theirs. rgb: [224][224][3]. */
vg_status vg_bench_network_turns(const vg_bench_task *task, vg_extractor *extractor,
                                 const uint8_t *rgb, vg_bench_figures *figures, vg_error *error);

/* The same of each layer: the medians of its seconds and its shares. */
vg_status vg_bench_layer_turns(const vg_bench_task *task, vg_bench_figures *figures,
                               vg_error *error);

#endif
