#include "cli/bench_layers.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct sums {
    uint64_t multiply_adds, bytes;
    double seconds, share;
} sums;

static sums add_up(const vg_bench_layer *layers)
{
    sums all = {0};
    double possible = 0.0; /* GFLOP of the peak in the time of all */
    for (int i = 0; i < VG_LAYERS; i++) {
        all.multiply_adds += layers[i].cost.multiply_adds;
        all.bytes += layers[i].cost.bytes;
        all.seconds += layers[i].cost.seconds;
        possible += vg_bench_gflop(layers[i].cost.multiply_adds) / layers[i].share;
    }
    all.share = vg_bench_gflop(all.multiply_adds) / possible;
    return all;
}

/* --- The table ---------------------------------------------------------- */

static void print_figures(uint64_t multiply_adds, uint64_t bytes, double seconds, double share,
                          double share_of_time)
{
    printf(" %9.1f %8.1f %7.1f %% %9.1f %6.1f %%\n", 1e6 * seconds,
           vg_bench_gflop(multiply_adds) / seconds, 100.0 * share, (double)bytes / 1024.0,
           100.0 * share_of_time);
}

static void print_layer(const vg_bench_layer *layer, double seconds_of_all)
{
    const vg_layer_cost *cost = &layer->cost;
    printf("%-24s %3d x %-3d %s %5d > %-4d", cost->name, cost->out_size, cost->out_size,
           cost->stride == 2 ? "/2" : "  ", cost->in_channels, cost->out_channels);
    print_figures(cost->multiply_adds, cost->bytes, cost->seconds, layer->share,
                  cost->seconds / seconds_of_all);
}

void vg_bench_print_layers(const char *kernels, long threads, const vg_bench_figures *figures)
{
    sums all = add_up(figures->layers);
    printf("%s, %ld thread%s, peak %.1f GFLOP/s%s; one image\n", kernels, threads,
           threads == 1 ? "" : "s", figures->peak / (double)threads,
           threads == 1 ? "" : " a thread");
    printf("%-24s %-12s %-12s %9s %8s %9s %9s %8s\n", "layer", "output", "channels", "us",
           "GFLOP/s", "of peak", "KB moved", "of time");
    for (int i = 0; i < VG_LAYERS; i++) print_layer(&figures->layers[i], all.seconds);
    printf("%-50s", "all 52");
    print_figures(all.multiply_adds, all.bytes, all.seconds, all.share, 1.0);
}

/* --- JSON --------------------------------------------------------------- */

/* What the sums and a layer have both. */
static void print_json_figures(uint64_t multiply_adds, uint64_t bytes, double seconds, double share)
{
    printf("\"multiply_adds\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"microseconds\": %.3f, \"gflops\": %.2f, \"share_of_peak\": %.4f",
           multiply_adds, bytes, 1e6 * seconds, vg_bench_gflop(multiply_adds) / seconds, share);
}

void vg_bench_print_layers_json(const char *kernels, long threads, const vg_bench_figures *figures)
{
    sums all = add_up(figures->layers);
    printf("{\"kernels\": \"%s\", \"threads\": %ld, \"peak_gflops\": %.1f, ", kernels, threads,
           figures->peak);
    print_json_figures(all.multiply_adds, all.bytes, all.seconds, all.share);
    printf(", \"layers\": [");
    for (int i = 0; i < VG_LAYERS; i++) {
        const vg_layer_cost *cost = &figures->layers[i].cost;
        printf("%s{\"name\": \"%s\", \"kernel_size\": %d, \"stride\": %d, \"out_size\": %d, "
               "\"in_channels\": %d, \"out_channels\": %d, ",
               i > 0 ? ", " : "", cost->name, cost->kernel_size, cost->stride, cost->out_size,
               cost->in_channels, cost->out_channels);
        print_json_figures(cost->multiply_adds, cost->bytes, cost->seconds,
                           figures->layers[i].share);
        printf(", \"share_of_time\": %.4f}", cost->seconds / all.seconds);
    }
    puts("]}");
}
