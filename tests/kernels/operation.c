#include "operation.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static float *random_floats(int count)
{
    float *values = malloc((size_t)count * sizeof *values);
    if (values == NULL) abort();
    for (int i = 0; i < count; i++) values[i] = random_float();
    return values;
}

void put_extremes(float *values, int count, float extreme)
{
    if (random_int(0, 3) > 0) return;
    for (int left = random_int(1, 3); left > 0; left--)
        values[random_int(0, count - 1)] = random_int(0, 1) ? extreme : -extreme;
}

void fill(problem *p, int input_size, int products)
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

guarded in_panels(const float *dense, int pixels, int channels, int panel)
{
    guarded buffer = guarded_open(panels_size(pixels, channels, panel));
    panels_from_dense(buffer.values, dense, pixels, channels, panel);
    return buffer;
}

operands prepare(const problem *p, int panel, guarded input, int products)
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

ptrdiff_t panel_start(int i, int pixels, int panel)
{
    return (ptrdiff_t)i * panel * pixels;
}

/* --- Against plain C ---------------------------------------------------- */

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

int agrees(const operation *op, const vg_kernels *kernels, const vg_kernels *reference, problem *p)
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
    free(got);
    free(expected);
    problem_close(p);
    return case_passes(is_same, is_intact && reference_is_intact);
}
