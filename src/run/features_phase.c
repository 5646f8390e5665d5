#include "run/features_phase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/observer.h"
#include "history/known_images.h"
#include "history/past_runs.h"
#include "output/paths.h"
#include "run/failure_reasons.h"
#include "run/kept_parts.h"
#include "run/part_writer.h"

/* Images in a row that cannot be read: it is not the images. */
enum { MOST_UNREAD_IN_A_ROW = 100 };

/* The state of the phase. */
typedef struct phase {
    const vg_features_phase *task;
    vg_run_result *result;
    uint64_t images, parts; /* in all */
    vg_part_writer *writer;
    vg_known_images *known;
    vg_pipeline *pipeline;              /* over a stretch of parts that are not there yet */
    vg_earlier_cursor *earlier;         /* where known features come from, */
    vg_earlier_cursor *tried;           /* and what is known of images that are tried first */
    vg_part_kind *kinds;                /* [parts] */
    vg_kept_parts *kept;                /* of these kinds */
    vg_moments *moments, *part_moments; /* of what the PCA is fitted to */
    uint64_t rows;                      /* of features */
    float made[VG_FEATURE_COUNT];       /* features as the tables have them */
    double start, write_seconds;
    vg_step_times past; /* of pipelines that have ended */
    vg_error first_failure;
    vg_failure_reasons reasons;
    uint64_t unread, unread_in_a_row;
} phase;

static vg_status open_phase(phase *state, vg_error *error)
{
    const vg_features_phase *task = state->task;
    state->images = vg_image_list_count(task->images);
    state->parts = task->parts->count;
    state->kinds = calloc((size_t)state->parts + 1, sizeof *state->kinds);
    vg_status status = VG_OK;
    if (state->kinds == NULL)
        status = vg_fail_memory(error, (size_t)state->parts * sizeof *state->kinds);
    if (status == VG_OK) status = vg_part_writer_open(&state->writer, task, error);
    if (status == VG_OK) status = vg_moments_open(&state->moments, VG_FEATURE_COUNT, error);
    if (status == VG_OK) status = vg_moments_open(&state->part_moments, VG_FEATURE_COUNT, error);
    if (status == VG_OK && task->earlier != NULL)
        status = vg_earlier_cursor_open(&state->earlier, task->earlier, error);
    if (status == VG_OK && task->earlier != NULL)
        status = vg_earlier_cursor_open(&state->tried, task->earlier, error);
    return status;
}

/* --- The pipeline ------------------------------------------------------------------ */

static void add_times(vg_step_times *to, const vg_step_times *more, double sign)
{
    to->read += sign * more->read;
    to->extract.decode += sign * more->extract.decode;
    to->extract.resize += sign * more->extract.resize;
    to->extract.network += sign * more->extract.network;
}

/* Of all pipelines so far. */
static vg_step_times times_so_far(const phase *state)
{
    vg_step_times times = {0};
    if (state->pipeline != NULL) vg_pipeline_get_times(state->pipeline, &times);
    add_times(&times, &state->past, 1);
    return times;
}

static void close_pipeline(phase *state)
{
    state->past = times_so_far(state);
    vg_pipeline_close(&state->pipeline);
    vg_known_images_close(&state->known);
}

static void close_phase(phase *state)
{
    vg_kept_parts_close(&state->kept);
    close_pipeline(state);
    free(state->kinds);
    vg_part_writer_close(&state->writer);
    vg_earlier_cursor_close(&state->earlier);
    vg_earlier_cursor_close(&state->tried);
    vg_moments_close(&state->moments);
    vg_moments_close(&state->part_moments);
}

/* The image with which a part begins; past the last part, their number. */
static uint64_t first_image(const phase *state, uint64_t part)
{
    return state->task->parts->firsts[part];
}

/* Over the parts from `part` to `end`. */
static vg_status open_pipeline(phase *state, uint64_t part, uint64_t end, vg_error *error)
{
    const vg_features_phase *task = state->task;
    uint64_t first = first_image(state, part);
    vg_status status = vg_known_images_open(&state->known, task->images, first, task->earlier,
                                            task->options->checksum, error);
    if (status != VG_OK) return status;
    vg_pipeline_options pipeline = {.input = task->input,
                                    .images = state->known,
                                    .count = first_image(state, end) - first,
                                    .model = task->model,
                                    .image = &task->options->image,
                                    .max_file_size = task->options->max_file_size,
                                    .quality = task->options->quality,
                                    .threads = task->threads,
                                    .pin = task->options->pin,
                                    .cancel = task->options->cancel};
    return vg_pipeline_open(&state->pipeline, &pipeline, error);
}

