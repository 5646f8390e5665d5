/* What images are unlike all that a classifier is trained on, and how far the rows of the folds
 * were from what was trained without them. */
#ifndef VG_CLASSIFY_NOVELTY_TRIAL_H
#define VG_CLASSIFY_NOVELTY_TRIAL_H

#include "classify/trial.h"
#include "learn/novelty.h"

/* Of all rows of the trial. The limit is the distance that 999 of 1000 rows of the folds do not
 * exceed, each measured by what the other folds give; classes that these do not have are left out.
 * Stays {0} where there are no folds, and where rows do not differ within their classes. */
vg_status vg_novelty_of_trial(vg_novelty *novelty, const vg_trial *trial, vg_error *error);

/* distances [n] of the rows picks [n], less `mean`. */
vg_status vg_novelty_distances(const vg_novelty *novelty, const vg_learning *learning,
                               const float *mean, const size_t *picks, size_t n, double *distances,
                               vg_error *error);

#endif
