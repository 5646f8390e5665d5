#include "cli/bench_layers.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct layer_figures {
    uint64_t multiply_adds, bytes;
    double seconds, share, best_share;
} layer_figures;

static layer_figures figures_of(const vg_bench_layer *layer)
{
    return (layer_figures){.multiply_adds = layer->cost.multiply_adds,
                           .bytes = layer->cost.bytes,
                           .seconds = layer->cost.seconds,
                           .share = layer->share,
                           .best_share = layer->best_share};
}

static layer_figures add_up(const vg_bench_layer *layers)
{
    layer_figures all = {0};
    double possible = 0.0, at_best = 0.0; /* GFLOP of the peak in the time of all */
    for (int i = 0; i < VG_LAYERS; i++) {
        all.multiply_adds += layers[i].cost.multiply_adds;
        all.bytes += layers[i].cost.bytes;
        all.seconds += layers[i].cost.seconds;
        possible += vg_bench_gflop(layers[i].cost.multiply_adds) / layers[i].share;
        at_best += vg_bench_gflop(layers[i].cost.multiply_adds) / layers[i].best_share;
    }
    all.share = vg_bench_gflop(all.multiply_adds) / possible;
    all.best_share = vg_bench_gflop(all.multiply_adds) / at_best;
    return all;
}

/* --- The table ---------------------------------------------------------- */

static void print_figures(const layer_figures *figures, double seconds_of_all)
{
    printf(" %9.1f %8.1f %7.1f %% %7.1f %% %9.1f %6.1f %%\n", 1e6 * figures->seconds,
           vg_bench_gflop(figures->multiply_adds) / figures->seconds, 100.0 * figures->share,
           100.0 * figures->best_share, (double)figures->bytes / 1024.0,
           100.0 * figures->seconds / seconds_of_all);
}

static void print_layer(const vg_bench_layer *layer, double seconds_of_all)
{
    const vg_layer_cost *cost = &layer->cost;
    printf("%-24s %3d x %-3d %s %5d > %-4d", cost->name, cost->out_size, cost->out_size,
           cost->stride == 2 ? "/2" : "  ", cost->in_channels, cost->out_channels);
    const layer_figures figures = figures_of(layer);
    print_figures(&figures, seconds_of_all);
}

void vg_bench_print_layers(const char *kernels, long threads, const vg_bench_figures *figures)
{
    layer_figures all = add_up(figures->layers);
    printf("%s, %ld thread%s, peak %.1f GFLOP/s%s; one image\n", kernels, threads,
           threads == 1 ? "" : "s", figures->peak / (double)threads,
           threads == 1 ? "" : " a thread");
    printf("%-24s %-12s %-12s %9s %8s %9s %9s %9s %8s\n", "layer", "output", "channels", "us",
           "GFLOP/s", "of peak", "at best", "KB moved", "of time");
    for (int i = 0; i < VG_LAYERS; i++) print_layer(&figures->layers[i], all.seconds);
    printf("%-50s", "all 52");
    print_figures(&all, all.seconds);
}

/* --- JSON --------------------------------------------------------------- */

/* What the sums and a layer have both. */
static void print_json_figures(const layer_figures *figures)
{
    printf("\"multiply_adds\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"microseconds\": %.3f, \"gflops\": %.2f, \"share_of_peak\": %.4f, "
           "\"share_of_peak_at_best\": %.4f",
           figures->multiply_adds, figures->bytes, 1e6 * figures->seconds,
           vg_bench_gflop(figures->multiply_adds) / figures->seconds, figures->share,
           figures->best_share);
}

void vg_bench_print_layers_json(const char *kernels, long threads, const vg_bench_figures *figures)
{
    layer_figures all = add_up(figures->layers);
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
        const layer_figures layer = figures_of(&figures->layers[i]);
        print_json_figures(&layer);
        printf(", \"share_of_time\": %.4f}", cost->seconds / all.seconds);
    }
    puts("]}");
}
