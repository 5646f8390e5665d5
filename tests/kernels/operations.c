#include "operations.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pixels in front of those a pointwise layer is asked for, to see that `first`
 * counts. */
enum { FIRST_PIXEL = 3 };

enum { STEM_PRODUCTS = 27, STEM_ROWS = 3, TAPS = 9 };

static float *random_floats(int count)
{
    float *values = malloc((size_t)count * sizeof *values);
    if (values == NULL) abort();
    for (int i = 0; i < count; i++) values[i] = random_float();
    return values;
}

/* In one problem out of four, and there in few places: a sum that took one in is infinite,
 * or NaN where two cancel, and the others are still to be compared. */
static void put_extremes(float *values, int count, float extreme)
{
    if (random_int(0, 3) > 0) return;
    for (int left = random_int(1, 3); left > 0; left--)
        values[random_int(0, count - 1)] = random_int(0, 1) ? extreme : -extreme;
}

static void fill(problem *p, int input_size, int products)
{
    p->input = random_floats(input_size);
    p->weights = random_floats(products * p->channels);
    p->bias = random_floats(p->channels);
    p->residual = random_floats(p->height * p->width * p->channels);
    /* No model has infinite weights, but any finite ones, whose sums overflow. */
    put_extremes(p->weights, products * p->channels, FLT_MAX);
    put_extremes(p->bias, p->channels, FLT_MAX);
}

void problem_close(problem *p)
{
    free(p->input);
    free(p->weights);
    free(p->bias);
    free(p->residual);
}

static guarded in_panels(const float *dense, int pixels, int channels, int panel)
{
    guarded buffer = guarded_open(panels_size(pixels, channels, panel));
    panels_from_dense(buffer.values, dense, pixels, channels, panel);
    return buffer;
}

static operands prepare(const problem *p, int panel, guarded input, int products)
{
    int m = p->height * p->width;
    return (operands){guarded_open(panels_size(m, p->channels, panel)), input,
                      in_panels(p->weights, products, p->channels, panel),
                      in_panels(p->bias, 1, p->channels, panel),
                      in_panels(p->residual, m, p->channels, panel)};
}

void operands_close(operands *o)
{
    guarded_close(&o->output);
    guarded_close(&o->input);
    guarded_close(&o->weights);
    guarded_close(&o->bias);
    guarded_close(&o->residual);
}

int operands_are_intact(const operands *o)
{
    return guarded_is_intact(&o->output) && guarded_is_intact(&o->input) &&
           guarded_is_intact(&o->weights) && guarded_is_intact(&o->bias) &&
           guarded_is_intact(&o->residual);
}

/* Where panel i of a tensor of `pixels` starts; of weights, pixels are products. */
static ptrdiff_t panel_start(int i, int pixels, int panel)
{
    return (ptrdiff_t)i * panel * pixels;
}

/* --- Pointwise ---------------------------------------------------------- */

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
    vg_pointwise_input a = {o->input.values, panel_start(1, m + FIRST_PIXEL, panel), p->in_channels,
                            FIRST_PIXEL};
    const float *residual = p->is_in_place ? o->output.values : o->residual.values;
    if (p->is_in_place)
        memcpy(o->output.values, o->residual.values, o->output.count * sizeof(float));
    for (int i = 0; i < vg_panel_count(p->channels, panel); i++) {
        ptrdiff_t start = panel_start(i, m, panel);
        kernels->pointwise(
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

/* --- Stem --------------------------------------------------------------- */

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

/* --- Depthwise ---------------------------------------------------------- */

static int depthwise_rows(const problem *p)
{
    return (p->height - 1) * p->stride + 3;
}

static void depthwise_fill(problem *p)
{
    fill(p, depthwise_rows(p) * p->width * p->stride * p->channels, TAPS);
}

static operands depthwise_prepare(const vg_kernels *kernels, const problem *p)
{
    int pixels = depthwise_rows(p) * p->width * p->stride;
    guarded input = in_panels(p->input, pixels, p->channels, kernels->panel);
    return prepare(p, kernels->panel, input, TAPS);
}

static void depthwise_run(const vg_kernels *kernels, const problem *p, operands *o)
{
    int panel = kernels->panel, in_width = p->width * p->stride, in_rows = depthwise_rows(p);
    const float **rows = malloc((size_t)in_rows * sizeof *rows);
    if (rows == NULL) abort();
    vg_depthwise_fn *depthwise =
        p->stride == 1 ? kernels->depthwise_stride1 : kernels->depthwise_stride2;
    for (int i = 0; i < vg_panel_count(p->channels, panel); i++) {
        int width = vg_panel_width(p->channels, panel, i);
        for (int y = 0; y < in_rows; y++)
            rows[y] = o->input.values + panel_start(i, in_rows * in_width, panel) +
                      (ptrdiff_t)y * in_width * width;
        depthwise(o->output.values + panel_start(i, p->height * p->width, panel), rows,
                  o->weights.values + panel_start(i, TAPS, panel),
                  o->bias.values + panel_start(i, 1, panel), p->height, p->width, width);
    }
    free(rows);
}

static double depthwise_multiply_adds(const problem *p)
{
    return (double)p->height * p->width * TAPS * p->channels;
}

const operation depthwise_operation = {"depthwise", depthwise_fill, depthwise_prepare,
                                       depthwise_run, depthwise_multiply_adds};

/* --- Average ------------------------------------------------------------ */

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
