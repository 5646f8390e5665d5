/* A classifier that is weights and biases: how it is fitted to some of a table's rows, and what
 * it says of others. */
#ifndef VG_CLASSIFY_LINEAR_MODEL_H
#define VG_CLASSIFY_LINEAR_MODEL_H

#include <stdatomic.h>

#include "base/team.h"
#include "classify/logistic.h"
#include "learn/linear_scores.h"

typedef enum vg_method { VG_METHOD_LOGISTIC, VG_METHOD_LDA, VG_METHOD_KNN, VG_METHODS } vg_method;

const char *vg_method_name(vg_method method);

/* Rows that have classes, and what works on them; nothing is owned but the team. */
typedef struct vg_learning {
    const float *rows; /* [count][dims] */
    size_t count;
    int dims, classes;
    const int32_t *labels; /* [count] */
    vg_kernels kernels;
    vg_team *team;
    const atomic_bool *cancel;
} vg_learning;

/* Scores are those of rows less the mean: weights [classes][dims] (x - mean) + bias. Closed by
 * vg_linear_model_close. Starts as {0}. */
typedef struct vg_linear_model {
    int dims, classes;
    double *weights, *bias;
    float *mean;
    double temperature; /* what scores are divided by before they become probabilities */
    double shrinkage, c;
    vg_logistic_result fit;
} vg_linear_model;

vg_status vg_linear_model_open(vg_linear_model *model, int dims, int classes, vg_error *error);
void vg_linear_model_close(vg_linear_model *model);

/* Moments of the rows picks [n], in parts of a fixed size: the same bits on any threads. */
vg_status vg_learning_moments(const vg_learning *learning, const size_t *picks, size_t n,
                              vg_class_moments **moments, vg_error *error);

typedef struct vg_linear_options {
    vg_method method; /* LOGISTIC or LDA */
    double c;         /* of LOGISTIC */
    double shrinkage; /* of LDA; below 0 is Ledoit and Wolf's */
} vg_linear_options;

/* An open model to the rows picks [n], of which `moments` are. LOGISTIC begins where the
 * weights are. */
vg_status vg_linear_model_fit(vg_linear_model *model, const vg_learning *learning,
                              const size_t *picks, size_t n, const vg_class_moments *moments,
                              const vg_linear_options *options, vg_error *error);

/* Scores [n][classes] of the rows picks [n]. */
vg_status vg_linear_model_scores(const vg_linear_model *model, const vg_learning *learning,
                                 const size_t *picks, size_t n, float *scores, vg_error *error);

#endif
