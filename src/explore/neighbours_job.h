/* The table of neighbours: the nearest rows of every row of an output. */
#ifndef VG_EXPLORE_NEIGHBOURS_JOB_H
#define VG_EXPLORE_NEIGHBOURS_JOB_H

#include "output/target.h"
#include "output/timestamp.h"

typedef enum vg_space { VG_SPACE_FEATURES, VG_SPACE_PCA } vg_space;

typedef struct vg_neighbours_job {
    vg_target target; /* an output of a run; it gets the table too */
    int k;            /* default 10 */
    vg_metric metric;
    vg_space space;
    int threads; /* 0 takes one a CPU this process may use */
    bool update; /* take over what the newest table has of rows that have not changed */
    bool resume; /* go on with the newest call that was broken off, or with that of the target's
                  * timestamp */
    double checkpoint; /* seconds between two of what is kept for that, default 60 */
    /* Share `share`, from 0 on, of `shares` alone, which is kept for the call that gathers so many
     * under the same timestamp and writes the table; 0 for neither. */
    size_t share, shares, gather;
} vg_neighbours_job;

void vg_neighbours_job_default(vg_neighbours_job *job);

typedef struct vg_neighbours_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t rows, left_out;
    bool was_resumed;
    bool was_complete; /* the newest table, which timestamp and folder name, is of these rows */
    bool was_updated;  /* lists were taken over; against the rows of that table: */
    uint64_t added, changed, vanished;
    uint64_t lost; /* rows that stay, but have lost a neighbour */
    uint64_t kept; /* the others that stay */
    double match_seconds, seconds;
    char folder[VG_ADDRESS_CHARS]; /* address of the table, Parquet if written */
} vg_neighbours_result;

/* Writes neighbours/{parquet,csv}/neighbours_<ts>/: path, label, neighbour_paths,
 * neighbour_labels, distances, nearest first, rows in the order of their paths. `result` is
 * filled as far as the job came, also on failure. */
vg_status vg_neighbours_job_run(const vg_neighbours_job *job, vg_neighbours_result *result,
                                vg_error *error);

/* "cosine" and "l2", "features" and "pca". */
const char *vg_metric_name(vg_metric metric);
const char *vg_space_name(vg_space space);

#endif
