#include "job/features.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/notify.h"
#include "job/pipeline.h"
#include "job/selection.h"
#include "job/sink.h"

enum { PATH, LABEL, FEATURES, ERROR = FEATURES };

/* The state of the phase. */
typedef struct phase {
    const vg_features_task *task;
    vg_run_result *result;
    vg_pipeline *pipeline;
    vg_sink *features, *metadata, *errors; /* errors only once an image failed */
    vg_moments *moments, *part_moments;
    vg_bytes address; /* of the image in hand */
    double start;
    vg_error first_failure;
    /* The figures of the last part are these less those when it began. */
    double part_start, write_seconds, part_write_seconds;
    vg_pipeline_times part_times;
    uint64_t part_failed;
} phase;

static vg_status open_sink(const phase *state, vg_sink **sink, vg_table table, bool parquet,
                           bool csv, const char *last_column, vg_column_type last_type,
                           vg_error *error)
{
    const vg_features_task *task = state->task;
    vg_column columns[] = {
        {"path", VG_COLUMN_STRING}, {"label", VG_COLUMN_STRING}, {last_column, last_type}};
    vg_sink_options options = {.output = task->output,
                               .table = table,
                               .parquet = parquet,
                               .csv = csv,
                               .timestamp = task->timestamp,
                               .columns = columns,
                               .column_count = last_column != NULL ? 3 : 2,
                               .facts = task->facts,
                               .fact_count = task->fact_count};
    return vg_sink_open(sink, &options, error);
}

static vg_status open_phase(phase *state, vg_error *error)
{
    const vg_features_task *task = state->task;
    const vg_run_options *options = task->options;
    vg_status status = open_sink(state, &state->features, VG_TABLE_FEATURES, options->parquet,
                                 options->csv, "features", VG_COLUMN_FLOAT32_LIST, error);
    if (status == VG_OK)
        status = open_sink(state, &state->metadata, VG_TABLE_METADATA, false, true, NULL,
                           VG_COLUMN_STRING, error);
    if (status == VG_OK) status = vg_moments_open(&state->moments, VG_FEATURE_COUNT, error);
    if (status == VG_OK) status = vg_moments_open(&state->part_moments, VG_FEATURE_COUNT, error);
    if (status != VG_OK) return status;

    vg_pipeline_options pipeline = {.input = task->input,
                                    .paths = task->paths,
                                    .model = task->model,
                                    .image = &options->image,
                                    .max_file_size = options->max_file_size,
                                    .threads = task->threads,
                                    .cancel = options->cancel};
    return vg_pipeline_open(&state->pipeline, &pipeline, error);
}

static void close_phase(phase *state)
{
    vg_pipeline_close(&state->pipeline);
    vg_sink_close(&state->features);
    vg_sink_close(&state->metadata);
    vg_sink_close(&state->errors);
    vg_moments_close(&state->moments);
    vg_moments_close(&state->part_moments);
    free(state->address.bytes);
}

/* --- One image ------------------------------------------------------------------ */

static vg_status append_path_and_label(vg_sink *sink, const phase *state, vg_slice label,
                                       vg_error *error)
{
    vg_builder *builder = vg_sink_builder(sink);
    vg_status status = vg_builder_string(builder, PATH, (const char *)state->address.bytes,
                                         state->address.size, error);
    if (status != VG_OK) return status;
    return vg_builder_string(builder, LABEL, label.text, label.size, error);
}

static vg_status append_features(phase *state, const char *path, vg_slice label,
                                 const float *features, vg_error *error)
{
    vg_status status = vg_moments_add(state->part_moments, 1, features, error);
    if (status != VG_OK) return vg_fail_prefix(error, status, "the features of %s", path);
    status = append_path_and_label(state->features, state, label, error);
    if (status == VG_OK)
        status = vg_builder_float32_list(vg_sink_builder(state->features), FEATURES, features,
                                         VG_FEATURE_COUNT, error);
    if (status == VG_OK) status = vg_sink_end_row(state->features, error);
    if (status == VG_OK) state->result->extracted++;
    return status;
}

static bool has_too_many_failures(const vg_run_options *options, const vg_run_result *result)
{
    return result->failed > options->max_errors ||
           (double)result->failed > options->max_error_share * (double)result->selected;
}

static vg_status append_failure(phase *state, const char *path, vg_slice label, const char *reason,
                                vg_error *error)
{
    const vg_run_options *options = state->task->options;
    vg_run_result *result = state->result;
    vg_status status = VG_OK;
    vg_notify_log(&options->observer, VG_LOG_WARNING, "%s: %s", path, reason);
    if (state->errors == NULL) {
        vg_fail(&state->first_failure, VG_OK, "%s: %s", path, reason);
        status = open_sink(state, &state->errors, VG_TABLE_ERRORS, false, true, "error",
                           VG_COLUMN_STRING, error);
    }
    if (status == VG_OK) status = append_path_and_label(state->errors, state, label, error);
    if (status == VG_OK)
        status =
            vg_builder_string(vg_sink_builder(state->errors), ERROR, reason, strlen(reason), error);
    if (status == VG_OK) status = vg_sink_end_row(state->errors, error);
    if (status != VG_OK) return status;
    result->failed++;
    if (!has_too_many_failures(options, result)) return VG_OK;
    return vg_fail(error, VG_ELIMIT,
                   "%llu of %llu images failed, more than --max-errors allows; the first: %s",
                   (unsigned long long)result->failed,
                   (unsigned long long)(result->failed + result->extracted),
                   state->first_failure.message);
}

