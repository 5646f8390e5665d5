/* The first half of a run: selected images to the tables features, metadata and
 * errors, and to moments. */
#ifndef VG_JOB_FEATURES_H
#define VG_JOB_FEATURES_H

#include "io/io.h"
#include "job/earlier_run.h"
#include "job/image_list.h"
#include "job/job.h"
#include "job/lock.h"

typedef struct vg_features_task {
    const vg_run_options *options;
    vg_store *input, *output;
    const vg_model *model;
    const vg_image_list *images;
    const vg_earlier_run *earlier; /* that is updated, or NULL */
    const bool *recorded;          /* which parts are there already, or NULL for none */
    vg_lock *lock;                 /* on the output */
    const char *timestamp, *uuid;
    const vg_fact *facts;
    size_t fact_count;
    int threads;
} vg_features_task;

/* Fills the figures of `result` as far as it comes. On VG_OK the three tables are
 * complete and `moments`, the caller's, holds those of all images that did not
 * fail. Otherwise whole parts stay and no table is marked as complete. */
vg_status vg_features_run(const vg_features_task *task, vg_run_result *result, vg_moments **moments,
                          vg_error *error);

#endif
