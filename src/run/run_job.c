/* The whole job: check everything, extract, fit, project. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/observer.h"
#include "base/usable_cpus.h"
#include "history/continuation.h"
#include "history/lock.h"
#include "history/past_runs.h"
#include "io/io.h"
#include "output/latest.h"
#include "output/layout.h"
#include "output/timestamp.h"
#include "run/features_phase.h"
#include "run/hand_out.h"
#include "run/job.h"
#include "run/pca_phase.h"
#include "run/run_model.h"
#include "run/stores.h"
#include "selection/selection.h"
#include "weights/sources.h"

void vg_run_options_default(vg_run_options *options)
{
    *options = (vg_run_options){.components = 50,
                                .parquet = true,
                                .csv = true,
                                .max_file_size = (uint64_t)256 << 20,
                                .part_rows = 4096,
                                .max_errors = UINT64_MAX,
                                .max_error_share = 1.0};
    vg_image_options_default(&options->image);
}

/* What a run holds from its checks to its end. */
typedef struct run {
    vg_run_options options;
    vg_run_result *result;
    vg_store *input, *output;
    vg_run_model model;
    vg_image_list *images;
    vg_part_bounds parts;
    vg_lock *lock;
    vg_continuation continuation; /* of what earlier runs left */
    vg_moments *moments;
    vg_handed handed; /* to others */
    double start;
} run;

static void close_run(run *state)
{
    vg_moments_close(&state->moments);
    vg_continuation_close(&state->continuation);
    vg_lock_close(&state->lock);
    vg_part_bounds_close(&state->parts);
    vg_image_list_close(&state->images);
    vg_run_model_close(&state->model);
    vg_handed_free(&state->handed);
    vg_store_close(&state->output);
    vg_store_close(&state->input);
}

/* --- Checks --------------------------------------------------------------------- */

/* Features alone are asked for. */
static vg_status check_options(const vg_run_options *options, vg_error *error)
{
    if (options->input == NULL || options->output == NULL || options->model_source == NULL)
        return vg_fail(error, VG_EINVAL, "a run needs an input, an output and a model");
    if (options->components < 0 || options->components > VG_FEATURE_COUNT)
        return vg_fail(error, VG_EINVAL, "%d components: ask for 1 to %d with -k, or 0 for none",
                       options->components, VG_FEATURE_COUNT);
    if (options->threads < 0 || options->threads > VG_MOST_THREADS)
        return vg_fail(error, VG_EINVAL, "%d threads: give 1 to %d, or 0 for one a CPU",
                       options->threads, VG_MOST_THREADS);
    if (!vg_has_pca(options) &&
        (options->choices.fit_on != NULL || options->choices.center || options->choices.whiten))
        return vg_fail(error, VG_EINVAL, "fit-on, center and whiten are of a PCA: leave -k 0 out");
    if (options->part_rows == 0)
        return vg_fail(error, VG_EINVAL, "0 images a part file: give at least 1");
    return vg_check_formats(options->parquet, options->csv, error);
}

static vg_status open_model(run *state, vg_error *error)
{
    vg_status status =
        vg_run_model_open(&state->model, &state->options, state->options.model_source, error);
    if (status != VG_OK) return status;
    snprintf(state->result->kernels, sizeof state->result->kernels, "%s",
             vg_model_kernels(state->model.model));
    return VG_OK;
}

/* Images of the split that the PCA is fitted to; where there is none, most likely its name was
 * mistyped. */