static vg_status append_outcome(phase *state, const char *path, const vg_outcome *outcome,
                                vg_error *error)
{
    vg_slice label = vg_path_label(state->task->input, path);
    vg_status status = vg_path_address(&state->address, state->task->input, path, error);
    if (status == VG_OK) status = append_path_and_label(state->metadata, state, label, error);
    if (status == VG_OK) status = vg_sink_end_row(state->metadata, error);
    if (status != VG_OK) return status;
    if (outcome->status == VG_OK)
        return append_features(state, path, label, outcome->features, error);
    return append_failure(state, path, label, outcome->reason, error);
}

/* --- Parts ------------------------------------------------------------------------ */

static void report_part(phase *state, uint64_t images)
{
    vg_pipeline_times times;
    vg_pipeline_get_times(state->pipeline, &times);
    const vg_pipeline_times *before = &state->part_times;
    double now = vg_seconds();
    vg_notify_log(&state->task->options->observer, VG_LOG_DEBUG,
                  "part %llu: %llu images, %llu failed, %.3f s; threads together: read %.3f s, "
                  "decode %.3f s, resize %.3f s, network %.3f s; write %.3f s",
                  (unsigned long long)state->result->parts, (unsigned long long)images,
                  (unsigned long long)(state->result->failed - state->part_failed),
                  now - state->part_start, times.read - before->read,
                  times.extract.decode - before->extract.decode,
                  times.extract.resize - before->extract.resize,
                  times.extract.network - before->extract.network,
                  state->write_seconds - state->part_write_seconds);
    state->part_times = times;
    state->part_start = now;
    state->part_write_seconds = state->write_seconds;
    state->part_failed = state->result->failed;
}

/* Moments of parts are merged in the order of the parts, so that they do not depend
 * on the number of threads. */
static vg_status end_part(phase *state, uint64_t images, vg_error *error)
{
    double start = vg_seconds();
    vg_status status = vg_sink_end_part(state->features, error);
    if (status == VG_OK) status = vg_moments_merge(state->moments, state->part_moments, error);
    if (status != VG_OK) return status;
    vg_moments_close(&state->part_moments);
    status = vg_moments_open(&state->part_moments, VG_FEATURE_COUNT, error);
    state->write_seconds += vg_seconds() - start;
    report_part(state, images);
    state->result->parts++;
    return status;
}

static vg_status extract_all(phase *state, vg_error *error)
{
    const vg_run_options *options = state->task->options;
    const vg_paths *paths = state->task->paths;
    uint64_t images = 0; /* of the part */
    vg_notify_progress(&options->observer, VG_PHASE_EXTRACT, 0, paths->count, 0, state->start);
    for (size_t i = 0; i < paths->count; i++) {
        vg_outcome outcome;
        vg_status status = vg_pipeline_next(state->pipeline, &outcome, error);
        if (status != VG_OK) return status;
        double start = vg_seconds();
        status = append_outcome(state, paths->items[i].text, &outcome, error);
        state->write_seconds += vg_seconds() - start;
        images++;
        if (status == VG_OK && (images == options->part_rows || i + 1 == paths->count)) {
            status = end_part(state, images, error);
            images = 0;
        }
        if (status != VG_OK) return status;
        vg_notify_progress(&options->observer, VG_PHASE_EXTRACT, i + 1, paths->count,
                           state->result->failed, state->start);
    }
    return VG_OK;
}

/* --- The end ------------------------------------------------------------------------ */

/* Every image is exactly one row of features or of errors. */
static vg_status check_counts(const phase *state, vg_error *error)
{
    uint64_t selected = state->task->paths->count, extracted = vg_sink_rows(state->features);
    uint64_t failed = state->errors != NULL ? vg_sink_rows(state->errors) : 0;
    if (extracted + failed == selected && vg_sink_rows(state->metadata) == selected &&
        vg_moments_count(state->moments) == extracted)
        return VG_OK;
    return vg_fail(error, VG_EFORMAT,
                   "%llu images were selected but %llu rows of features and %llu of errors were "
                   "written: this is a fault of verger, please report it; no table is marked as "
                   "complete",
                   (unsigned long long)selected, (unsigned long long)extracted,
                   (unsigned long long)failed);
}

static vg_status commit(phase *state, vg_error *error)
{
    vg_status status = vg_sink_end_part(state->metadata, error);
    if (status == VG_OK && state->errors != NULL) status = vg_sink_end_part(state->errors, error);
    if (status == VG_OK) status = check_counts(state, error);
    if (status == VG_OK) status = vg_sink_mark_complete(state->features, error);
    if (status == VG_OK) status = vg_sink_mark_complete(state->metadata, error);
    if (status == VG_OK && state->errors != NULL)
        status = vg_sink_mark_complete(state->errors, error);
    return status;
}

vg_status vg_features_run(const vg_features_task *task, vg_run_result *result, vg_moments **moments,
                          vg_error *error)
{
    double start = vg_seconds();
    phase state = {.task = task, .result = result, .start = start, .part_start = start};
    *moments = NULL;
    vg_status status = open_phase(&state, error);
    if (status == VG_OK) status = extract_all(&state, error);
    /* What failed is worth reading above all when it was too much. */
    if (status == VG_ELIMIT && state.errors != NULL) vg_sink_end_part(state.errors, NULL);
    if (state.pipeline != NULL) {
        vg_pipeline_times times;
        vg_pipeline_get_times(state.pipeline, &times);
        result->decode_seconds = times.extract.decode;
        result->resize_seconds = times.extract.resize;
        result->network_seconds = times.extract.network;
    }
    result->extract_seconds = vg_seconds() - start;
    if (status == VG_OK) status = commit(&state, error);
    if (status == VG_OK) {
        *moments = state.moments;
        state.moments = NULL;
    }
    close_phase(&state);
    return status;
}
