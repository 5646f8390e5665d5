/* The table of what is odd: a row an image with scores, ranks and reasons. */
#ifndef VG_EXPLORE_INSPECTION_JOB_H
#define VG_EXPLORE_INSPECTION_JOB_H

#include "explore/inspection.h"
#include "output/target.h"
#include "output/timestamp.h"

/* An inspection of the images of a PCA table, with the digests and measures that `output` has of
 * them. VG_EINVAL where options->near is no share from 0 to VG_FARTHEST_NEAR. options->same_as,
 * quality and cancel are set here. */
vg_status vg_inspection_of_output(vg_inspection *inspection, const vg_row_table *rows,
                                  const vg_neighbour_lists *lists, vg_store *output,
                                  vg_inspection_options options, const atomic_bool *cancel,
                                  vg_error *error);

typedef struct vg_inspection_job {
    vg_target target; /* an output with neighbours; it gets the table too */
    vg_inspection_options options;
    bool needs_quality;    /* VG_ENOTFOUND where no image was measured */
    const char *drop_list; /* a file on this machine that gets the paths found; NULL for none */
} vg_inspection_job;

void vg_inspection_job_default(vg_inspection_job *job);

typedef struct vg_inspection_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t rows, found[VG_CHECK_COUNT];
    uint64_t groups, copies, resaved_groups;
    uint64_t measured, faults[VG_FAULT_COUNT];
    uint64_t tested, leak_paths, leak_groups, unvoted, unlabelled;
    uint64_t dropped; /* lines of the drop list */
    double outlier_limit, class_limit, near_limit;
    char training[64]; /* "" where all images are of one split */
    double seconds;
    char folder[VG_ADDRESS_CHARS]; /* address of the table, Parquet if written */
} vg_inspection_result;

/* Writes inspection/{parquet,csv}/inspection_<ts>/, rows in the order of their paths. `result` is
 * filled as far as the job came, also on failure. An output without components or without
 * neighbours is VG_ENOTFOUND. */
vg_status vg_inspection_job_run(const vg_inspection_job *job, vg_inspection_result *result,
                                vg_error *error);

#endif
