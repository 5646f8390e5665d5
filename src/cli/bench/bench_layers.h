/* The layers of the network as a table and as JSON. */
#ifndef VG_CLI_BENCH_BENCH_LAYERS_H
#define VG_CLI_BENCH_BENCH_LAYERS_H

#include "cli/bench/bench_worker.h"

/* A heading, a row a layer, and the sums. */
void vg_bench_print_layers(const char *kernels, long threads, const vg_bench_figures *figures);

/* One object on one line: the sums, and "layers", an array of objects. */
void vg_bench_print_layers_json(const char *kernels, long threads, const vg_bench_figures *figures);

#endif
