/* The multinomial logistic loss of rows and its gradient, on a team's threads: sums have one
 * order, whatever their number. */
#ifndef VG_CLASSIFY_SOFTMAX_H
#define VG_CLASSIFY_SOFTMAX_H

#include "base/team.h"
#include "learn/linear_scores.h"

typedef struct vg_softmax {
    vg_picked_rows rows;
    const int32_t *labels; /* of all rows, by their numbers */
    vg_linear_scores scores;
    vg_team *team;  /* the caller's */
    float *errors;  /* a block: probability less 1 or 0, panels of rows [panels][classes][width] */
    double *losses; /* [blocks] */
    double *biases; /* [blocks][classes]: sums of errors */
    float *room;    /* [threads][room_size] */
    size_t room_size;
    double *weights_gradient, *bias_gradient; /* of the call that runs */
} vg_softmax;

vg_status vg_softmax_open(vg_softmax *softmax, const vg_picked_rows *rows, const int32_t *labels,
                          int classes, const vg_kernels *kernels, vg_team *team, vg_error *error);
void vg_softmax_close(vg_softmax *softmax);

/* The mean loss of the rows under weights [classes][dims] and bias [classes], and its gradient,
 * laid out alike. A class whose bias is minus infinity takes no part. */
double vg_softmax_evaluate(vg_softmax *softmax, const double *weights, const double *bias,
                           double *weights_gradient, double *bias_gradient);

#endif
