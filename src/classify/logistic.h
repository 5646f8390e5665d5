/* Multinomial logistic regression with an L2 penalty, by L-BFGS. */
#ifndef VG_CLASSIFY_LOGISTIC_H
#define VG_CLASSIFY_LOGISTIC_H

#include <stdbool.h>

#include "base/team.h"
#include "learn/picked_rows.h"

typedef struct vg_logistic_options {
    /* As scikit-learn's C: the sum of the rows' losses times c, and half the square of the
     * weights, are made least. */
    double c;
    double tolerance; /* of the mean loss's gradient: the largest magnitude at the end */
    double enough;    /* one that has converged too, where it ends sooner */
    int max_iterations;
    /* Called after each iteration; anything but 0 ends the work as VG_ECANCELLED. */
    int (*progress)(void *context, int iteration);
    void *context;
} vg_logistic_options;

typedef struct vg_logistic_result {
    int iterations;
    double objective; /* mean loss and penalty */
    double gradient;  /* largest magnitude */
    bool is_converged;
} vg_logistic_result;

/* Weights [classes][dims] and bias [classes] of rows less their mean, from where they are:
 * zeros, or a fit of another c. `labels` are of all rows, by number; a class without picked
 * rows gets a bias of minus infinity. `moments`, settled, are those of the picked rows. For two
 * classes what scikit-learn's binary loss gives, as half the difference to either side. */
vg_status vg_logistic_fit(const vg_picked_rows *rows, const int32_t *labels, int classes,
                          const vg_moments *moments, const vg_logistic_options *options,
                          const vg_kernels *kernels, vg_team *team, double *weights, double *bias,
                          vg_logistic_result *result, vg_error *error);

#endif
