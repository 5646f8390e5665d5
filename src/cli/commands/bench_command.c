/* `verger bench`: images a second of each step, for each kernel set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/usable_cpus.h"
#include "cli/bench/bench_image.h"
#include "cli/bench/bench_latency.h"
#include "cli/bench/bench_layers.h"
#include "cli/bench/bench_worker.h"
#include "cli/cli.h"

typedef struct bench_options {
    const char *kernels; /* a set, or NULL for all */
    const char *model, *image;
    long threads, seconds;
    bool network_only, layers, latency, pin, json;
} bench_options;

/* --- One kernel set ----------------------------------------------------- */

typedef struct bench_rates {
    double network, decode, resize, whole; /* images a second */
    double peak, share;
} bench_rates;

static void print_json(const char *kernels, const bench_options *options, const bench_rates *rates)
{
    printf("{\"kernels\": \"%s\", \"threads\": %ld, \"peak_gflops\": %.1f", kernels,
           options->threads, rates->peak);
    if (!options->network_only)
        printf(", \"decode_images_per_second\": %.1f, \"resize_images_per_second\": %.1f",
               rates->decode, rates->resize);
    printf(", \"network_images_per_second\": %.2f, \"network_share_of_peak\": %.4f", rates->network,
           rates->share);
    if (!options->network_only) printf(", \"images_per_second\": %.2f", rates->whole);
    puts("}");
}

static void print_row(const char *kernels, const bench_options *options, const bench_rates *rates)
{
    printf("%-8s %8.1f %10.1f %8.1f %%", kernels, rates->peak, rates->network,
           100.0 * rates->share);
    if (!options->network_only)
        printf(" %10.0f %10.0f %10.1f", rates->decode, rates->resize, rates->whole);
    putchar('\n');
}

static void print_heading(const bench_options *options)
{
    printf("%ld thread%s; GFLOP/s, then images a second\n", options->threads,
           options->threads == 1 ? "" : "s");
    printf("%-8s %8s %10s %10s", "kernels", "peak", "network", "of peak");
    if (!options->network_only) printf(" %10s %10s %10s", "decode", "resize", "end to end");
    putchar('\n');
}

static vg_status measure_rate(const vg_bench_task *task, vg_bench_step step, double *rate,
                              vg_error *error)
{
    vg_bench_figures figures;
    vg_bench_task other = *task;
    other.step = step;
    vg_status status = vg_bench_measure(&other, &figures, error);
    *rate = figures.rate;
    return status;
}

static vg_status bench_steps(const bench_options *options, const vg_bench_task *task,
                             vg_error *error)
{
    bench_rates rates = {0};
    vg_bench_figures figures = {0};
    vg_status status = vg_bench_measure(task, &figures, error);
    rates.network = figures.rate;
    rates.peak = figures.peak;
    rates.share = figures.share;
    if (!options->network_only) {
        if (status == VG_OK) status = measure_rate(task, VG_BENCH_DECODE, &rates.decode, error);
        if (status == VG_OK) status = measure_rate(task, VG_BENCH_RESIZE, &rates.resize, error);
        if (status == VG_OK) status = measure_rate(task, VG_BENCH_WHOLE, &rates.whole, error);
    }
    if (status != VG_OK) return status;
    if (options->json)
        print_json(task->kernels, options, &rates);
    else
        print_row(task->kernels, options, &rates);
    return VG_OK;
}

static vg_status bench_layers(const bench_options *options, const vg_bench_task *task,
                              vg_error *error)
{
    vg_bench_figures figures = {0};
    vg_status status = vg_bench_measure(task, &figures, error);
    if (status != VG_OK) return status;
    if (options->json)
        vg_bench_print_layers_json(task->kernels, task->threads, &figures);
    else
        vg_bench_print_layers(task->kernels, task->threads, &figures);
    return VG_OK;
}

static vg_status bench_latency(const bench_options *options, const vg_bench_task *task,
                               vg_error *error)
{
    vg_bench_latency one, team;
    vg_status status = vg_bench_latencies(task, &one, &team, error);
    if (status != VG_OK) return status;
    if (options->json)
        vg_bench_print_latencies_json(task, &one, &team);
    else
        vg_bench_print_latencies(task, &one, &team);
    return VG_OK;
}

