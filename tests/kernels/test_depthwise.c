/* The depthwise convolutions of every set. */
#include <stdlib.h>

#include "operation.h"

enum { TAPS = 9 };

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

/* Output columns begin .. end of panel i, in rows of the whole width. */
static void run_columns(const vg_kernels *kernels, const problem *p, operands *o, int i,
                        const float **rows, int begin, int end)
{
    const int panel = kernels->panel, width = vg_panel_width(p->channels, panel, i);
    const int in_width = p->width * p->stride, in_rows = depthwise_rows(p);
    const int borders = (begin == 0 ? VG_BORDER_LEFT : 0) | (end == p->width ? VG_BORDER_RIGHT : 0);
    const int is_padded = p->stride == 1 && begin > 0;
    const float *input = o->input.values + panel_start(i, in_rows * in_width, panel) +
                         (ptrdiff_t)(begin * p->stride - is_padded) * width;
    for (int y = 0; y < in_rows; y++) rows[y] = input + (ptrdiff_t)y * in_width * width;
    vg_depthwise_fn *depthwise =
        p->stride == 1 ? kernels->depthwise_stride1 : kernels->depthwise_stride2;
    depthwise(o->output.values + panel_start(i, p->height * p->width, panel) + begin * width,
              p->width * width, rows, o->weights.values + panel_start(i, TAPS, panel),
              o->bias.values + panel_start(i, 1, panel), p->height, end - begin, width, borders);
}

/* Plain C takes whole rows, the others in two pieces where there is a seam. */
static void depthwise_run(const vg_kernels *kernels, const problem *p, operands *o)
{
    const float **rows = malloc((size_t)depthwise_rows(p) * sizeof *rows);
    if (rows == NULL) abort();
    const int seam = kernels->depthwise_stride1 == vg_depthwise_stride1_ref ? 0 : p->seam;
    for (int i = 0; i < vg_panel_count(p->channels, kernels->panel); i++) {
        if (seam > 0) run_columns(kernels, p, o, i, rows, 0, seam);
        run_columns(kernels, p, o, i, rows, seam, p->width);
    }
    free(rows);
}

static double depthwise_multiply_adds(const problem *p)
{
    return (double)p->height * p->width * TAPS * p->channels;
}

const operation depthwise_operation = {"depthwise", depthwise_fill, depthwise_prepare,
                                       depthwise_run, depthwise_multiply_adds};

/* Every width of a row up to more than three tiles. */
static int check_widths(const vg_kernels *kernels, const vg_kernels *reference)
{
    static const int channels[] = {8, 16, 24, 32, 48};
    int failures = 0;
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        for (int width = 1; width <= 29; width++)
            for (int height = 1; height <= 3; height++)
                for (int stride = 1; stride <= 2; stride++) {
                    problem p = {.height = height,
                                 .width = width,
                                 .stride = stride,
                                 .seam = width / 2 / 7 * 7,
                                 .channels = channels[i]};
                    failures += !agrees(&depthwise_operation, kernels, reference, &p);
                }
    return failures;
}

int check_depthwise(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    int failures = check_widths(kernels, reference);
    for (int round = 0; round < 2 * rounds; round++) {
        problem p = {.height = random_int(1, 5),
                     .width = random_int(1, 30),
                     .stride = 1 + round % 2,
                     .channels = random_int(1, 70)};
        p.seam = random_int(0, p.width - 1);
        failures += !agrees(&depthwise_operation, kernels, reference, &p);
    }
    return failures;
}
