/* What a run is asked to do. */
#ifndef VG_HISTORY_RUN_OPTIONS_H
#define VG_HISTORY_RUN_OPTIONS_H

#include "base/observer.h"
#include "io/io.h"
#include "output/feature_form.h"
#include "selection/selection.h"

/* How a PCA is fitted and rows are projected; all zero is as MLlib has it. */
typedef struct vg_pca_choices {
    const char *fit_on; /* the split whose rows it is fitted to, or NULL for all */
    bool center;        /* the mean is taken off rows before they are projected */
    bool whiten;        /* components are divided by their standard deviations */
} vg_pca_choices;

/* Lets others extract the parts `numbers` [count] of the run (vg_run_parts) and waits for them.
 * What is not there when it returns is extracted by the caller. */
typedef vg_status vg_hand_out(void *context, const char *timestamp, const uint64_t *numbers,
                              size_t count, vg_error *error);

typedef struct vg_run_options {
    const char *input, *output; /* addresses, as vg_store_open takes them */
    vg_store_options store;     /* of both */

    /* What to take of the input. Whatever named them, images come in byte order of their
     * paths. */
    vg_selection_options selection;

    const char *model_source; /* of vg_model_open */
    const char *kernels;      /* of vg_model_options */
    int components;           /* k, default 50; 0 for features alone */
    vg_pca_choices choices;
    vg_feature_form form;  /* of the features that are written */
    bool quality;          /* images are measured too, and what that tells is kept */
    double variance_share; /* 0, or as few components as explain this share, with k 0 */
    int threads;           /* 0 takes one a CPU this process may use */
    bool pin;              /* binds each to one of these CPUs, in their order */
    bool parquet, csv;     /* formats of features and PCA rows; default both */
    vg_image_options image;
    uint64_t max_file_size; /* bytes of one image file, default 256 MiB */
    uint64_t part_rows;     /* images a part file in the mean, default 4096, */
    bool free_part_rows;    /* or as the run has that goes on, or as hands want it */
    bool parts_by_count;    /* of a run that goes on, whose parts end so */

    const char *timestamp; /* NULL takes the time of the start, UTC */
    bool overwrite;        /* replaces the tables of the same timestamp */
    bool dry_run;          /* lists, selects, checks and plans, then stops */

    /* Continues the last run of the output that has not finished, or the one of
     * `timestamp`, if it would do the same; starts one where there is none. */
    bool resume;
    /* Takes the features of images that have not changed from the last run of the
     * output, finished ones first. Whether they have is told by size and time, or with
     * `checksum` by the SHA-256 of the content. */
    bool update, checksum;

    /* More failed images than this end the run: a count, or a share of the
     * selected images. Default: no bound. */
    uint64_t max_errors;
    double max_error_share;

    /* Where it is not NULL, others extract the parts. */
    vg_hand_out *hand_out;
    void *hand_out_context;
    int hands; /* how many work at once */

    const atomic_bool *cancel; /* NULL, or set by the caller to stop soon */
    vg_observer observer;
} vg_run_options;

void vg_run_options_default(vg_run_options *options);

static inline bool vg_has_pca(const vg_run_options *options)
{
    return options->components != 0 || options->variance_share != 0;
}

#endif
