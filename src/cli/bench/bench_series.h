/* Figures of one kind that a measurement collects. */
#ifndef VG_CLI_BENCH_BENCH_SERIES_H
#define VG_CLI_BENCH_BENCH_SERIES_H

#include "verger/verger.h"

/* Starts as {0}; values are its own. */
typedef struct vg_bench_series {
    double *values;
    size_t count, capacity;
} vg_bench_series;

vg_status vg_bench_series_add(vg_bench_series *series, double value, vg_error *error);
/* 0 where there are none. Their order is lost. */
double vg_bench_series_median(vg_bench_series *series);
double vg_bench_series_quantile(vg_bench_series *series, double share);
void vg_bench_series_close(vg_bench_series *series);

#endif
