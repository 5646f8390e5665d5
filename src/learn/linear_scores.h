/* What a linear classifier says of rows: weights times row, and a bias, a class. Sums are those
 * of the 1x1 convolution, in float32: the same bits on any CPU. */
#ifndef VG_LEARN_LINEAR_SCORES_H
#define VG_LEARN_LINEAR_SCORES_H

#include "learn/picked_rows.h"

typedef struct vg_linear_scores {
    const vg_kernels *kernels; /* the caller's */
    int dims, classes;
    size_t channels; /* classes with their padding */
    float *weights;  /* panels of classes: [panels][dims][width] */
    float *bias;     /* [channels] */
} vg_linear_scores;

vg_status vg_linear_scores_open(vg_linear_scores *scores, const vg_kernels *kernels, int dims,
                                int classes, vg_error *error);
void vg_linear_scores_close(vg_linear_scores *scores);

/* Of rows less the mean that the scores are told about: weights [classes][dims]. */
void vg_linear_scores_set(vg_linear_scores *scores, const double *weights, const double *bias);

/* Floats that vg_linear_scores_block takes as room. */
size_t vg_linear_scores_room(const vg_linear_scores *scores);

/* scores [rows of the block][classes]. */
void vg_linear_scores_block(const vg_linear_scores *scores, const vg_picked_rows *rows,
                            size_t block, float *room, float *to);

#endif
