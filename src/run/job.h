/* The jobs: a run, its metadata alone, its PCA again. A job prints nothing; it tells an
 * observer, and stops when asked to. */
#ifndef VG_RUN_JOB_H
#define VG_RUN_JOB_H

#include "history/run_options.h"
#include "output/timestamp.h"

typedef struct vg_run_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t selected, extracted, failed; /* images; the first is the sum of the others */
    uint64_t unlisted; /* folders that could not be listed; their images are missing */
    uint64_t unturned; /* images whose EXIF data ask for a turn that was not made */
    uint64_t kept;     /* of the extracted: those whose features were there already */
    /* Against the run that is updated: images that it does not have, that it has
     * otherwise, that failed there, and that are no more. */
    uint64_t added, changed, failed_before, vanished;
    bool was_updated;
    bool was_complete; /* the tables of `timestamp` are what was asked for: nothing was done */
    uint64_t parts;
    char common_failure[256]; /* the reason that most of the images share that failed here, */
    uint64_t common_failures; /* and how many do */
    int components;
    uint64_t fitted;       /* images that the PCA was fitted to */
    double total_variance; /* share that the components explain */
    char kernels[16];
    int threads;
    double extract_seconds, pca_seconds, seconds;
    double decode_seconds, resize_seconds, network_seconds; /* summed over workers */
    char features_folder[4096]; /* address of the features table, Parquet if written */
    char pca_folder[4096];      /* the same of the PCA rows */
} vg_run_result;

/* The whole job. Failed images are rows of errors/ and do not fail the run unless
 * they exceed the bound. `result` is filled as far as the run came, also on
 * failure and on VG_ECANCELLED; parts that are whole stay, with no _SUCCESS, for a later
 * call to resume. One run at a time may write to an output: VG_EEXIST. */
vg_status vg_run(const vg_run_options *options, vg_run_result *result, vg_error *error);

/* Extracts the parts `numbers` [count] of the run `options->timestamp`, which another call of
 * vg_run with the same options hands out, and nothing else. A part that is there is left as it
 * is. Fills the counts of `result`. */
vg_status vg_run_parts(const vg_run_options *options, const uint64_t *numbers, size_t count,
                       vg_run_result *result, vg_error *error);

typedef struct vg_metadata_options {
    const char *input, *output;
    vg_store_options store;
    vg_selection_options selection;
    const char *timestamp;
    bool overwrite;
    const atomic_bool *cancel;
    vg_observer observer;
} vg_metadata_options;

typedef struct vg_metadata_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t images, labels, bytes, unlisted;
    char folder[4096];
} vg_metadata_result;

/* A CSV of path, label, filename, split, modification_time and file_size_bytes of
 * every image (metadata/images_<ts>/), and one of counts by split and label
 * (metadata/counts_<ts>/). Opens no image. The split is the first folder of the
 * path, or empty where the image lies less than two folders deep. */
vg_status vg_metadata_run(const vg_metadata_options *options, vg_metadata_result *result,
                          vg_error *error);

typedef struct vg_pca_options {
    const char *features; /* a features table folder (Parquet or CSV), or a run's output */
    const char *output;
    vg_store_options store;
    int components;
    double variance_share; /* as in vg_run_options */
    vg_pca_choices choices;
    const char *apply; /* a file of vg_pca_file_write to project with; NULL fits a PCA */
    bool parquet, csv;
    const char *timestamp;
    bool overwrite;
    const atomic_bool *cancel;
    vg_observer observer;
} vg_pca_options;

void vg_pca_options_default(vg_pca_options *options);

/* PCA again from features that are written: pca/, model_info/ and variance tables
 * under output. Fills the fields of the result that have a meaning here. */
vg_status vg_pca_run(const vg_pca_options *options, vg_run_result *result, vg_error *error);

#endif
