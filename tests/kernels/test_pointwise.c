/* A 1x1 convolution of every set. */
#include <math.h>
#include <string.h>

#include "operation.h"

/* Pixels in front of those the layer is asked for, to see that `first` counts. */
enum { FIRST_PIXEL = 3 };

static void pointwise_fill(problem *p)
{
    int input_size = (p->height * p->width + FIRST_PIXEL) * p->in_channels;
    fill(p, input_size, p->in_channels);
    /* They come from layers without ReLU6, and those feed pointwise layers alone. */
    put_extremes(p->input, input_size, INFINITY);
    put_extremes(p->residual, p->height * p->width * p->channels, INFINITY);
}

static operands pointwise_prepare(const vg_kernels *kernels, const problem *p)
{
    int pixels = p->height * p->width + FIRST_PIXEL;
    guarded input = in_panels(p->input, pixels, p->in_channels, kernels->panel);
    return prepare(p, kernels->panel, input, p->in_channels);
}

static void pointwise_run(const vg_kernels *kernels, const problem *p, operands *o)
{
    int panel = kernels->panel, m = p->height * p->width;
    vg_pointwise_input a = {.values = o->input.values,
                            .panel_stride = panel_start(1, m + FIRST_PIXEL, panel),
                            .channels = p->in_channels,
                            .first = FIRST_PIXEL};
    vg_pointwise_fn *pointwise = vg_kernels_pointwise(kernels, p->in_channels, p->channels);
    const float *residual = p->is_in_place ? o->output.values : o->residual.values;
    if (p->is_in_place)
        memcpy(o->output.values, o->residual.values, o->output.count * sizeof(float));
    for (int i = 0; i < vg_panel_count(p->channels, panel); i++) {
        ptrdiff_t start = panel_start(i, m, panel);
        pointwise(
            o->output.values + start, &a, o->weights.values + panel_start(i, p->in_channels, panel),
            o->bias.values + panel_start(i, 1, panel), p->has_residual ? residual + start : NULL, m,
            vg_panel_width(p->channels, panel, i), p->activation);
    }
}

static double pointwise_multiply_adds(const problem *p)
{
    return (double)p->height * p->width * p->in_channels * p->channels;
}

const operation pointwise_operation = {"pointwise", pointwise_fill, pointwise_prepare,
                                       pointwise_run, pointwise_multiply_adds};

/* Every height of a register tile over panels of each width of any set, with remainders of
 * the inputs that a tile takes at once. */
static int check_tiles(const vg_kernels *kernels, const vg_kernels *reference)
{
    enum { TALLEST_TILE = 28, MOST_INPUTS = 8 };
    /* Half a panel, a full one, one and a half, or two. */
    static const int channels[] = {8, 16, 24, 32, 48};
    int failures = 0;
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        for (int pixels = 1; pixels <= TALLEST_TILE + 1; pixels++) {
            for (int k = 1; k <= MOST_INPUTS; k++) {
                problem p = {.height = 1,
                             .width = pixels,
                             .channels = channels[i],
                             .in_channels = k + MOST_INPUTS * random_int(0, 10),
                             .activation = k % 2 ? VG_RELU6 : VG_LINEAR,
                             .has_residual = random_int(0, 1)};
                failures += !agrees(&pointwise_operation, kernels, reference, &p);
            }
        }
    }
    return failures;
}

/* 24 outputs, of which some sets take pairs of pixels, 16 inputs at a time. */
static int check_24(const vg_kernels *kernels, const vg_kernels *reference)
{
    enum { TILE = 16 };
    int failures = 0;
    for (int pixels = 1; pixels <= 3 * TILE + 1; pixels++) {
        for (int k = TILE; k <= VG_POINTWISE_24_MOST_INPUTS + TILE; k += TILE) {
            problem p = {.height = 1,
                         .width = pixels,
                         .channels = VG_POINTWISE_24,
                         .in_channels = k,
                         .activation = random_int(0, 1) ? VG_RELU6 : VG_LINEAR,
                         .has_residual = random_int(0, 1)};
            p.is_in_place = p.has_residual && random_int(0, 1);
            failures += !agrees(&pointwise_operation, kernels, reference, &p);
        }
    }
    return failures;
}

int check_pointwise(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    int failures = check_tiles(kernels, reference) + check_24(kernels, reference);
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
    return failures;
}