static vg_status count_fitted(const run *state, uint64_t *count, vg_error *error)
{
    const char *split = state->options.choices.fit_on;
    char others[256] = "";
    size_t used = 0;
    vg_image_cursor *cursor = NULL;
    vg_listed_image image;
    *count = 0;
    vg_status status = vg_image_cursor_open(&cursor, state->images, 0, error);
    if (status == VG_OK) status = vg_image_cursor_next(cursor, &image, error);
    while (status == VG_OK && image.path != NULL) {
        char quoted[sizeof others];
        if (strcmp(image.split, split) == 0) ++*count;
        int size = snprintf(quoted, sizeof quoted, " \"%s\"", image.split);
        if (image.split[0] != '\0' && size > 0 && used + (size_t)size < sizeof others &&
            strstr(others, quoted) == NULL)
            used += (size_t)snprintf(others + used, sizeof others - used, "%s", quoted);
        status = vg_image_cursor_next(cursor, &image, error);
    }
    vg_image_cursor_close(&cursor);
    if (status != VG_OK || *count > 0) return status;
    return vg_fail(error, VG_EINVAL, "no image is of the split \"%s\": %s%s", split,
                   used > 0 ? "there are" : "none is of any", others);
}

static vg_status select_images(run *state, vg_error *error)
{
    const vg_run_options *options = &state->options;
    vg_status status =
        vg_select_images(&state->images, state->input, state->output, &options->selection,
                         &options->observer, options->cancel, error);
    if (status != VG_OK) return status;
    uint64_t selected = vg_image_list_count(state->images);
    state->result->selected = selected;
    state->result->unlisted = vg_image_list_unlisted(state->images);
    vg_notify_log(&options->observer, VG_LOG_INFO, "%llu images selected below %s",
                  (unsigned long long)selected, vg_store_address(state->input));
    if (!vg_has_pca(options)) return VG_OK;
    if (options->choices.fit_on != NULL) {
        status = count_fitted(state, &selected, error);
        if (status != VG_OK) return status;
    }
    return vg_pca_phase_check(selected, options->components, &options->observer, error);
}

/* A run that goes on, or that may be complete, keeps the rows a part that it has; one that goes
 * on, how its parts end. */
static vg_status keep_part_rows(run *state, vg_error *error)
{
    vg_run_options *options = &state->options;
    vg_past_runs runs;
    vg_saved_plan saved;
    vg_status status =
        vg_past_runs_find(&runs, state->output, options->resume ? options->timestamp : NULL, error);
    if (status != VG_OK || runs.newest[0] == '\0') return status;
    bool goes_on = options->resume && runs.unfinished[0] != '\0';
    const char *kept = goes_on ? runs.unfinished : runs.newest;
    if (vg_plan_read(&saved, state->output, kept, NULL) == VG_OK) {
        if (options->free_part_rows) options->part_rows = saved.part_rows;
        options->parts_by_count = goes_on && saved.part_ends == VG_PARTS_BY_COUNT;
    }
    vg_plan_free(&saved);
    return VG_OK;
}

static vg_status choose_parts(run *state, vg_error *error)
{
    vg_run_options *options = &state->options;
    vg_status status = VG_OK;
    if (options->free_part_rows && options->hand_out != NULL)
        options->part_rows = vg_hand_out_part_rows(vg_image_list_count(state->images),
                                                   options->hands, options->part_rows);
    if (options->resume || options->update) status = keep_part_rows(state, error);
    if (status != VG_OK) return status;
    return vg_part_bounds_open(&state->parts, state->images, options->part_rows,
                               vg_plan_part_ends(options), options->cancel, error);
}

/* What this run would do, and what earlier ones left for it. A rehearsal locks nothing
 * and writes nothing: an output that does not exist is made only by a run that goes on to
 * fill it. */
