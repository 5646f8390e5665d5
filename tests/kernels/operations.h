/* Each kernel as an operation on dense tensors, in the layout of any set. */
#ifndef VG_TESTS_KERNELS_OPERATIONS_H
#define VG_TESTS_KERNELS_OPERATIONS_H

#include "harness.h"

/* A shape and its dense values, the same for every set. */
typedef struct problem {
    int height, width; /* of the output */
    int stride;        /* depthwise only */
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

void problem_close(problem *p);
void operands_close(operands *o);
int operands_are_intact(const operands *o);

#endif
