/* Each kernel as an operation on dense tensors, in the layout of any set. */
#ifndef VG_TESTS_KERNELS_OPERATION_H
#define VG_TESTS_KERNELS_OPERATION_H

#include "harness.h"

/* A shape and its dense values, the same for every set. */
typedef struct problem {
    int height, width; /* of the output */
    int stride;        /* depthwise only, and ... */
    int seam;          /* ... the column at which a set begins again, or 0 */
    int in_channels;   /* pixels of the input for the average */
    int channels;
    vg_activation activation;
    int has_residual;
    int is_in_place; /* the residual lies in the output */
    float *input, *weights, *bias, *residual;
} problem;

/* The values in panels, with guards, for one set. */
typedef struct operands {
    guarded output, input, weights, bias, residual;
} operands;

typedef struct operation {
    const char *name;
    void (*fill)(problem *p);
    operands (*prepare)(const vg_kernels *kernels, const problem *p);
    void (*run)(const vg_kernels *kernels, const problem *p, operands *o);
    double (*multiply_adds)(const problem *p);
} operation;

extern const operation pointwise_operation, stem_operation, depthwise_operation, average_operation;

/* --- What operations are made of ----------------------------------------- */

void fill(problem *p, int input_size, int products);
/* In one problem out of four, and there in few places: a sum that took one in is infinite,
 * or NaN where two cancel, and the others are still to be compared. */
void put_extremes(float *values, int count, float extreme);

guarded in_panels(const float *dense, int pixels, int channels, int panel);
operands prepare(const problem *p, int panel, guarded input, int products);
/* Where panel i of a tensor of `pixels` starts; of weights, pixels are products. */
ptrdiff_t panel_start(int i, int pixels, int panel);

void problem_close(problem *p);
void operands_close(operands *o);

/* --- Checks --------------------------------------------------------------- */

/* Fills the problem and runs both sets on it; says what failed and returns 0 where they
 * differ or wrote beside a buffer. Closes the problem. */
int agrees(const operation *op, const vg_kernels *kernels, const vg_kernels *reference, problem *p);

/* Of one operation, every set against plain C, bit for bit; the number of failures. `rounds`
 * says how many random shapes, beside those that are always tried. */
typedef int check_fn(const vg_kernels *kernels, const vg_kernels *reference, int rounds);

check_fn check_pointwise, check_stem, check_depthwise, check_average, check_normalise,
    check_resample, check_gram;

#endif
