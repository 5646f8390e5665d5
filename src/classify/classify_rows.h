/* The rows of a table with their classes, and which of them are trained on or tested on. */
#ifndef VG_CLASSIFY_CLASSIFY_ROWS_H
#define VG_CLASSIFY_CLASSIFY_ROWS_H

#include "classify/class_names.h"
#include "classify/classify_job.h"
#include "classify/folds.h"
#include "explore/features_model.h"
#include "explore/row_table.h"
#include "explore/sensor_columns.h"

typedef struct vg_classify_rows {
    vg_store *store;
    vg_row_table table;
    vg_sensor_columns sensors; /* beside the features; of none where nothing is joined */
    vg_class_names classes;
    vg_learning learning; /* its team is owned */
    vg_folds folds;
    size_t *train, *test; /* [train_count], [test_count] */
    size_t train_count, test_count;
    vg_row_origin origin;
    vg_feature_form form; /* of the features */
} vg_classify_rows;

/* Reads the table and sorts its rows out by the job's patterns. Columns of a join come beside the
 * features, scaled as the rows to train on have them; where it has no columns yet, they are left to
 * the caller. Where it is not to learn, nothing is sorted out, for labels are not needed then. */
vg_status vg_classify_rows_open(vg_classify_rows *rows, const vg_classify_job *job,
                                bool is_to_learn, vg_error *error);
/* After the rows of the table have become wider. */
void vg_classify_rows_take_values(vg_classify_rows *rows);
void vg_classify_rows_close(vg_classify_rows *rows);

/* What the job says of training: two classes at least, folds. */
vg_status vg_classify_rows_prepare(vg_classify_rows *rows, const vg_classify_job *job,
                                   vg_error *error);

#endif