/* Up to the next part that is kept. */
static vg_status open_new_parts(phase *state, uint64_t part, vg_error *error)
{
    uint64_t end = part + 1;
    while (end < state->parts && state->kinds[end] == VG_PART_NEW) end++;
    return open_pipeline(state, part, end, error);
}

/* --- One image ---------------------------------------------------------------------- */

static vg_status use_features(phase *state, const vg_outcome *outcome, vg_error *error)
{
    const char *split = vg_part_writer_split(state->writer);
    vg_status status = VG_OK;
    if (vg_is_fitted_to(state->task->options, split, strlen(split)))
        status = vg_moments_add(state->part_moments, 1, outcome->features, error);
    if (status != VG_OK)
        return vg_fail_prefix(error, status, "the features of %s", outcome->image.path);
    state->result->extracted++;
    state->rows++;
    return VG_OK;
}

static bool has_too_many_failures(const vg_run_options *options, const vg_run_result *result)
{
    return result->failed > options->max_errors ||
           (double)result->failed > options->max_error_share * (double)result->selected;
}

static vg_status count_failures(phase *state, uint64_t failures, vg_error *error)
{
    const vg_run_options *options = state->task->options;
    vg_run_result *result = state->result;
    result->failed += failures;
    if (!has_too_many_failures(options, result)) return VG_OK;
    const char *first = state->first_failure.message; /* none where others saw it */
    return vg_fail(error, VG_ELIMIT,
                   "%llu of %llu images failed, more than --max-errors allows%s%s",
                   (unsigned long long)result->failed,
                   (unsigned long long)(result->failed + result->extracted),
                   first[0] != '\0' ? "; the first: " : "", first);
}

/* Its content never came; a file that is too large is not asked for. */
static bool is_unread(const vg_outcome *outcome)
{
    return outcome->status != VG_OK && outcome->status != VG_ELIMIT && outcome->sha256[0] == '\0';
}

/* What is no image's own fault ends the run: else the tables would look complete, and lack
 * all images that came after. */
static vg_status check_store(phase *state, const vg_outcome *outcome, vg_error *error)
{
    if (outcome->status == VG_ESTORE)
        return vg_fail(error, VG_ESTORE, "%s, then --resume", outcome->reason);
    if (!is_unread(outcome)) {
        state->unread_in_a_row = 0;
        return VG_OK;
    }
    state->unread++;
    if (++state->unread_in_a_row < MOST_UNREAD_IN_A_ROW) return VG_OK;
    return vg_fail(error, VG_ESTORE,
                   "%d images in a row cannot be read: mend that, or leave them out with "
                   "--exclude, then --resume; the last: %s",
                   MOST_UNREAD_IN_A_ROW, outcome->reason);
}

static void note_failure(phase *state, const char *path, const char *reason)
{
    vg_notify_log(&state->task->options->observer, VG_LOG_WARNING, "%s: %s", path, reason);
    if (state->first_failure.message[0] == '\0')
        vg_fail(&state->first_failure, VG_OK, "%s: %s", path, reason);
    vg_failure_reasons_add(&state->reasons, vg_store_read_reason(state->task->input, path, reason));
}

static vg_status report_failure(phase *state, const vg_outcome *outcome, vg_error *error)
{
    note_failure(state, outcome->image.path, outcome->reason);
    return count_failures(state, 1, error);
}

/* What the earlier run has of the image, with the features where they are wanted. */
static vg_status recall(vg_earlier_cursor *from, vg_outcome *outcome, const float **features,
                        vg_error *error)
{
    const vg_kept_image *kept;
    vg_status status = vg_earlier_cursor_seek(from, outcome->image.path, &kept, features, error);
    if (status != VG_OK) return status;
    outcome->sha256 = kept->sha256;
    outcome->quality = kept->has_quality ? &kept->quality : NULL;
    return VG_OK;
}

/* The features of the network as the tables are to have them; those that an earlier run wrote are
 * so already. What follows sees the same numbers as a reader of the tables. */
static const float *make_features(phase *state, const float *features)
{
    const vg_feature_form *form = &state->task->options->form;
    if (!form->normalize && !form->float16) return features;
    vg_feature_form_apply(form, features, state->made);
    return state->made;
}

