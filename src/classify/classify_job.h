/* What `verger classify` does with tables of features: train a classifier, try methods on rows
 * they were not trained on, predict the classes of rows. */
#ifndef VG_CLASSIFY_CLASSIFY_JOB_H
#define VG_CLASSIFY_CLASSIFY_JOB_H

#include "classify/linear_model.h"
#include "classify/predictions.h"
#include "explore/joined_columns.h"
#include "output/layout.h"
#include "output/target.h"

typedef struct vg_classify_job {
    vg_target target; /* the output of a run, or the folder of its table */
    const char *file; /* of a classifier: written, or read; not to evaluate */
    bool is_pca;      /* components instead of features */
    vg_join join;     /* columns beside the features; its file is NULL for none */
    double join_weight;
    const char *test;  /* a pattern of paths that are set apart, or NULL */
    const char *train; /* a pattern of paths that are trained on, or NULL for all others */
    const char *group; /* an expression, as vg_folds_open has it, or NULL */
    int folds;         /* 0 for none */
    bool methods[VG_METHODS];
    double c;         /* 0 chooses in the folds */
    double shrinkage; /* below 0 is Ledoit and Wolf's */
    int k;            /* votes */
    int threads;      /* 0 is one a CPU */
} vg_classify_job;

void vg_classify_job_default(vg_classify_job *job);

/* How one method did in one split. */
typedef struct vg_classify_line {
    const char *method, *split;
    vg_figures figures;
    double temperature, c, shrinkage;
    bool has_probabilities;          /* else the accuracy alone means something */
    uint64_t left_out, left_classes; /* images, and classes, that nothing was trained on */
    char left_names[256];            /* the first of those classes */
} vg_classify_line;

enum { VG_CLASSIFY_LINES = 2 * (VG_METHODS + 1) };

typedef struct vg_classify_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t rows, trained, tested;
    int classes, folds;
    bool knows_unknown; /* of predictions */
    uint64_t unknown;
    uint64_t groups; /* 0 where there are none */
    vg_classify_line lines[VG_CLASSIFY_LINES];
    size_t line_count;
    vg_logistic_result fit; /* of the classifier that was written */
    double fit_seconds, seconds;
    char folder[4096]; /* of the evaluation, or of predictions */
} vg_classify_result;

vg_status vg_classify_train(const vg_classify_job *job, vg_classify_result *result,
                            vg_error *error);
vg_status vg_classify_evaluate(const vg_classify_job *job, vg_classify_result *result,
                               vg_error *error);
vg_status vg_classify_predict(const vg_classify_job *job, vg_classify_result *result,
                              vg_error *error);

#endif
