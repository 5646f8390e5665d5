#include "cli/bench/bench_latency.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/bench/bench_series.h"
#include "cli/cli.h"

/* Images before those that count: caches and clock rate settle. */
enum { WARM_UP = 10 };

/* One of the two that take turns. */
typedef struct runner {
    vg_extractor *extractor;
    vg_bench_series seconds;
} runner;

static vg_status extract(runner *r, const vg_encoded_image *encoded, vg_error *error)
{
    float features[VG_FEATURE_COUNT];
    vg_image_result result;
    double start = vg_seconds();
    vg_status status = vg_extract(r->extractor, 1, encoded, features, &result, error);
    double seconds = vg_seconds() - start;
    if (status == VG_OK) status = vg_bench_series_add(&r->seconds, seconds, error);
    if (status == VG_OK && result.status != VG_OK) {
        status = result.status;
        if (error != NULL) *error = result.error;
    }
    return status;
}

static vg_status take_turns(const vg_bench_task *task, runner *one, runner *team, vg_error *error)
{
    double start = vg_seconds();
    for (long image = 0; image <= WARM_UP || vg_seconds() - start < task->seconds; image++) {
        vg_status status = extract(one, &task->encoded, error);
        if (status == VG_OK) status = extract(team, &task->encoded, error);
        if (status != VG_OK) return status;
        if (atomic_load(&vg_cli_interrupted)) return vg_fail(error, VG_ECANCELLED, "interrupted");
        if (image < WARM_UP) {
            one->seconds.count = team->seconds.count = 0;
            start = vg_seconds();
        }
    }
    return VG_OK;
}

static vg_bench_latency latency_of(runner *r)
{
    return (vg_bench_latency){vg_bench_series_quantile(&r->seconds, 0.50),
                              vg_bench_series_quantile(&r->seconds, 0.99)};
}

vg_status vg_bench_latencies(const vg_bench_task *task, vg_bench_latency *one,
                             vg_bench_latency *team, vg_error *error)
{
    runner alone = {0}, together = {0};
    vg_status status = vg_extractor_open(&alone.extractor, task->model, NULL, error);
    vg_extractor_options team_options;
    vg_extractor_options_default(&team_options);
    team_options.threads = (int)task->threads;
    if (status == VG_OK)
        status = vg_extractor_open(&together.extractor, task->model, &team_options, error);
    if (status == VG_OK) status = take_turns(task, &alone, &together, error);
    if (status == VG_OK) {
        *one = latency_of(&alone);
        *team = latency_of(&together);
    }
    vg_extractor_close(&alone.extractor);
    vg_extractor_close(&together.extractor);
    vg_bench_series_close(&alone.seconds);
    vg_bench_series_close(&together.seconds);
    return status;
}

/* --- Output ------------------------------------------------------------- */

static void print_row(const char *kernels, long threads, const vg_bench_latency *latency,
                      double times_as_fast)
{
    printf("%-8s %7ld %8.2f %8.2f %12.2f\n", kernels, threads, 1e3 * latency->p50,
           1e3 * latency->p99, times_as_fast);
}

void vg_bench_print_latencies(const vg_bench_task *task, const vg_bench_latency *one,
                              const vg_bench_latency *team)
{
    printf("one image from its file's bytes to its features; milliseconds\n");
    printf("%-8s %7s %8s %8s %12s\n", "kernels", "threads", "p50", "p99", "times as fast");
    print_row(task->kernels, 1, one, 1.0);
    print_row(task->kernels, task->threads, team, one->p50 / team->p50);
}

void vg_bench_print_latencies_json(const vg_bench_task *task, const vg_bench_latency *one,
                                   const vg_bench_latency *team)
{
    printf("{\"kernels\": \"%s\", \"threads\": %ld, \"one_p50_ms\": %.3f, \"one_p99_ms\": %.3f, "
           "\"team_p50_ms\": %.3f, \"team_p99_ms\": %.3f}\n",
           task->kernels, task->threads, 1e3 * one->p50, 1e3 * one->p99, 1e3 * team->p50,
           1e3 * team->p99);
}