static vg_status take_outcome(phase *state, vg_error *error)
{
    vg_outcome outcome;
    vg_status status = vg_pipeline_next(state->pipeline, &outcome, error);
    if (status != VG_OK) return status;
    double start = vg_seconds();
    state->result->kept += outcome.is_known;
    state->result->changed += outcome.has_changed;
    state->result->unturned += outcome.is_unturned && outcome.status == VG_OK;
    if (!outcome.is_known) status = check_store(state, &outcome, error);
    if (status == VG_OK && outcome.is_known)
        status = recall(state->earlier, &outcome, &outcome.features, error);
    else if (status == VG_OK && outcome.status == VG_OK)
        outcome.features = make_features(state, outcome.features);
    if (status == VG_OK) status = vg_part_writer_append(state->writer, &outcome, error);
    if (status != VG_OK) return status;
    status = outcome.status == VG_OK ? use_features(state, &outcome, error)
                                     : report_failure(state, &outcome, error);
    state->write_seconds += vg_seconds() - start;
    return status;
}

/* --- Parts ---------------------------------------------------------------------------- */

static void report_part(const phase *state, uint64_t number, const vg_part_record *record)
{
    const vg_step_times *times = &record->times;
    vg_notify_log(&state->task->options->observer, VG_LOG_DEBUG,
                  "part %llu: %llu images, %llu failed, %.3f s; threads together: read %.3f s, "
                  "decode %.3f s, resize %.3f s, network %.3f s; write %.3f s",
                  (unsigned long long)number, (unsigned long long)record->images,
                  (unsigned long long)record->failed, record->seconds, times->read,
                  times->extract.decode, times->extract.resize, times->extract.network,
                  record->write_seconds);
}

/* Moments of parts are merged in the order of the parts, so that they do not depend
 * on the number of threads. */
static vg_status merge_moments(phase *state, vg_error *error)
{
    vg_status status = vg_moments_merge(state->moments, state->part_moments, error);
    if (status != VG_OK) return status;
    vg_moments_close(&state->part_moments);
    return vg_moments_open(&state->part_moments, VG_FEATURE_COUNT, error);
}

static void notify(const phase *state)
{
    const vg_run_result *result = state->result;
    vg_notify_progress(&state->task->options->observer, VG_PHASE_EXTRACT,
                       result->extracted + result->failed, state->images, result->failed,
                       state->start);
}

static vg_status extract_part(phase *state, uint64_t number, vg_error *error)
{
    uint64_t failed = state->result->failed;
    double start = vg_seconds(), write_seconds = state->write_seconds;
    vg_step_times times = times_so_far(state);
    vg_part_record record = {.images = vg_part_images(state->task->parts, number)};
    vg_status status = state->pipeline == NULL ? open_new_parts(state, number, error) : VG_OK;
    if (status == VG_OK)
        status = vg_part_writer_begin(state->writer, state->task->first_part + number,
                                      first_image(state, number), error);
    for (uint64_t i = 0; i < record.images && status == VG_OK; i++) {
        status = take_outcome(state, error);
        if (status == VG_OK) notify(state);
    }
    if (status != VG_OK) return status;

    record.failed = state->result->failed - failed;
    record.times = times_so_far(state);
    add_times(&record.times, &times, -1);
    record.seconds = vg_seconds() - start;
    record.write_seconds = state->write_seconds - write_seconds;
    if (state->task->lock != NULL) status = vg_lock_check(state->task->lock, error);
    if (status == VG_OK)
        status = vg_part_writer_end(state->writer, state->part_moments, &record, error);
    if (status == VG_OK) status = merge_moments(state, error);
    state->write_seconds += vg_seconds() - start - record.seconds;
    if (status == VG_OK) report_part(state, state->task->first_part + number, &record);
    return status;
}

/* --- Kept parts --------------------------------------------------------------------------- */

/* Of a part of so many rows, those that are not new to this run. */
static uint64_t kept_rows(const phase *state, uint64_t number, uint64_t rows)
{
    const vg_taken_part *taken = state->task->taken;
    if (state->kinds[number] != VG_PART_HANDED) return rows;
    return taken != NULL ? taken[number].known : 0;
}

static vg_status count_kept(phase *state, const vg_kept_part *part, vg_error *error)
{
    const vg_part_record *record = &part->record;
    const uint64_t rows = record->images - record->failed;
    vg_status status = VG_OK;
    if (part->moments != NULL) status = vg_moments_merge(state->moments, part->moments, error);
    if (status != VG_OK) return status;
    state->rows += rows;
    state->result->extracted += rows;
    state->result->kept += kept_rows(state, part->number, rows);
    notify(state);
    return count_failures(state, record->failed, error);
}

/* A part that is not as it was written is extracted again; of one that cannot be taken over, the
 * features still can. */
