/* Classifiers tried on rows of a table that they were not trained on: in folds, and on rows that
 * were set apart. */
#ifndef VG_CLASSIFY_TRIAL_H
#define VG_CLASSIFY_TRIAL_H

#include "base/observer.h"
#include "classify/folds.h"
#include "classify/linear_model.h"

typedef struct vg_trial_options {
    double c;         /* of LOGISTIC; 0 takes the one of vg_trial_c that does best in the folds */
    double shrinkage; /* of LDA; below 0 is Ledoit and Wolf's */
    int k;            /* of KNN */
    const vg_observer *observer;
} vg_trial_options;

/* Rows to train on, and moments of each fold of them. Starts as {0}. */
typedef struct vg_trial {
    const vg_learning *learning; /* the caller's, as are the folds and the picks */
    const vg_folds *folds;
    const size_t *picks; /* [count] */
    size_t count;
    vg_trial_options options;
    int moments_count;
    vg_class_moments **moments; /* [folds], or of all rows where there are no folds */
} vg_trial;

/* Of folds with count 0 there is no try in folds. */
vg_status vg_trial_open(vg_trial *trial, const vg_learning *learning, const vg_folds *folds,
                        const size_t *picks, size_t count, const vg_trial_options *options,
                        vg_error *error);
void vg_trial_close(vg_trial *trial);

/* Moments of all folds but one, in their order; of all where `without` is -1. */
vg_status vg_trial_moments(const vg_trial *trial, int without, vg_class_moments **moments,
                           vg_error *error);

/* What a method said of rows it was not trained on. Starts as {0}. */
typedef struct vg_scored {
    size_t *picks; /* [count] */
    size_t count;
    float *scores;      /* [count][classes] */
    int32_t *labels;    /* [count]; -1 where the class was not among those trained on */
    int32_t *firsts;    /* [count], of KNN: the class of the nearest row; else NULL */
    double temperature; /* that fits the scores best; 1 for KNN */
    double c, shrinkage;
} vg_scored;

void vg_scored_close(vg_scored *scored);

/* Of all rows of the trial, each fold by what was trained on the others. */
vg_status vg_trial_run_folds(const vg_trial *trial, vg_method method, vg_scored *scored,
                             vg_error *error);
/* Of the rows picks [n], by what was trained on all rows of the trial. `c` is that of
 * vg_trial_run_folds. */
vg_status vg_trial_run_test(const vg_trial *trial, vg_method method, double c, const size_t *picks,
                            size_t n, vg_scored *scored, vg_error *error);
/* An open model to all rows of the trial; LOGISTIC or LDA. */
vg_status vg_trial_fit(const vg_trial *trial, vg_method method, double c, vg_linear_model *model,
                       vg_error *error);

#endif
