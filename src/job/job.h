/* A run: what goes in, in which order it is done, and how it is committed.
 * The job prints nothing; it tells an observer, and stops when asked to. */
#ifndef VG_JOB_JOB_H
#define VG_JOB_JOB_H

#include <stdatomic.h>
#include <stdbool.h>

#include "io/io.h"

typedef enum vg_log_level { VG_LOG_ERROR, VG_LOG_WARNING, VG_LOG_INFO, VG_LOG_DEBUG } vg_log_level;

typedef enum vg_phase {
    VG_PHASE_LIST,    /* total is not known yet */
    VG_PHASE_EXTRACT, /* images */
    VG_PHASE_FIT,
    VG_PHASE_PROJECT, /* rows */
    VG_PHASE_COMMIT
} vg_phase;

typedef struct vg_progress {
    vg_phase phase;
    uint64_t done, total, failed;
    double seconds; /* since the phase began */
} vg_progress;

/* Any function may be NULL. Called from several threads, one call at a time.
 * `progress` comes often (after every few images): the observer thins it out. */
typedef struct vg_observer {
    void *context;
    void (*progress)(void *context, const vg_progress *progress);
    void (*log)(void *context, vg_log_level level, const char *message);
} vg_observer;

enum { VG_TIMESTAMP_CHARS = 16 }; /* "YYYYMMDD_HHMMSS" and NUL */

typedef struct vg_run_options {
    const char *input, *output; /* addresses, as vg_store_open takes them */
    vg_store_options store;     /* of both */

    /* What to take of the input. A mode ("mini", "apples", "full") stands for a
     * select and a limit; select is a glob over paths relative to the input, in
     * which '*' and '?' stop at '/' and '**' does not. files_from is a file with
     * one path a line ("-" is standard input), relative to the input or beginning
     * with it, or a CSV whose first column is "path", such as a metadata table. Of a
     * path from elsewhere the longest end that is a file of the input is taken, and a
     * repeated path is taken once. With none of the three the mode is full. Whatever
     * named them, images come in byte order of their paths. */
    const char *mode, *select, *files_from;
    uint64_t limit; /* the first so many; 0 takes all */

    const char *model_source; /* of vg_model_open */
    int components;           /* k, default 50 */
    int threads;              /* 0 takes one a CPU this process may use */
    bool pin;                 /* binds each to one of these CPUs, in their order */
    bool parquet, csv;        /* formats of features and PCA rows; default both */
    vg_image_options image;
    uint64_t max_file_size; /* bytes of one image file, default 256 MiB */
    uint64_t part_rows;     /* images a part file, default 4096 */

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

    const atomic_bool *cancel; /* NULL, or set by the caller to stop soon */
    vg_observer observer;
} vg_run_options;

void vg_run_options_default(vg_run_options *options);

typedef struct vg_run_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t selected, extracted, failed; /* images; the first is the sum of the others */
    uint64_t kept; /* of the extracted: those whose features were there already */
    /* Against the run that is updated: images that it does not have, that it has
     * otherwise or had not been able to read, and that are no more. */
    uint64_t added, changed, vanished;
    bool was_updated;
    bool was_complete; /* the tables of `timestamp` are what was asked for: nothing was done */
    uint64_t parts;
    int components;
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

typedef struct vg_metadata_options {
    const char *input, *output;
    vg_store_options store;
    const char *select; /* NULL takes every JPEG and PNG, by extension */
    const char *timestamp;
    bool overwrite;
    const atomic_bool *cancel;
    vg_observer observer;
} vg_metadata_options;

typedef struct vg_metadata_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t images, labels, bytes;
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
