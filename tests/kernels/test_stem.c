/* The stem of every set. */
#include <string.h>

#include "operation.h"

enum { STEM_PRODUCTS = 27, STEM_ROWS = 3 };

static int stem_row(const problem *p)
{
    return (2 * p->width + 1) * 3;
}

static void stem_fill(problem *p)
{
    fill(p, STEM_ROWS * stem_row(p), STEM_PRODUCTS);
}

static operands stem_prepare(const vg_kernels *kernels, const problem *p)
{
    guarded input = guarded_open((size_t)(STEM_ROWS * stem_row(p)));
    memcpy(input.values, p->input, input.count * sizeof(float));
    return prepare(p, kernels->panel, input, STEM_PRODUCTS);
}

static void stem_run(const vg_kernels *kernels, const problem *p, operands *o)
{
    int panel = kernels->panel;
    for (int i = 0; i < vg_panel_count(p->channels, panel); i++)
        kernels->stem(o->output.values + panel_start(i, p->width, panel), o->input.values,
                      stem_row(p), o->weights.values + panel_start(i, STEM_PRODUCTS, panel),
                      o->bias.values + panel_start(i, 1, panel), p->width,
                      vg_panel_width(p->channels, panel, i));
}

static double stem_multiply_adds(const problem *p)
{
    return (double)p->width * STEM_PRODUCTS * p->channels;
}

const operation stem_operation = {"stem", stem_fill, stem_prepare, stem_run, stem_multiply_adds};

int check_stem(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    enum { TALLEST_TILE = 28 };
    static const int channels[] = {8, 16, 24, 32, 48};
    int failures = 0;
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        for (int pixels = 1; pixels <= TALLEST_TILE + 1; pixels++) {
            problem p = {.height = 1, .width = pixels, .channels = channels[i]};
            failures += !agrees(&stem_operation, kernels, reference, &p);
        }
    }
    for (int round = 0; round < rounds; round++) {
        problem p = {.height = 1, .width = random_int(1, 120), .channels = random_int(1, 70)};
        failures += !agrees(&stem_operation, kernels, reference, &p);
    }
    return failures;
}
