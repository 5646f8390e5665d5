/* `verger bench`: images a second of each step, for each kernel set. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/bench_image.h"
#include "cli/cli.h"

/* Multiply-adds of an image: the sum over all layers (docs/design.md). */
static const double gflop_per_image = 2e-9 * 299494272.0;

enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3, MAX_THREADS = 1024 };

typedef enum bench_step {
    STEP_PEAK,
    STEP_DECODE,
    STEP_RESIZE,
    STEP_NETWORK,
    STEP_WHOLE,
    STEP_COUNT
} bench_step;

typedef struct bench_options {
    const char *kernels; /* a set, or NULL for all */
    const char *model, *image;
    long threads, seconds;
    bool network_only, json;
} bench_options;

/* One thread's part of one step. */
typedef struct bench_worker {
    pthread_t thread;
    bench_step step;
    double seconds;
    const char *kernels;
    const vg_model *model;
    vg_encoded_image encoded;
    double rate; /* images a second, or GFLOP/s of the peak */
    vg_status status;
    vg_error error;
} bench_worker;

/* --- One thread --------------------------------------------------------- */

typedef struct bench_state {
    vg_extractor *extractor;
    vg_image image;
    uint8_t *rgb;
    float features[VG_FEATURE_COUNT];
} bench_state;

static vg_status open_state(bench_state *state, const bench_worker *worker, vg_error *error)
{
    state->rgb = malloc(RGB_BYTES);
    if (state->rgb == NULL) return vg_fail_memory(error, RGB_BYTES);
    vg_status status = vg_extractor_open(&state->extractor, worker->model, NULL, error);
    if (status == VG_OK)
        status =
            vg_image_decode(&state->image, worker->encoded.data, worker->encoded.size, NULL, error);
    if (status == VG_OK)
        status = vg_extractor_resize(state->extractor, &state->image, state->rgb, error);
    return status;
}

static void close_state(bench_state *state)
{
    vg_extractor_close(&state->extractor);
    vg_image_close(&state->image);
    free(state->rgb);
}

static vg_status do_step(bench_step step, bench_state *state, const vg_encoded_image *encoded,
                         vg_error *error)
{
    vg_image_result result = {0};
    switch (step) {
    case STEP_DECODE:
        return vg_image_decode(&state->image, encoded->data, encoded->size, NULL, error);
    case STEP_RESIZE:
        return vg_extractor_resize(state->extractor, &state->image, state->rgb, error);
    case STEP_NETWORK:
        return vg_extractor_forward(state->extractor, 1, state->rgb, state->features, error);
    default: return vg_extract(state->extractor, 1, encoded, state->features, &result, error);
    }
}

static void *run_worker(void *argument)
{
    bench_worker *worker = argument;
    if (worker->step == STEP_PEAK) {
        worker->status =
            vg_measure_peak(worker->kernels, worker->seconds, &worker->rate, &worker->error);
        return NULL;
    }
    bench_state state = {0};
    vg_status status = open_state(&state, worker, &worker->error);
    double start = vg_seconds(), elapsed = 0.0;
    long images = 0;
    while (status == VG_OK && elapsed < worker->seconds && !atomic_load(&vg_cli_interrupted)) {
        status = do_step(worker->step, &state, &worker->encoded, &worker->error);
        elapsed = vg_seconds() - start;
        images++;
    }
    worker->rate = elapsed > 0.0 ? (double)images / elapsed : 0.0;
    worker->status = status;
    close_state(&state);
    return NULL;
}

/* --- One step on all threads -------------------------------------------- */

static vg_status measure(const bench_worker *pattern, long threads, double *rate, vg_error *error)
{
    bench_worker *workers = calloc((size_t)threads, sizeof *workers);
    if (workers == NULL) return vg_fail_memory(error, (size_t)threads * sizeof *workers);
    vg_status status = VG_OK;
    long started = 0;
    for (; started < threads; started++) {
        workers[started] = *pattern;
        if (pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) != 0) {
            status = vg_fail(error, VG_ENOMEM, "cannot start %ld threads: ask for fewer", threads);
            break;
        }
    }
    *rate = 0.0;
    for (long i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        *rate += workers[i].rate;
        if (status == VG_OK && workers[i].status != VG_OK) {
            status = workers[i].status;
            if (error != NULL) *error = workers[i].error;
        }
    }
    free(workers);
    return status;
}

/* --- One kernel set ----------------------------------------------------- */

static void print_json(const char *kernels, long threads, const double *rates, bool network_only)
{
    double share = rates[STEP_NETWORK] * gflop_per_image / rates[STEP_PEAK];
    printf("{\"kernels\": \"%s\", \"threads\": %ld, \"peak_gflops\": %.1f", kernels, threads,
           rates[STEP_PEAK]);
    if (!network_only)
        printf(", \"decode_images_per_second\": %.1f, \"resize_images_per_second\": %.1f",
               rates[STEP_DECODE], rates[STEP_RESIZE]);
    printf(", \"network_images_per_second\": %.2f, \"network_share_of_peak\": %.4f",
           rates[STEP_NETWORK], share);
    if (!network_only) printf(", \"images_per_second\": %.2f", rates[STEP_WHOLE]);
    puts("}");
}

