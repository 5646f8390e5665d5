/* The model of a run, and what tables say of it. */
#ifndef VG_RUN_RUN_MODEL_H
#define VG_RUN_RUN_MODEL_H

#include "history/run_options.h"
#include "io/io.h"

enum { VG_MODEL_FACTS = 6 };

/* Starts as {0}. */
typedef struct vg_run_model {
    vg_model *model;
    char sha256[VG_SHA256_CHARS]; /* of the weights, or "" where they are drawn from a seed */
    vg_fact facts[VG_MODEL_FACTS];
    size_t fact_count;
} vg_run_model;

/* `name` is what tables call the source, options->model_source itself or where another process
 * has the same weights. Both must outlive it. */
vg_status vg_run_model_open(vg_run_model *opened, const vg_run_options *options, const char *name,
                            vg_error *error);
void vg_run_model_close(vg_run_model *opened);

/* By which a plan tells it: the digest, or "seeded:N". */
const char *vg_run_model_identity(const vg_run_model *opened, const vg_run_options *options);

#endif
