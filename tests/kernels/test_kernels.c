/* Every kernel set against plain C, bit for bit, on random shapes and values.
 *   test_kernels [--seed N] [--rounds N] [--bench]
 * --rounds says how many of each kind, 60 where it is not given; --bench times the
 * network's own shapes once all have passed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "model/model.h"
#include "operations.h"

static int rounds = 60;

/* --- Checks ------------------------------------------------------------- */

static float *run_dense(const operation *op, const vg_kernels *kernels, const problem *p,
                        int *is_intact)
{
    int pixels = p->height * p->width;
    float *dense = malloc((size_t)(pixels * p->channels) * sizeof *dense);
    if (dense == NULL) abort();
    operands o = op->prepare(kernels, p);
    op->run(kernels, p, &o);
    panels_to_dense(dense, o.output.values, pixels, p->channels, kernels->panel);
    *is_intact = operands_are_intact(&o);
    operands_close(&o);
    return dense;
}

/* Runs both sets; 0 when they differ. */
static int agrees(const operation *op, const vg_kernels *kernels, const vg_kernels *reference,
                  problem *p)
{
    case_begin("%s %s, %d x %d pixels, stride %d, %d to %d channels, %s%s", kernels->name, op->name,
               p->height, p->width, p->stride, p->in_channels, p->channels,
               p->activation == VG_RELU6 ? "relu6" : "linear", p->has_residual ? ", residual" : "");
    op->fill(p);
    int is_intact, reference_is_intact;
    float *got = run_dense(op, kernels, p, &is_intact);
    float *expected = run_dense(op, reference, p, &reference_is_intact);
    size_t bytes = (size_t)(p->height * p->width * p->channels) * sizeof(float);
    int is_same = memcmp(got, expected, bytes) == 0;
    if (!is_same) fprintf(stderr, "FAILED, other bits than plain C: %s\n", case_name());
    if (!is_intact || !reference_is_intact)
        fprintf(stderr, "FAILED, wrote beside a buffer: %s\n", case_name());
    free(got);
    free(expected);
    problem_close(p);
    return is_same && is_intact && reference_is_intact;
}

/* Doubles of their own: no panels of channels here. */
static int check_gram(const vg_kernels *kernels, const vg_kernels *reference)
{
    enum { TILE = VG_GRAM_PANEL * VG_GRAM_PANEL, DOUBLE = sizeof(double) / sizeof(float) };
    int m = random_int(0, 300);
    size_t count = (size_t)m * VG_GRAM_PANEL;
    guarded a = guarded_open(count * DOUBLE), b = guarded_open(count * DOUBLE);
    guarded got = guarded_open(TILE * DOUBLE);
    double expected[TILE], *left = (double *)(void *)a.values, *right = (double *)(void *)b.values;
    for (size_t i = 0; i < count; i++) {
        left[i] = (double)random_float() / 3.0;
        right[i] = (double)random_float() / 3.0;
    }
    case_begin("%s gram, %d rows", kernels->name, m);
    kernels->gram((double *)(void *)got.values, left, right, m);
    reference->gram(expected, left, right, m);
    int is_same = memcmp(got.values, expected, sizeof expected) == 0;
    int is_intact = guarded_is_intact(&a) && guarded_is_intact(&b) && guarded_is_intact(&got);
    if (!is_same) fprintf(stderr, "FAILED, other bits than plain C: %s\n", case_name());
    if (!is_intact) fprintf(stderr, "FAILED, wrote beside a buffer: %s\n", case_name());
    guarded_close(&a);
    guarded_close(&b);
    guarded_close(&got);
    return is_same && is_intact;
}

/* Every height of a register tile over panels of each width of any set, with every
 * remainder of the inputs that a register holds; and every width of a depthwise row up to
 * more than its blocks have together. */
static int check_remainders(const vg_kernels *kernels, const vg_kernels *reference)
{
    enum { TALLEST_TILE = 28, WIDTHS = 4, MOST_INPUTS = 4 };
    /* Half a panel; one and a half, or a full one; a full one, or two; one and a half. */
    static const int channels[WIDTHS] = {8, 24, 32, 48};
    int failures = 0;
    for (int i = 0; i < WIDTHS * TALLEST_TILE; i++) {
        problem p = {.height = 1, .width = i / WIDTHS + 1, .channels = channels[i % WIDTHS]};
        failures += !agrees(&stem_operation, kernels, reference, &p);
        for (int k = 1; k <= MOST_INPUTS; k++) {
            p.in_channels = k + MOST_INPUTS * random_int(0, 20);
            p.activation = k % 2 ? VG_RELU6 : VG_LINEAR;
            p.has_residual = random_int(0, 1);
            failures += !agrees(&pointwise_operation, kernels, reference, &p);
        }
        for (p.height = 1; p.height <= 3; p.height++)
            for (p.stride = 1; p.stride <= 2; p.stride++)
                failures += !agrees(&depthwise_operation, kernels, reference, &p);
    }
    return failures;
}