static void print_row(const char *kernels, const double *rates, bool network_only)
{
    double share = 100.0 * rates[STEP_NETWORK] * gflop_per_image / rates[STEP_PEAK];
    printf("%-8s %8.1f %10.1f %8.1f %%", kernels, rates[STEP_PEAK], rates[STEP_NETWORK], share);
    if (!network_only)
        printf(" %10.0f %10.0f %10.1f", rates[STEP_DECODE], rates[STEP_RESIZE], rates[STEP_WHOLE]);
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

static vg_status bench_set(const bench_options *options, const char *kernels,
                           vg_encoded_image encoded, vg_error *error)
{
    vg_model *model = NULL;
    vg_model_options model_options;
    vg_model_options_default(&model_options);
    model_options.kernels = kernels;
    vg_status status = vg_model_open(&model, options->model, &model_options, error);

    double rates[STEP_COUNT] = {0};
    for (int step = 0; status == VG_OK && step < STEP_COUNT; step++) {
        if (options->network_only && step != STEP_PEAK && step != STEP_NETWORK) continue;
        bench_worker pattern = {.step = (bench_step)step,
                                .seconds = (double)options->seconds,
                                .kernels = kernels,
                                .model = model,
                                .encoded = encoded};
        status = measure(&pattern, options->threads, &rates[step], error);
        if (status == VG_OK && atomic_load(&vg_cli_interrupted))
            status = vg_fail(error, VG_ECANCELLED, "interrupted");
    }
    vg_model_close(&model);
    if (status != VG_OK) return status;
    if (options->json)
        print_json(kernels, options->threads, rates, options->network_only);
    else
        print_row(kernels, rates, options->network_only);
    fflush(stdout);
    return VG_OK;
}

/* --- The command -------------------------------------------------------- */

static vg_status read_file(const char *path, unsigned char **bytes, size_t *size, vg_error *error)
{
    enum { LIMIT = 64 << 20 };
    FILE *file = fopen(path, "rb");
    if (file == NULL) return vg_fail(error, VG_ENOTFOUND, "%s: cannot be opened", path);
    vg_status status = VG_OK;
    *bytes = malloc(LIMIT);
    *size = *bytes != NULL ? fread(*bytes, 1, LIMIT, file) : 0;
    if (*bytes == NULL)
        status = vg_fail_memory(error, LIMIT);
    else if (ferror(file))
        status = vg_fail(error, VG_EIO, "%s: cannot be read", path);
    fclose(file);
    return status;
}

static vg_status bench(const bench_options *options, vg_error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    vg_status status = options->image != NULL ? read_file(options->image, &bytes, &size, error)
                                              : vg_bench_image(&bytes, &size, error);
    if (status == VG_OK && !options->json) print_heading(options);
    const char *name;
    for (size_t i = 0; status == VG_OK && (name = vg_kernel_set(i)) != NULL; i++) {
        if (options->kernels == NULL || strcmp(options->kernels, name) == 0)
            status = bench_set(options, name, (vg_encoded_image){bytes, size}, error);
    }
    free(bytes);
    return status;
}

enum { KEY_NETWORK = 256, KEY_SECONDS, KEY_KERNELS, KEY_MODEL, KEY_IMAGE, KEY_THREADS, KEY_JSON };

static const vg_cli_option options_table[] = {
    {KEY_THREADS, "threads", "N", NULL, "threads that work at once (default 1)"},
    {KEY_SECONDS, "seconds", "S", NULL, "seconds for each figure (default 1)"},
    {KEY_KERNELS, "kernels", "SET", "all best ref avx2 avx512 neon",
     "kernel sets to time (default: $VERGER_CPU, else all)"},
    {KEY_NETWORK, "network", NULL, NULL, "the network and the peak only"},
    {KEY_IMAGE, "image", "FILE", "FILE", "a JPEG or PNG of your own to decode and resize"},
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
    bench_options options = {
        .kernels = getenv("VERGER_CPU"), .model = "seeded:1", .threads = 1, .seconds = 1};
    vg_cli_parser parser;
    const char *value;
    int key;
    vg_cli_parser_init(&parser, command, argc, argv);
    while ((key = vg_cli_next(&parser, &value)) != VG_CLI_END) {
        bool ok = true;
        switch (key) {
        case KEY_THREADS:
            ok = vg_cli_integer(command, "--threads", value, 1, MAX_THREADS, &options.threads);
            break;
        case KEY_SECONDS:
            ok = vg_cli_integer(command, "--seconds", value, 1, 3600, &options.seconds);
            break;
        case KEY_KERNELS: options.kernels = value; break;
        case KEY_NETWORK: options.network_only = true; break;
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
    if (!choose_kernels(command, &options.kernels)) return VG_EXIT_USAGE;

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
        "share is that of the network's multiply-adds in the peak of the same run.\n"
        "\n"
        "Examples:\n"
        "  verger bench\n"
        "  verger bench --kernels best --threads 2 --json\n",
    .options = options_table,
    .run = run_bench,
};
