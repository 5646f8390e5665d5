/* The tables of classify: evaluation, confusion and predictions. */
#ifndef VG_CLASSIFY_CLASSIFY_TABLES_H
#define VG_CLASSIFY_CLASSIFY_TABLES_H

#include "classify/predictions.h"
#include "classify/trial.h"
#include "output/sink.h"
#include "output/target.h"

/* What is said of some rows, and by whom. */
typedef struct vg_verdict {
    const char *method, *split; /* "logistic"; "test", "folds" or "groups", or "all" */
    const size_t *picks;        /* [count], rows */
    size_t count;
    const vg_prediction *predictions; /* [count] */
    const int32_t *labels;            /* [count]; -1 where the class was not trained on */
    const double *distances; /* [count], of vg_novelty_distances; NULL where nobody measured */
    double unknown_above;    /* rows whose distance is above it are unknown */
} vg_verdict;

typedef struct vg_classify_tables {
    const vg_target *target;
    vg_store *output; /* of the target */
    const char *timestamp, *uuid;
    const vg_fact *facts;
    size_t fact_count;
    const vg_paths *paths, *row_labels; /* of the rows */
    const vg_paths *names;              /* of the classes */
    const int32_t *labels;              /* of all rows, their true classes */
} vg_classify_tables;

/* A row a class and verdict, and a row a pair of classes that were taken for one another or for
 * themselves; each folder is complete on VG_OK. */
vg_status vg_write_evaluation(const vg_classify_tables *tables, const vg_verdict *verdicts,
                              size_t count, vg_error *error);
vg_status vg_write_confusion(const vg_classify_tables *tables, const vg_verdict *verdicts,
                             size_t count, vg_error *error);
vg_status vg_write_predictions(const vg_classify_tables *tables, const vg_verdict *verdicts,
                               size_t count, vg_error *error);

#endif