static vg_status replace_part(phase *state, uint64_t number, const vg_error *fault, vg_error *error)
{
    const vg_features_phase *task = state->task;
    bool is_taken = state->kinds[number] == VG_PART_TAKEN;
    vg_notify_log(&task->options->observer, is_taken ? VG_LOG_INFO : VG_LOG_WARNING,
                  "part %llu is %s: %s", (unsigned long long)number,
                  is_taken ? "written instead of being taken over" : "extracted again",
                  fault->message);
    vg_status status =
        vg_past_runs_delete_part(task->output, task->timestamp, task->uuid, number, error);
    state->kinds[number] = VG_PART_NEW;
    return status == VG_OK ? extract_part(state, number, error) : status;
}

static vg_status do_part(phase *state, uint64_t number, vg_error *error)
{
    const vg_kept_part *part;
    vg_error fault = {""};
    if (state->kinds[number] == VG_PART_NEW) return extract_part(state, number, error);
    close_pipeline(state);
    vg_status status = vg_kept_parts_next(state->kept, &part, &fault);
    if (status == VG_OK) return count_kept(state, part, error);
    if (status == VG_EFORMAT || status == VG_ENOTFOUND || status == VG_EUNSUPPORTED)
        return replace_part(state, number, &fault, error);
    return vg_fail(error, status, "%s", fault.message);
}

/* --- Parts of which some images have to be tried first -------------------------------------- */

/* Failures, told once it is known that they stay: the paths and, each after its path, reasons. */
static vg_status hold_failure(vg_paths *held, const vg_outcome *outcome, vg_error *error)
{
    const char *path = outcome->image.path, *reason = outcome->reason;
    vg_status status = vg_paths_add(held, path, strlen(path), error);
    return status == VG_OK ? vg_paths_add(held, reason, strlen(reason), error) : status;
}

static void tell_failures(phase *state, const vg_paths *held)
{
    for (size_t i = 0; i + 1 < held->count; i += 2)
        note_failure(state, held->items[i].text, held->items[i + 1].text);
}

/* Reads the images of the part that failed in the earlier run, with checksums all of them. */
static vg_status try_images(phase *state, uint64_t images, vg_paths *failures, bool *is_same,
                            vg_error *error)
{
    vg_status status = VG_OK;
    *is_same = true;
    for (uint64_t i = 0; i < images && *is_same && status == VG_OK; i++) {
        vg_outcome outcome;
        status = vg_pipeline_next(state->pipeline, &outcome, error);
        *is_same = status == VG_OK && (outcome.is_known || outcome.status != VG_OK);
        if (!*is_same) break;
        status = outcome.is_known ? recall(state->tried, &outcome, NULL, error)
                                  : check_store(state, &outcome, error);
        if (status == VG_OK) status = vg_part_writer_note(state->writer, &outcome, error);
        if (status == VG_OK && outcome.status != VG_OK)
            status = hold_failure(failures, &outcome, error);
    }
    return status;
}

/* The part becomes one of this run where its images gave what they had given. Else it is a new
 * one, whose images are asked for again. */
static vg_status try_part(phase *state, uint64_t number, vg_paths *failures, vg_error *error)
{
    const vg_features_phase *task = state->task;
    const vg_part_record *from = task->taken[number].record;
    vg_part_record record = {.images = from->images, .failed = from->failed};
    const uint64_t unread = state->unread, in_a_row = state->unread_in_a_row;
    bool is_same = false;
    vg_status status = open_pipeline(state, number, number + 1, error);
    if (status == VG_OK)
        status = vg_part_writer_begin(state->writer, number, first_image(state, number), error);
    if (status == VG_OK) status = try_images(state, from->images, failures, &is_same, error);
    close_pipeline(state);
    if (status != VG_OK) return status;
    if (is_same && failures->count == 2 * from->failed) {
        if (task->lock != NULL) status = vg_lock_check(task->lock, error);
        if (status == VG_OK) status = vg_part_writer_end_taken(state->writer, from, &record, error);
        if (status == VG_OK) {
            state->kinds[number] = VG_PART_OWN;
            tell_failures(state, failures);
            return VG_OK;
        }
    }
    bool is_fault = status == VG_EFORMAT || status == VG_ENOTFOUND || status == VG_EUNSUPPORTED;
    if (status != VG_OK && !is_fault) return status;
    state->kinds[number] = VG_PART_NEW;
    state->unread = unread;
    state->unread_in_a_row = in_a_row;
    vg_part_writer_close(&state->writer);
    status = vg_past_runs_delete_part(task->output, task->timestamp, task->uuid, number, error);
    return status == VG_OK ? vg_part_writer_open(&state->writer, task, error) : status;
}

