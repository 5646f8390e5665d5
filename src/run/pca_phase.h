/* The second half of a run: moments and a features table to the tables pca,
 * model_info and variance. */
#ifndef VG_RUN_PCA_PHASE_H
#define VG_RUN_PCA_PHASE_H

#include "output/feature_table.h"
#include "run/job.h"
#include "run/pca_file.h"

typedef struct vg_pca_phase {
    vg_store *output;
    const vg_feature_table *features;
    const vg_moments *moments; /* of those features that it is fitted to, or NULL with `given` */
    const vg_kept_pca *given;  /* to be applied instead of fitting one; or NULL */
    uint64_t rows;             /* that have features, all of which are projected */
    int components;            /* at most, and no more than there are rows */
    double variance_share;     /* 0, or as few components as explain this share */
    vg_pca_choices choices;    /* of one that is fitted */
    bool parquet, csv;
    const char *timestamp, *uuid;
    const vg_fact *facts;
    size_t fact_count;
    int threads;
    double start; /* of the whole run, vg_seconds() */
    const atomic_bool *cancel;
    const vg_observer *observer;
} vg_pca_phase;

/* VG_EINVAL where there are fewer rows than two. Fewer than components are told. */
vg_status vg_pca_phase_check(uint64_t rows, int components, const vg_observer *observer,
                             vg_error *error);

/* Writes the PCA too, where it was fitted (pca_file.h). Fills the figures of `result`. No table is
 * marked as complete before all are. */
vg_status vg_pca_phase_run(const vg_pca_phase *task, vg_run_result *result, vg_error *error);

#endif
