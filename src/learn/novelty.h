/* Which rows are unlike all that was learnt from: those whose Mahalanobis distance from the nearest
 * class mean, by the scatter within the classes, is above a limit (Lee, Lee, Lee and Shin 2018, "A
 * simple unified framework for detecting out-of-distribution samples and adversarial attacks"). */
#ifndef VG_LEARN_NOVELTY_H
#define VG_LEARN_NOVELTY_H

#include <stdbool.h>

#include "learn/picked_rows.h"

/* Starts as {0}; there is none where classes is 0. */
typedef struct vg_novelty {
    int dims, classes;
    float *whitening; /* [dims][dims], a lower triangle: makes the scatter of rows, less their mean,
                       * within the classes the identity */
    float *centres;   /* [classes][dims]: the means of the classes, whitened like rows */
    double limit;     /* distances above it are unlike */
} vg_novelty;

vg_status vg_novelty_open(vg_novelty *novelty, int dims, int classes, vg_error *error);
void vg_novelty_close(vg_novelty *novelty);

/* Of the classes that have rows, by the covariance within them, shrunk, for rows less `mean`
 * [dims]; the limit is the caller's to set. The same bits on every CPU. VG_EFORMAT where the
 * covariance is singular. */
vg_status vg_novelty_fit(vg_novelty *novelty, const vg_class_moments *moments, double shrinkage,
                         const float *mean, const vg_kernels *kernels, vg_error *error);

/* What measures distances. */
typedef struct vg_novelty_gauge {
    const vg_kernels *kernels; /* the caller's, as is the novelty */
    const vg_novelty *novelty;
    float *weights; /* panels of the triangle, without its zeros to the right of them */
    float *zeros;   /* a bias */
} vg_novelty_gauge;

vg_status vg_novelty_gauge_open(vg_novelty_gauge *gauge, const vg_novelty *novelty,
                                const vg_kernels *kernels, vg_error *error);
void vg_novelty_gauge_close(vg_novelty_gauge *gauge);

/* The rule; a distance that is no number is above any limit. */
static inline bool vg_is_unknown(double distance, double limit)
{
    return !(distance <= limit);
}

/* Floats that vg_novelty_block takes as room. */
size_t vg_novelty_room(const vg_novelty_gauge *gauge);

/* distances [rows of the block] of rows less the mean that the novelty was fitted with. The same
 * bits in any block, and on any CPU. */
void vg_novelty_block(const vg_novelty_gauge *gauge, const vg_picked_rows *rows, size_t block,
                      float *room, double *distances);

#endif