static vg_status look_at_output(run *state, vg_error *error)
{
    const vg_run_options *options = &state->options;
    vg_run_result *result = state->result;
    vg_plan plan = {.input = vg_store_address(state->input),
                    .images_store = state->input,
                    .model = vg_run_model_identity(&state->model, options),
                    .arithmetic = vg_model_arithmetic(state->model.model),
                    .images = state->images,
                    .parts = &state->parts,
                    .options = options,
                    .facts = state->model.facts,
                    .fact_count = state->model.fact_count,
                    .uuid = "",
                    .base = ""};
    vg_continuation *continuation = &state->continuation;
    vg_status status = VG_OK;
    if (!options->dry_run)
        status = vg_lock_open(&state->lock, state->output, result->timestamp, &options->observer,
                              options->cancel, error);
    if (status == VG_OK)
        status = vg_continuation_open(continuation, state->output, &plan, result->timestamp, error);
    vg_changes changes = {0};
    if (status == VG_OK)
        status = vg_continuation_compare(continuation, state->output, &plan, &changes, error);
    result->added = changes.added;
    result->changed = changes.changed;
    result->failed_before = changes.failed_before;
    result->vanished = changes.vanished;
    result->was_complete = continuation->is_complete;
    result->was_updated = continuation->earlier != NULL;
    if (status != VG_OK || result->was_complete || options->dry_run) return status;
    /* The lock was written already; how such files are encrypted is still to be seen. */
    if (options->store.sse != NULL) status = vg_layout_check_writable(state->output, error);
    if (status != VG_OK) return status;
    return vg_continuation_begin(continuation, state->output, &plan, result->timestamp, error);
}

/* All that can be wrong and can be known before the first image is opened. */
static vg_status prepare(run *state, vg_error *error)
{
    const vg_run_options *options = &state->options;
    vg_run_result *result = state->result;
    vg_status status = check_options(options, error);
    if (status == VG_OK) status = vg_timestamp_choose(result->timestamp, options->timestamp, error);
    if (status == VG_OK)
        status = vg_stores_open(&state->input, options->input, &state->output, options->output,
                                &options->store, &options->observer, error);
    if (status == VG_OK && !options->dry_run) status = vg_store_try_out(state->output, error);
    if (status == VG_OK) status = open_model(state, error);
    if (status == VG_OK && !options->dry_run) status = vg_stores_try_output(state->output, error);
    if (status == VG_OK) status = select_images(state, error);
    if (status == VG_OK) status = choose_parts(state, error);
    if (status == VG_OK) status = look_at_output(state, error);
    if (status != VG_OK) return status;
    result->components = options->components;
    result->threads = options->threads > 0 ? options->threads : vg_usable_cpus();
    return VG_OK;
}

/* --- The work ---------------------------------------------------------------------- */

static void set_folders(const run *state)
{
    vg_format format = vg_first_format(state->options.parquet);
    vg_run_result *result = state->result;
    vg_layout_address(result->features_folder, state->output, VG_TABLE_FEATURES, format,
                      result->timestamp);
    if (!vg_has_pca(&state->options)) return;
    vg_layout_address(result->pca_folder, state->output, VG_TABLE_PCA, format, result->timestamp);
}

/* With checksums, whoever reads an image learns whether it has changed, and the run has to tell. */
static vg_status hand_out(run *state, vg_error *error)
{
    const vg_run_options *options = &state->options;
    bool is_read_here = state->continuation.earlier != NULL && options->checksum;
    if (options->hand_out == NULL || is_read_here) return VG_OK;
    return vg_hand_out_parts(&state->handed, options, state->output, state->result->timestamp,
                             state->images, &state->parts, &state->continuation, error);
}

static vg_status extract(run *state, vg_error *error)
{
    double start = vg_seconds();
    vg_status status = hand_out(state, error);
    if (status != VG_OK) return status;
    bool was_handed = state->handed.recorded != NULL;
    vg_features_phase task = {.options = &state->options,
                              .input = state->input,
                              .output = state->output,
                              .model = state->model.model,
                              .images = state->images,
                              .parts = &state->parts,
                              .earlier = state->continuation.earlier,
                              .taken = state->continuation.taken,
                              .recorded = was_handed ? state->handed.recorded
                                                     : state->continuation.recorded,
                              .handed = state->handed.handed,
                              .lock = state->lock,
                              .timestamp = state->result->timestamp,
                              .uuid = state->continuation.uuid,
                              .facts = state->model.facts,
                              .fact_count = state->model.fact_count,
                              .threads = state->result->threads,
                              .start = start};
    return vg_features_phase_run(&task, state->result, &state->moments, error);
}

