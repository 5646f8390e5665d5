#include "cli/bench/bench_series.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/median.h"
#include "base/memory.h"

vg_status vg_bench_series_add(vg_bench_series *series, double value, vg_error *error)
{
    if (series->count == series->capacity) {
        double *values = vg_grow(series->values, &series->capacity, sizeof *values);
        if (values == NULL) return vg_fail_memory(error, 2 * series->capacity * sizeof *values);
        series->values = values;
    }
    series->values[series->count++] = value;
    return VG_OK;
}

double vg_bench_series_median(vg_bench_series *series)
{
    return vg_median(series->values, series->count);
}

double vg_bench_series_quantile(vg_bench_series *series, double share)
{
    return vg_quantile(series->values, series->count, share);
}

void vg_bench_series_close(vg_bench_series *series)
{
    free(series->values);
    *series = (vg_bench_series){0};
}
