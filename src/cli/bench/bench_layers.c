#include "cli/bench/bench_layers.h"

#include <inttypes.h>
#include <stdio.h>

/* All of them as one layer without a name. */
static vg_bench_layer add_up(const vg_bench_layer *layers)
{
    vg_bench_layer all = {0};
    double possible = 0.0, at_best = 0.0; /* GFLOP of the peak in the time of all */
    for (int i = 0; i < VG_LAYERS; i++) {
        all.cost.multiply_adds += layers[i].cost.multiply_adds;
        all.cost.bytes += layers[i].cost.bytes;
        all.cost.seconds += layers[i].cost.seconds;
        possible += vg_bench_gflop(layers[i].cost.multiply_adds) / layers[i].share;
        at_best += vg_bench_gflop(layers[i].cost.multiply_adds) / layers[i].best_share;
    }
    all.share = vg_bench_gflop(all.cost.multiply_adds) / possible;
    all.best_share = vg_bench_gflop(all.cost.multiply_adds) / at_best;
    return all;
}

/* --- The table ---------------------------------------------------------- */

static void print_figures(const vg_bench_layer *layer, double seconds_of_all)
{
    const vg_layer_cost *cost = &layer->cost;
    printf(" %9.1f %8.1f %7.1f %% %7.1f %% %9.1f %6.1f %%\n", 1e6 * cost->seconds,
           vg_bench_gflop(cost->multiply_adds) / cost->seconds, 100.0 * layer->share,
           100.0 * layer->best_share, (double)cost->bytes / 1024.0,
           100.0 * cost->seconds / seconds_of_all);
}

static void print_layer(const vg_bench_layer *layer, double seconds_of_all)
{
    const vg_layer_cost *cost = &layer->cost;
    printf("%-24s %3d x %-3d %s %5d > %-4d", cost->name, cost->out_size, cost->out_size,
           cost->stride == 2 ? "/2" : "  ", cost->in_channels, cost->out_channels);
    print_figures(layer, seconds_of_all);
}

void vg_bench_print_layers(const char *kernels, long threads, const vg_bench_figures *figures)
{
    vg_bench_layer all = add_up(figures->layers);
    printf("%s, %ld thread%s, peak %.1f GFLOP/s%s; one image\n", kernels, threads,
           threads == 1 ? "" : "s", figures->peak / (double)threads,
           threads == 1 ? "" : " a thread");
    printf("%-24s %-12s %-12s %9s %8s %9s %9s %9s %8s\n", "layer", "output", "channels", "us",
           "GFLOP/s", "of peak", "at best", "KB moved", "of time");
    for (int i = 0; i < VG_LAYERS; i++) print_layer(&figures->layers[i], all.cost.seconds);
    printf("%-50s", "all 52");
    print_figures(&all, all.cost.seconds);
}

/* --- JSON --------------------------------------------------------------- */

/* What the sums and a layer have both. */
static void print_json_figures(const vg_bench_layer *layer)
{
    const vg_layer_cost *cost = &layer->cost;
    printf("\"multiply_adds\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"microseconds\": %.3f, \"gflops\": %.2f, \"share_of_peak\": %.4f, "
           "\"share_of_peak_at_best\": %.4f",
           cost->multiply_adds, cost->bytes, 1e6 * cost->seconds,
           vg_bench_gflop(cost->multiply_adds) / cost->seconds, layer->share, layer->best_share);
}

void vg_bench_print_layers_json(const char *kernels, long threads, const vg_bench_figures *figures)
{
    vg_bench_layer all = add_up(figures->layers);
    printf("{\"kernels\": \"%s\", \"threads\": %ld, \"peak_gflops\": %.1f, ", kernels, threads,
           figures->peak);
    print_json_figures(&all);
    printf(", \"layers\": [");
    for (int i = 0; i < VG_LAYERS; i++) {
        const vg_layer_cost *cost = &figures->layers[i].cost;
        printf("%s{\"name\": \"%s\", \"kernel_size\": %d, \"stride\": %d, \"out_size\": %d, "
               "\"in_channels\": %d, \"out_channels\": %d, ",
               i > 0 ? ", " : "", cost->name, cost->kernel_size, cost->stride, cost->out_size,
               cost->in_channels, cost->out_channels);
        print_json_figures(&figures->layers[i]);
        printf(", \"share_of_time\": %.4f}", cost->seconds / all.cost.seconds);
    }
    puts("]}");
}