static vg_status bench_set(const bench_options *options, const char *kernels,
                           vg_encoded_image encoded, vg_error *error)
{
    vg_model *model = NULL;
    vg_model_options model_options;
    vg_model_options_default(&model_options);
    model_options.kernels = kernels;
    vg_status status = vg_model_open(&model, options->model, &model_options, error);
    if (status != VG_OK) return status;
    vg_bench_task task = {.step = options->layers ? VG_BENCH_LAYERS : VG_BENCH_NETWORK,
                          .seconds = (double)options->seconds,
                          .threads = options->threads,
                          .pin = options->pin,
                          .kernels = kernels,
                          .model = model,
                          .encoded = encoded};
    if (options->latency)
        status = bench_latency(options, &task, error);
    else if (options->layers)
        status = bench_layers(options, &task, error);
    else
        status = bench_steps(options, &task, error);
    vg_model_close(&model);
    fflush(stdout);
    return status;
}

/* --- The command -------------------------------------------------------- */

static vg_status read_file(const char *path, unsigned char **bytes, size_t *size, vg_error *error)
{
    enum { LIMIT = 64 << 20 }; /* bytes: no photograph is larger */
    FILE *file = fopen(path, "rb");
    if (file == NULL) return vg_fail(error, VG_ENOTFOUND, "%s: cannot be opened", path);
    vg_status status = VG_OK;
    *bytes = malloc(LIMIT);
    *size = *bytes != NULL ? fread(*bytes, 1, LIMIT, file) : 0;
    if (*bytes == NULL)
        status = vg_fail_memory(error, LIMIT);
    else if (ferror(file))
        status = vg_fail(error, VG_EIO, "%s: cannot be read", path);
    else if (*size == LIMIT && fgetc(file) != EOF)
        status = vg_fail(error, VG_ELIMIT, "%s is larger than %d MiB: take a smaller image", path,
                         LIMIT >> 20);
    fclose(file);
    return status;
}

static vg_status bench(const bench_options *options, vg_error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    vg_status status = options->image != NULL ? read_file(options->image, &bytes, &size, error)
                                              : vg_bench_image(&bytes, &size, error);
    if (status == VG_OK && !options->json && !options->layers && !options->latency)
        print_heading(options);
    const char *name;
    for (size_t i = 0; status == VG_OK && (name = vg_kernel_set(i)) != NULL; i++) {
        if (options->kernels == NULL || strcmp(options->kernels, name) == 0)
            status = bench_set(options, name, (vg_encoded_image){bytes, size}, error);
    }
    /* The first is the other's plain C, which nobody runs. */
    for (size_t i = 0; status == VG_OK && (name = vg_named_kernel_set(i)) != NULL; i++) {
        if (options->kernels == NULL ? i > 0 : strcmp(options->kernels, name) == 0)
            status = bench_set(options, name, (vg_encoded_image){bytes, size}, error);
    }
    free(bytes);
    return status;
}

enum {
    KEY_NETWORK = 256,
    KEY_LAYERS,
    KEY_LATENCY,
    KEY_SECONDS,
    KEY_KERNELS,
    KEY_MODEL,
    KEY_IMAGE,
    KEY_THREADS,
    KEY_PIN,
    KEY_JSON
};

static const vg_cli_option options_table[] = {
    {KEY_THREADS, "threads", "N", NULL,
     "threads that work at once (default 1; with --latency, one a CPU)"},
    {KEY_PIN, "pin", NULL, NULL, "bind each thread to one CPU"},
    {KEY_SECONDS, "seconds", "S", NULL, "seconds for each figure (default 1)"},
    {KEY_KERNELS, "kernels", "SET", "all best ref avx2 avx512 neon amx amx-ref",
     "kernel sets to time (default: $VERGER_CPU, else all)"},
    {KEY_NETWORK, "network", NULL, NULL, "the network and the peak only"},
    {KEY_LAYERS, "layers", NULL, NULL,
     "the network layer by layer: time, GFLOP/s, share of the peak, bytes moved"},
    {KEY_LATENCY, "latency", NULL, NULL,
     "one image at a time: milliseconds, by one thread and by all threads on each image"},
    {KEY_IMAGE, "image", "FILE", "FILE", "an image of your own to decode and resize"},
    {KEY_MODEL, "model", "FILE", "FILE",
     "weights (default seeded:1: speed does not depend on them)"},
    {KEY_JSON, "json", NULL, NULL, "one JSON object a line for each kernel set"},
    {0},
};