static int check_random_shapes(const vg_kernels *kernels, const vg_kernels *reference)
{
    int failures = 0;
    for (int round = 0; round < 4 * rounds; round++) {
        problem p = {.height = 1,
                     .width = random_int(1, 90),
                     .in_channels = random_int(1, 100),
                     .channels = random_int(1, 100),
                     .activation = random_int(0, 1) ? VG_RELU6 : VG_LINEAR,
                     .has_residual = random_int(0, 1)};
        p.is_in_place = p.has_residual && random_int(0, 1);
        failures += !agrees(&pointwise_operation, kernels, reference, &p);
    }
    for (int round = 0; round < rounds; round++) {
        problem p = {.height = 1, .width = random_int(1, 120), .channels = random_int(1, 70)};
        failures += !agrees(&stem_operation, kernels, reference, &p);
    }
    for (int round = 0; round < 2 * rounds; round++) {
        problem p = {.height = random_int(1, 5),
                     .width = random_int(1, 30),
                     .stride = 1 + round % 2,
                     .channels = random_int(1, 70)};
        failures += !agrees(&depthwise_operation, kernels, reference, &p);
    }
    for (int round = 0; round < rounds; round++) {
        problem p = {.height = 1,
                     .width = 1,
                     .in_channels = random_int(1, 60),
                     .channels = random_int(1, 100)};
        failures += !agrees(&average_operation, kernels, reference, &p);
    }
    for (int round = 0; round < rounds; round++) failures += !check_gram(kernels, reference);
    return failures;
}

/* --- Bench -------------------------------------------------------------- */

static double peak_gflops(const vg_kernels *kernels)
{
    double best = 0.0;
    for (int i = 0; i < 50; i++) {
        double start = vg_seconds();
        double operations = kernels->peak(100000);
        double rate = 1e-9 * operations / (vg_seconds() - start);
        if (rate > best) best = rate;
    }
    return best;
}

/* One line: the best call of a tenth of a second. */
static void bench_problem(const operation *op, const vg_kernels *kernels, double peak,
                          const char *layer, problem p)
{
    op->fill(&p);
    operands o = op->prepare(kernels, &p);
    double best = 1e9, begin = vg_seconds();
    do {
        double start = vg_seconds();
        op->run(kernels, &p, &o);
        double seconds = vg_seconds() - start;
        if (seconds < best) best = seconds;
    } while (vg_seconds() - begin < 0.1);
    operands_close(&o);

    double gflops = 2e-9 * op->multiply_adds(&p) / best;
    printf("%-7s %-14s %-10s %3d x %-3d stride %d %4d > %-4d %7.1f GFLOP/s %5.1f %%\n",
           kernels->name, layer, op->name, p.height, p.width, p.stride, p.in_channels, p.channels,
           gflops, 100.0 * gflops / peak);
    problem_close(&p);
}

static void bench_set(const vg_kernels *kernels)
{
    double peak = peak_gflops(kernels);
    printf("%-7s peak %.1f GFLOP/s\n", kernels->name, peak);
    bench_problem(&stem_operation, kernels, peak, "Conv1",
                  (problem){.height = 1, .width = VG_IMAGE_SIZE / 2, .channels = VG_STEM_CHANNELS});
    for (int i = 0; i < VG_BLOCK_COUNT; i++) {
        const vg_block *block = &vg_blocks[i];
        int out_size = block->in_size / block->stride;
        problem expand = {.height = block->in_size,
                          .width = block->in_size,
                          .in_channels = block->in_channels,
                          .channels = block->expanded_channels,
                          .activation = VG_RELU6};
        problem depthwise = {.height = out_size,
                             .width = out_size,
                             .stride = block->stride,
                             .channels = kernels->panel};
        problem project = {.height = out_size,
                           .width = out_size,
                           .in_channels = block->expanded_channels,
                           .channels = block->out_channels,
                           .has_residual = block->has_residual};
        if (i > 0) bench_problem(&pointwise_operation, kernels, peak, block->name, expand);
        bench_problem(&depthwise_operation, kernels, peak, block->name, depthwise);
        bench_problem(&pointwise_operation, kernels, peak, block->name, project);
    }
}

/* --- Main --------------------------------------------------------------- */

int main(int argc, char **argv)
{
    uint64_t seed = (uint64_t)time(NULL);
    int bench = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0) {
            bench = 1;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            rounds = atoi(argv[++i]);
        } else {
            fprintf(stderr, "usage: test_kernels [--seed N] [--rounds N] [--bench]\n");
            return 2;
        }
    }
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(seed);
    case_catch_crashes();

    vg_kernels reference, kernels;
    int failures = 0;
    const char *name;
    vg_kernels_init(&reference, 0, "ref");
    for (size_t i = 0; (name = vg_kernels_name(vg_cpu_features(), i)) != NULL; i++) {
        vg_kernels_init(&kernels, vg_cpu_features(), name);
        int failed = check_remainders(&kernels, &reference);
        failed += check_random_shapes(&kernels, &reference);
        printf("%-7s %s\n", name, failed == 0 ? "agrees with plain C" : "FAILED");
        failures += failed;
    }
    for (size_t i = 0; bench && failures == 0; i++) {
        name = vg_kernels_name(vg_cpu_features(), i);
        if (name == NULL) break;
        vg_kernels_init(&kernels, vg_cpu_features(), name);
        bench_set(&kernels);
    }
    return failures != 0;
}
