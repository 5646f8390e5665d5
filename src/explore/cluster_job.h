/* The table of clusters: the rows of a table in groups of rows that are near one another. */
#ifndef VG_EXPLORE_CLUSTER_JOB_H
#define VG_EXPLORE_CLUSTER_JOB_H

#include "explore/joined_columns.h"
#include "explore/neighbours_job.h"
#include "output/target.h"
#include "output/timestamp.h"

typedef struct vg_cluster_job {
    vg_target target; /* of a run: features are read from there, clusters are written there */
    int k;            /* clusters; 0 takes the number whose silhouette is largest */
    vg_space space;
    vg_join join; /* columns beside the rows; its file is NULL for none */
    double join_weight;
    uint64_t seed;
    int restarts;
    int threads; /* 0 is one a CPU */
} vg_cluster_job;

void vg_cluster_job_default(vg_cluster_job *job);

typedef struct vg_cluster_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t rows, left_out;
    int k, labels;
    vg_kmeans_result fit;
    size_t labelled;        /* rows with a label */
    vg_agreement agreement; /* of those with their labels; nothing where there are none */
    double silhouette;      /* of some thousand rows; not a number for one cluster */
    double seconds;
    char folder[4096];
} vg_cluster_result;

vg_status vg_cluster_job_run(const vg_cluster_job *job, vg_cluster_result *result, vg_error *error);

#endif