/* Features that are complete stay, also where too few images are left for a PCA. */
static vg_status reduce(run *state, vg_error *error)
{
    const vg_run_options *options = &state->options;
    vg_run_result *result = state->result;
    static const vg_observer silent = {0}; /* of what was known before an image failed */
    const vg_observer *observer = result->failed > 0 ? &options->observer : &silent;
    if (!vg_has_pca(options)) return VG_OK;
    vg_status status =
        vg_pca_phase_check(vg_moments_count(state->moments), options->components, observer, error);
    if (status != VG_OK)
        return vg_fail_prefix(error, status, "%llu of %llu images failed; features are in %s",
                              (unsigned long long)result->failed,
                              (unsigned long long)result->selected, result->features_folder);

    char folder[VG_FOLDER_CHARS];
    vg_format format = vg_first_format(options->parquet);
    vg_feature_table features = {0};
    vg_layout_folder(folder, VG_TABLE_FEATURES, format, result->timestamp);
    status = vg_feature_table_open(&features, state->output, folder, format, error);
    if (status == VG_OK) status = vg_feature_table_find_texts(&features, error);
    if (status != VG_OK) {
        vg_feature_table_close(&features);
        return status;
    }

    vg_pca_phase task = {.output = state->output,
                         .features = &features,
                         .moments = state->moments,
                         .rows = result->extracted,
                         .components = options->components,
                         .variance_share = options->variance_share,
                         .choices = options->choices,
                         .parquet = options->parquet,
                         .csv = options->csv,
                         .timestamp = result->timestamp,
                         .uuid = state->continuation.uuid,
                         .facts = state->model.facts,
                         .fact_count = state->model.fact_count,
                         .threads = result->threads,
                         .start = state->start,
                         .cancel = options->cancel,
                         .observer = &options->observer};
    status = vg_pca_phase_run(&task, result, error);
    vg_feature_table_close(&features);
    return status;
}

/* What this run has completed becomes the newest of its kind. */
static vg_status name_latest(const run *state, vg_error *error)
{
    const vg_run_options *options = &state->options;
    static const vg_table tables[] = {VG_TABLE_FEATURES,   VG_TABLE_METADATA, VG_TABLE_PCA,
                                      VG_TABLE_MODEL_INFO, VG_TABLE_VARIANCE, VG_TABLE_PCA_FILE};
    enum { ALL = sizeof tables / sizeof *tables, WITHOUT_PCA = 2 };
    return vg_latest_add(state->output, tables, vg_has_pca(options) ? ALL : WITHOUT_PCA,
                         options->parquet, options->csv, state->result->timestamp, error);
}

static vg_status extract_and_reduce(run *state, vg_error *error)
{
    const vg_run_options *options = &state->options;
    vg_status status = extract(state, error);
    if (status == VG_OK) status = reduce(state, error);
    if (status == VG_OK) status = vg_lock_check(state->lock, error);
    if (status == VG_OK) status = name_latest(state, error);
    if (status != VG_OK) return status;
    double start = vg_seconds();
    char folder[VG_FOLDER_CHARS];
    vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, state->result->timestamp);
    status = vg_layout_mark_complete(state->output, folder, error);
    if (status != VG_OK) return status;
    vg_notify_progress(&options->observer, VG_PHASE_COMMIT, 1, 1, state->result->failed, start);
    return VG_OK;
}

/* Of a run that was complete before. */
static void take_over_counts(run *state)
{
    vg_run_result *result = state->result;
    result->failed = state->continuation.failed;
    result->kept = result->extracted = result->selected - result->failed;
}

vg_status vg_run(const vg_run_options *options, vg_run_result *result, vg_error *error)
{
    run state = {.options = *options, .result = result, .start = vg_seconds()};
    *result = (vg_run_result){0};
    vg_status status = prepare(&state, error);
    if (status == VG_OK) set_folders(&state);
    if (status == VG_OK && result->was_complete) take_over_counts(&state);
    if (status == VG_OK && !options->dry_run && !result->was_complete)
        status = extract_and_reduce(&state, error);
    close_run(&state);
    result->seconds = vg_seconds() - state.start;
    return status;
}
