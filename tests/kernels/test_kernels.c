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
#include "measure/measure.h"
#include "operation.h"

static const struct {
    const char *name;
    check_fn *check;
} checks[] = {
    {"pointwise", check_pointwise}, {"stem", check_stem},           {"depthwise", check_depthwise},
    {"average", check_average},     {"normalise", check_normalise}, {"resample", check_resample},
    {"gram", check_gram},
};

static int check_set(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    int failures = 0;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        int failed = checks[i].check(kernels, reference, rounds);
        printf("%-7s %-10s %s\n", kernels->name, checks[i].name,
               failed == 0 ? "agrees with plain C" : "FAILED");
        failures += failed;
    }
    return failures;
}

/* --- Bench -------------------------------------------------------------- */

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
    double peak = 0.0;
    if (vg_measure_peak(kernels->name, 0.2, &peak, NULL) != VG_OK) abort();
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
    int bench = 0, rounds = 60;
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
        failures += check_set(&kernels, &reference, rounds);
    }
    /* What sets of digits have of float32, over their panels. */
    unsigned features = vg_cpu_features();
    if (!vg_cpu_allow_amx()) features &= ~(unsigned)VG_CPU_AMX;
    for (size_t i = 0; (name = vg_kernels_of_digits_name(features, i)) != NULL; i++) {
        vg_kernels_init(&kernels, features, name);
        failures += check_depthwise(&kernels, &reference, rounds);
        failures += check_average(&kernels, &reference, rounds);
    }
    for (size_t i = 0; bench && failures == 0; i++) {
        name = vg_kernels_name(vg_cpu_features(), i);
        if (name == NULL) break;
        vg_kernels_init(&kernels, vg_cpu_features(), name);
        bench_set(&kernels);
    }
    return failures != 0;
}
