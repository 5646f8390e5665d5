/* The first half of a run: selected images to the tables features, metadata and
 * errors, and to moments. */
#ifndef VG_RUN_FEATURES_PHASE_H
#define VG_RUN_FEATURES_PHASE_H

#include "history/continuation.h"
#include "history/lock.h"
#include "history/part_bounds.h"
#include "io/io.h"
#include "run/job.h"

typedef struct vg_features_phase {
    const vg_run_options *options;
    vg_store *input, *output;
    const vg_model *model;
    const vg_image_list *images;
    const vg_part_bounds *parts;   /* of these images */
    const vg_earlier_run *earlier; /* that is updated, or NULL */
    const vg_taken_part *taken;    /* which parts are its, or NULL */
    const bool *recorded;          /* which parts are there already, or NULL for none, */
    const bool *handed;            /* and which of these others extracted for this run; or NULL */
    vg_lock *lock;                 /* on the output; NULL where somebody else has it */
    /* The images are those of the parts from this one on, and somebody else puts the run
     * together: no table is marked as complete. Else 0. */
    uint64_t first_part;
    bool is_share;
    const char *timestamp, *uuid;
    const vg_fact *facts;
    size_t fact_count;
    int threads;
    double start; /* of the extraction, vg_seconds() */
} vg_features_phase;

/* Fills the figures of `result` as far as it comes. On VG_OK the three tables are
 * complete and `moments`, the caller's, holds those of all images that did not
 * fail. Otherwise whole parts stay and no table is marked as complete. */
vg_status vg_features_phase_run(const vg_features_phase *task, vg_run_result *result,
                                vg_moments **moments, vg_error *error);

#endif