/* NULL stands for all sets. */
static bool choose_kernels(const vg_cli_command *command, const char **kernels)
{
    if (*kernels == NULL || (*kernels)[0] == '\0') *kernels = "all";
    bool wants_best = strcmp(*kernels, "best") == 0;
    if (strcmp(*kernels, "all") == 0) {
        *kernels = NULL;
        return true;
    }
    const char *name, *best = NULL;
    for (size_t i = 0; (name = vg_kernel_set(i)) != NULL; best = name, i++)
        if (strcmp(name, *kernels) == 0) return true;
    for (size_t i = 0; (name = vg_named_kernel_set(i)) != NULL; i++)
        if (strcmp(name, *kernels) == 0) return true;
    if (wants_best) {
        *kernels = best;
        return true;
    }
    vg_cli_usage_error(command,
                       "this CPU has no kernel set '%s'; 'verger --version' lists those "
                       "it has",
                       *kernels);
    return false;
}

static int run_bench(const vg_cli_command *command, int argc, char **argv)
{
    bench_options options = {.kernels = getenv("VERGER_CPU"), .model = "seeded:1", .seconds = 1};
    vg_cli_parser parser;
    const char *value;
    int key;
    vg_cli_parser_init(&parser, command, argc, argv);
    while ((key = vg_cli_next(&parser, &value)) != VG_CLI_END) {
        bool ok = true;
        switch (key) {
        case KEY_THREADS:
            ok = vg_cli_integer(command, "--threads", value, 1, VG_MOST_THREADS, &options.threads);
            break;
        case KEY_SECONDS:
            ok = vg_cli_integer(command, "--seconds", value, 1, 3600, &options.seconds);
            break;
        case KEY_KERNELS: options.kernels = value; break;
        case KEY_NETWORK: options.network_only = true; break;
        case KEY_LAYERS: options.layers = true; break;
        case KEY_LATENCY: options.latency = true; break;
        case KEY_PIN: options.pin = true; break;
        case KEY_IMAGE: options.image = value; break;
        case KEY_MODEL: options.model = value; break;
        case KEY_JSON: options.json = true; break;
        case VG_CLI_HELP: return VG_EXIT_OK;
        case VG_CLI_POSITIONAL:
            return vg_cli_usage_error(command, "'%s' is one word too many", value);
        default: return VG_EXIT_USAGE;
        }
        if (!ok) return VG_EXIT_USAGE;
    }
    if (options.latency && (options.layers || options.network_only || options.pin))
        return vg_cli_usage_error(command, "--latency goes with none of --layers, --network "
                                           "and --pin");
    if (!choose_kernels(command, &options.kernels)) return VG_EXIT_USAGE;
    if (options.threads == 0) options.threads = options.latency ? vg_usable_cpus() : 1;

    vg_error error = {""};
    vg_cli_catch_signals();
    return bench(&options, &error) == VG_OK ? VG_EXIT_OK : vg_cli_failed(&error);
}

const vg_cli_command vg_command_bench = {
    .name = "bench",
    .synopsis = "[options]",
    .summary = "Time each step on this machine",
    .description =
        "Measures, for each kernel set this CPU has, the peak rate of multiply-adds, and images a\n"
        "second of the network alone, of decoding, of resizing, and of the three together. The\n"
        "share is that of the network's multiply-adds in the peak, which is measured by turns "
        "with\n"
        "it: the median over the turns.\n"
        "\n"
        "Examples:\n"
        "  verger bench\n"
        "  verger bench --kernels best --threads 2 --json\n"
        "  verger bench --kernels best --layers\n",
    .options = options_table,
    .run = run_bench,
};
