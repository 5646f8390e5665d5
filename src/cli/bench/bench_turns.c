#include "cli/bench/bench_turns.h"

#include "base/clock.h"
#include "cli/bench/bench_series.h"
#include "cli/cli.h"

/* Long enough to hold several images and several of the peak's stretches, short enough
 * for the clock rate to be the same in both. */
static const double network_turn = 0.05, layers_turn = 0.2, peak_turn = 0.01;

/* Multiply-adds of an image: the sum over all layers (docs/design.md). */
static const uint64_t image_multiply_adds = 299494272;

static bool has_time(const vg_bench_task *task, double start)
{
    return vg_seconds() - start < task->seconds && !atomic_load(&vg_cli_interrupted);
}

/* --- The network -------------------------------------------------------- */

typedef struct network_turns {
    vg_bench_series peaks, shares;
    double images, seconds;
} network_turns;

/* The peak is the best of short stretches, in which nobody took the CPU away. So the share
 * counts the time in which the network had it. */
static vg_status take_network_turn(network_turns *turns, const vg_bench_task *task,
                                   vg_extractor *extractor, const uint8_t *rgb, vg_error *error)
{
    float features[VG_FEATURE_COUNT];
    double start = vg_seconds(), cpu_start = vg_thread_seconds();
    double seconds = 0.0, images = 0.0, peak = 0.0;
    vg_status status = VG_OK;
    while (status == VG_OK && seconds < network_turn) {
        status = vg_extractor_forward(extractor, 1, rgb, features, error);
        images++;
        seconds = vg_seconds() - start;
    }
    double cpu_seconds = vg_thread_seconds() - cpu_start;
    if (status == VG_OK) status = vg_measure_peak(task->kernels, peak_turn, &peak, error);
    if (status != VG_OK) return status;
    turns->images += images;
    turns->seconds += seconds;
    double rate = images * vg_bench_gflop(image_multiply_adds) / cpu_seconds;
    status = vg_bench_series_add(&turns->peaks, peak, error);
    return status == VG_OK ? vg_bench_series_add(&turns->shares, rate / peak, error) : status;
}

vg_status vg_bench_network_turns(const vg_bench_task *task, vg_extractor *extractor,
                                 const uint8_t *rgb, vg_bench_figures *figures, vg_error *error)
{
    network_turns turns = {0};
    double start = vg_seconds();
    vg_status status;
    do {
        status = take_network_turn(&turns, task, extractor, rgb, error);
    } while (status == VG_OK && has_time(task, start));
    if (status == VG_OK) {
        figures->rate = turns.images / turns.seconds;
        figures->peak = vg_bench_series_median(&turns.peaks);
        figures->share = vg_bench_series_median(&turns.shares);
    }
    vg_bench_series_close(&turns.peaks);
    vg_bench_series_close(&turns.shares);
    return status;
}

/* --- Its layers --------------------------------------------------------- */

typedef struct layer_turns {
    vg_bench_series peaks, seconds[VG_LAYERS];
    vg_bench_series possible[VG_LAYERS]; /* what the peak would have done meanwhile, GFLOP */
    vg_layer_cost costs[VG_LAYERS];      /* of the last turn */
} layer_turns;

static vg_status take_layer_turn(layer_turns *turns, const vg_bench_task *task, vg_error *error)
{
    double peak = 0.0;
    vg_status status = vg_measure_layers(task->model, layers_turn, turns->costs, error);
    if (status == VG_OK) status = vg_measure_peak(task->kernels, peak_turn, &peak, error);
    if (status == VG_OK) status = vg_bench_series_add(&turns->peaks, peak, error);
    for (int i = 0; status == VG_OK && i < VG_LAYERS; i++) {
        double seconds = turns->costs[i].seconds;
        status = vg_bench_series_add(&turns->seconds[i], seconds, error);
        if (status == VG_OK)
            status = vg_bench_series_add(&turns->possible[i], seconds * peak, error);
    }
    return status;
}

static void summarise_layers(layer_turns *turns, vg_bench_figures *figures)
{
    figures->peak = vg_bench_series_median(&turns->peaks);
    for (int i = 0; i < VG_LAYERS; i++) {
        vg_bench_layer *layer = &figures->layers[i];
        layer->cost = turns->costs[i];
        layer->cost.seconds = vg_bench_series_median(&turns->seconds[i]);
        double gflop = vg_bench_gflop(layer->cost.multiply_adds);
        layer->share = gflop / vg_bench_series_median(&turns->possible[i]);
        layer->best_share = gflop / vg_bench_series_quantile(&turns->possible[i], 0.1);
    }
}

vg_status vg_bench_layer_turns(const vg_bench_task *task, vg_bench_figures *figures,
                               vg_error *error)
{
    layer_turns turns = {0};
    double start = vg_seconds();
    vg_status status;
    do {
        status = take_layer_turn(&turns, task, error);
    } while (status == VG_OK && has_time(task, start));
    if (status == VG_OK) summarise_layers(&turns, figures);
    vg_bench_series_close(&turns.peaks);
    for (int i = 0; i < VG_LAYERS; i++) {
        vg_bench_series_close(&turns.seconds[i]);
        vg_bench_series_close(&turns.possible[i]);
    }
    return status;
}