/* What every part is, before the first is begun. */
static vg_status choose_kinds(phase *state, vg_error *error)
{
    const vg_features_phase *task = state->task;
    vg_status status = VG_OK;
    for (uint64_t i = 0; i < state->parts && status == VG_OK; i++) {
        bool is_recorded = task->recorded != NULL && task->recorded[i];
        bool is_handed = is_recorded && task->handed != NULL && task->handed[i];
        bool is_taken = !is_recorded && task->taken != NULL && task->taken[i].record != NULL;
        state->kinds[i] = is_handed     ? VG_PART_HANDED
                          : is_recorded ? VG_PART_RECORDED
                          : is_taken    ? VG_PART_TAKEN
                                        : VG_PART_NEW;
        if (!is_taken || task->taken[i].is_told) continue;
        vg_paths failures = {0};
        status = try_part(state, i, &failures, error);
        vg_paths_free(&failures);
    }
    return status;
}

static vg_status do_parts(phase *state, vg_error *error)
{
    notify(state);
    vg_status status = choose_kinds(state, error);
    if (status == VG_OK)
        status = vg_kept_parts_open(&state->kept, state->task, state->kinds, error);
    for (uint64_t i = 0; i < state->parts && status == VG_OK; i++) {
        status = do_part(state, i, error);
        if (status == VG_OK) state->result->parts++;
    }
    return status;
}

/* --- The end ---------------------------------------------------------------------------- */

static void set_reasons(phase *state)
{
    vg_run_result *result = state->result;
    const char *most = vg_failure_reasons_most(&state->reasons, &result->common_failures);
    snprintf(result->common_failure, sizeof result->common_failure, "%s", most);
}

/* Tables without a row are of no use to anybody, and hide the good ones of an earlier run. */
static vg_status check_any_features(const phase *state, vg_error *error)
{
    const vg_run_result *result = state->result;
    if (result->extracted > 0) return VG_OK;
    const char *reason = result->common_failure; /* none where others saw it */
    return vg_fail(error, state->unread == result->failed ? VG_ESTORE : VG_ELIMIT,
                   "none of %llu images gave features%s%s%s", (unsigned long long)state->images,
                   state->unread > 0 ? ": mend that, then --resume" : "",
                   reason[0] != '\0' ? "; most often: " : "", reason);
}

static vg_status commit(phase *state, vg_error *error)
{
    const vg_run_result *result = state->result;
    uint64_t rows = state->rows;
    const vg_run_options *options = state->task->options;
    bool is_fitted_to_all = vg_has_pca(options) && options->choices.fit_on == NULL;
    if (is_fitted_to_all && vg_moments_count(state->moments) != rows)
        return vg_fail(error, VG_EFORMAT,
                       "%llu images gave features and %llu are in the moments: this is a fault of "
                       "verger, please report it; no table is marked as complete",
                       (unsigned long long)rows,
                       (unsigned long long)vg_moments_count(state->moments));
    if (rows != result->extracted || rows + result->failed != state->images)
        return vg_fail(error, VG_EFORMAT,
                       "%llu images were selected, %llu gave features and %llu failed: this is a "
                       "fault of verger, please report it; no table is marked as complete",
                       (unsigned long long)state->images, (unsigned long long)rows,
                       (unsigned long long)result->failed);
    return vg_part_writer_mark_complete(state->writer, result->failed > 0, error);
}

static void set_times(phase *state)
{
    vg_step_times times = times_so_far(state);
    state->result->decode_seconds = times.extract.decode;
    state->result->resize_seconds = times.extract.resize;
    state->result->network_seconds = times.extract.network;
    state->result->extract_seconds = vg_seconds() - state->start;
}

vg_status vg_features_phase_run(const vg_features_phase *task, vg_run_result *result,
                                vg_moments **moments, vg_error *error)
{
    phase state = {.task = task, .result = result, .start = task->start};
    *moments = NULL;
    vg_status status = open_phase(&state, error);
    if (status == VG_OK) status = do_parts(&state, error);
    /* What failed is worth reading above all when it was too much. */
    if (status == VG_ELIMIT && state.writer != NULL) vg_part_writer_end_errors(state.writer);
    set_times(&state);
    set_reasons(&state);
    if (status == VG_OK && !task->is_share) status = check_any_features(&state, error);
    if (status == VG_OK && !task->is_share) status = commit(&state, error);
    if (status == VG_OK) {
        *moments = state.moments;
        state.moments = NULL;
    }
    close_phase(&state);
    return status;
}
