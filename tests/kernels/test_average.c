/* The mean over pixels of every set. */
#include "operation.h"

static void average_fill(problem *p)
{
    fill(p, p->in_channels * p->channels, 1);
}

static operands average_prepare(const vg_kernels *kernels, const problem *p)
{
    guarded input = in_panels(p->input, p->in_channels, p->channels, kernels->panel);
    return prepare(p, kernels->panel, input, 1);
}

static void average_run(const vg_kernels *kernels, const problem *p, operands *o)
{
    int panel = kernels->panel;
    for (int i = 0; i < vg_panel_count(p->channels, panel); i++)
        kernels->average(o->output.values + panel_start(i, 1, panel),
                         o->input.values + panel_start(i, p->in_channels, panel), p->in_channels,
                         vg_panel_width(p->channels, panel, i));
}

static double average_multiply_adds(const problem *p)
{
    return (double)p->in_channels * p->channels;
}

const operation average_operation = {"average", average_fill, average_prepare, average_run,
                                     average_multiply_adds};

int check_average(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    int failures = 0;
    for (int round = 0; round < rounds; round++) {
        problem p = {.height = 1,
                     .width = 1,
                     .in_channels = random_int(1, 60),
                     .channels = random_int(1, 100)};
        failures += !agrees(&average_operation, kernels, reference, &p);
    }
    return failures;
}
