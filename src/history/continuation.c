#include "history/continuation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ahead.h"
#include "base/error.h"
#include "base/observer.h"
#include "base/usable_cpus.h"
#include "history/known_images.h"
#include "history/part_record.h"
#include "history/part_rows.h"
#include "history/past_runs.h"
#include "history/unread_images.h"
#include "output/layout.h"
#include "output/timestamp.h"

/* What the decision is made of. */
typedef struct choice {
    vg_continuation *continuation;
    vg_store *output;
    const vg_plan *plan;
    char *timestamp; /* [VG_TIMESTAMP_CHARS] */
    vg_past_runs runs;
    bool is_made;
    bool has_moved;   /* the input of the run that was broken off: rows would have two addresses */
    bool are_back;    /* images that the newest run, which is complete, could not read */
    vg_error refusal; /* why the newest run, which is complete, is not what is asked for */
} choice;

void vg_continuation_close(vg_continuation *continuation)
{
    vg_earlier_run_close(&continuation->earlier);
    free(continuation->recorded);
    free(continuation->taken);
    *continuation = (vg_continuation){0};
}

static void set_timestamp(char *to, const char *from)
{
    memcpy(to, from, VG_TIMESTAMP_CHARS);
}

/* --- The earlier run -------------------------------------------------------------- */

/* What it holds is known to be of use: its plan was compared. */
static vg_status open_earlier(choice *made, const char *base, uint64_t parts, vg_error *error)
{
    const vg_run_options *options = made->plan->options;
    vg_continuation *to = made->continuation;
    set_timestamp(to->base, base);
    return vg_earlier_run_open(&to->earlier, made->output, to->base, parts, options->checksum,
                               &options->observer, options->cancel, error);
}

/* An update that was broken off goes on without the run it built on where that has been
 * deleted or replaced: its images are then extracted. */
static vg_status reopen_earlier(choice *made, const char *base, vg_error *error)
{
    vg_saved_plan saved;
    vg_error fault = {""};
    vg_status status = vg_plan_read(&saved, made->output, base, &fault);
    if (status == VG_OK) status = vg_plan_compare(&saved, made->plan, VG_PLAN_FEATURES, &fault);
    if (status == VG_OK) status = open_earlier(made, base, saved.parts, &fault);
    vg_plan_free(&saved);
    if (status == VG_OK) return VG_OK;
    if (status != VG_ENOTFOUND && status != VG_EFORMAT && status != VG_EINVAL)
        return vg_fail(error, status, "%s", fault.message);
    vg_notify_log(&made->plan->options->observer, VG_LOG_WARNING,
                  "the run %s cannot be built on any more, all images that are left are "
                  "extracted: %s",
                  base, fault.message);
    return VG_OK;
}

static vg_status begin_without_earlier(const choice *made, const char *reason)
{
    vg_notify_log(&made->plan->options->observer, VG_LOG_WARNING, "all images are new: %s", reason);
    return VG_OK;
}

static vg_status update(choice *made, vg_error *error)
{
    const vg_run_options *options = made->plan->options;
    const vg_past_runs *runs = &made->runs;
    bool is_finished = runs->complete[0] != '\0' && !made->has_moved;
    const char *base = is_finished ? runs->complete : runs->unfinished;
    if (base[0] == '\0') {
        vg_notify_log(&options->observer, VG_LOG_INFO, "no run in %s to update: all images are new",
                      vg_store_address(made->output));
        return VG_OK;
    }
    if (strcmp(base, made->timestamp) == 0)
        return vg_fail(
            error, VG_EINVAL,
            "--update builds on the run %s, which --overwrite would delete: give another "
            "--timestamp or none, or leave out --update",
            base);
    vg_saved_plan saved;
    vg_error fault = {""};
    vg_status status = vg_plan_read(&saved, made->output, base, &fault);
    if (status == VG_EFORMAT) return begin_without_earlier(made, fault.message);
    if (status != VG_OK) return vg_fail(error, status, "%s", fault.message);
    status = vg_plan_compare(&saved, made->plan, VG_PLAN_FEATURES, error);
    if (status != VG_OK)
        vg_fail_prefix(error, status, "the run %s cannot be updated (run without --update)", base);
    else
        status = open_earlier(made, base, saved.parts, error);
    vg_plan_free(&saved);
    return status;
}

/* --- All is there -------------------------------------------------------------------- */

/* A table that is complete is never changed: what can be read now goes into a run of its own,
 * for which there has to be a timestamp. */
static vg_status look_at_unread(choice *made, const vg_part_record *record, vg_error *error)
{
    const vg_run_options *options = made->plan->options;
    bool is_asked = options->resume && !options->update && options->timestamp == NULL;
    if (!is_asked || made->are_back || made->plan->images_store == NULL) return VG_OK;
    return vg_unread_images_are_back(&made->are_back, made->plan->images_store,
                                     options->max_file_size, made->output, made->runs.complete,
                                     record, options->cancel, error);
}

/* Sizes tell a part that was lost or cut. To read all contents again is what --checksum
 * asks for. */
static vg_status look_at_parts(choice *made, const vg_saved_plan *saved, vg_error *error)
{
    uint64_t parts = saved->parts;
    vg_status status = VG_OK;
    made->continuation->failed = 0;
    for (uint64_t i = 0; i < parts && status == VG_OK; i++) {
        vg_part_record record;
        status = vg_part_record_read(&record, made->output, made->runs.complete, i, error);
        if (status == VG_OK) status = vg_part_record_check_sizes(&record, made->output, error);
        if (status == VG_OK) made->continuation->failed += record.failed;
        if (status == VG_OK) status = look_at_unread(made, &record, error);
        if (status == VG_OK) status = vg_check_cancel(made->plan->options->cancel, error);
    }
    return status;
}

/* Where parts end is no reason to make complete tables again. */
static vg_status compare_complete(choice *made, vg_error *error)
{
    vg_saved_plan saved;
    vg_run_options options = *made->plan->options;
    vg_plan alike = *made->plan;
    alike.options = &options;
    vg_status status = vg_plan_read(&saved, made->output, made->runs.complete, error);
    options.parts_by_count = status == VG_OK && saved.part_ends == VG_PARTS_BY_COUNT;
    if (status == VG_OK) status = vg_plan_compare(&saved, &alike, VG_PLAN_WHOLE, error);
    if (status == VG_OK) status = look_at_parts(made, &saved, error);
    vg_plan_free(&saved);
    return status;
}

static bool is_refusal(vg_status status)
{
    return status == VG_EINVAL || status == VG_EFORMAT || status == VG_ENOTFOUND;
}

/* The newest run is complete: whether it is the one that is asked for. */
static vg_status recognise(choice *made, vg_error *error)
{
    const vg_run_options *options = made->plan->options;
    const vg_past_runs *runs = &made->runs;
    vg_continuation *to = made->continuation;
    if (runs->complete[0] == '\0' || strcmp(runs->complete, runs->newest) != 0) return VG_OK;
    vg_status status = compare_complete(made, &made->refusal);
    if (status == VG_EFORMAT || status == VG_ENOTFOUND)
        vg_notify_log(&options->observer, VG_LOG_WARNING, "the run %s is complete, but damaged: %s",
                      runs->complete, made->refusal.message);
    if (is_refusal(status)) return VG_OK;
    if (status != VG_OK) return vg_fail(error, status, "%s", made->refusal.message);
    /* An update looks again at what failed and, with checksums, at all contents. */
    if (options->update && (to->failed > 0 || options->checksum)) return VG_OK;
    if (made->are_back) {
        vg_notify_log(&options->observer, VG_LOG_INFO,
                      "images that the run %s could not read can be read now: a new run takes "
                      "them, and all other features from that one",
                      runs->complete);
        return VG_OK;
    }
    set_timestamp(made->timestamp, runs->complete);
    to->is_complete = made->is_made = true;
    vg_notify_log(&options->observer, VG_LOG_INFO, "the run %s is complete: nothing is left to do",
                  runs->complete);
    return VG_OK;
}

static vg_status refuse_complete(const choice *made, vg_error *error)
{
    return vg_fail(error, VG_EINVAL,
                   "nothing to resume: the run %s is complete, but %s; take --update to build on "
                   "it, or run without --resume",
                   made->runs.complete, made->refusal.message);
}

/* --- Going on ------------------------------------------------------------------------ */

static vg_status take_up(choice *made, const vg_saved_plan *saved, vg_error *error)
{
    vg_continuation *to = made->continuation;
    uint64_t parts = saved->parts;
    const char *timestamp = made->runs.unfinished;
    vg_status status =
        vg_past_runs_recorded_parts(&to->recorded, parts, made->output, timestamp, error);
    if (status == VG_OK && saved->base[0] != '\0')
        status = reopen_earlier(made, saved->base, error);
    if (status != VG_OK) return status;
    memcpy(to->uuid, saved->uuid, sizeof to->uuid);
    set_timestamp(made->timestamp, timestamp);
    to->is_resumed = made->is_made = true;
    uint64_t recorded = 0;
    for (uint64_t i = 0; i < parts; i++) recorded += to->recorded[i];
    vg_notify_log(&made->plan->options->observer, VG_LOG_INFO,
                  "the run %s goes on: %llu of %llu parts are there", timestamp,
                  (unsigned long long)recorded, (unsigned long long)parts);
    return VG_OK;
}

static vg_status resume(choice *made, vg_error *error)
{
    const vg_run_options *options = made->plan->options;
    const char *timestamp = made->runs.unfinished;
    vg_saved_plan saved;
    vg_error reason = {""};
    if (timestamp[0] == '\0')
        return made->refusal.message[0] != '\0' && !options->update ? refuse_complete(made, error)
                                                                    : VG_OK;
    vg_status status = vg_plan_read(&saved, made->output, timestamp, &reason);
    if (status == VG_OK) {
        status = vg_plan_compare(&saved, made->plan, VG_PLAN_WHOLE, &reason);
        made->has_moved = status == VG_EINVAL && options->timestamp == NULL &&
                          vg_plan_compare(&saved, made->plan, VG_PLAN_TABLES, NULL) == VG_OK;
        if (status == VG_OK) status = take_up(made, &saved, &reason);
        vg_plan_free(&saved);
    }
    if (status == VG_OK) return VG_OK;
    if (made->has_moved) {
        vg_notify_log(&options->observer, VG_LOG_INFO,
                      "the run %s does not go on, but its features are taken: %s", timestamp,
                      reason.message);
        return VG_OK;
    }
    if (is_refusal(status) && options->update) {
        vg_notify_log(&options->observer, VG_LOG_INFO, "the run %s does not go on: %s", timestamp,
                      reason.message);
        return VG_OK;
    }
    if (!is_refusal(status)) return vg_fail(error, status, "%s", reason.message);
    return vg_fail(error, status,
                   "the run %s cannot be resumed: %s; take --update to build on its parts, or run "
                   "without --resume",
                   timestamp, reason.message);
}

/* --- New runs -------------------------------------------------------------------------- */

/* The newest run is known by its timestamp, so a clock that went back must not name the
 * next one. */
static vg_status choose_timestamp(choice *made, vg_error *error)
{
    const vg_run_options *options = made->plan->options;
    const char *newest = made->runs.newest;
    if (options->timestamp != NULL || strcmp(newest, made->timestamp) < 0) return VG_OK;
    if (strcmp(newest, made->timestamp) > 0)
        vg_notify_log(&options->observer, VG_LOG_WARNING,
                      "the clock says %s, and there is a run of %s: this one is named after that",
                      made->timestamp, newest);
    return vg_timestamp_after(made->timestamp, newest, error);
}

static vg_status begin_anew(choice *made, vg_error *error)
{
    const vg_run_options *options = made->plan->options;
    const char *unfinished = made->runs.unfinished;
    if (unfinished[0] != '\0' && !options->overwrite && !options->resume)
        vg_notify_log(&options->observer, VG_LOG_INFO,
                      "the run %s has not finished: --resume would go on with it", unfinished);
    vg_status status = choose_timestamp(made, error);
    if (status == VG_OK)
        status =
            vg_layout_free_timestamp(made->timestamp, made->output, vg_run_tables, VG_RUN_TABLES,
                                     options->timestamp, options->overwrite, error);
    return status == VG_OK ? vg_layout_uuid(made->continuation->uuid, error) : status;
}

vg_status vg_continuation_open(vg_continuation *continuation, vg_store *output, const vg_plan *plan,
                               char timestamp[VG_TIMESTAMP_CHARS], vg_error *error)
{
    const vg_run_options *options = plan->options;
    choice made = {
        .continuation = continuation, .output = output, .plan = plan, .timestamp = timestamp};
    const char *only = options->resume && !options->update ? options->timestamp : NULL;
    vg_status status = vg_past_runs_find(&made.runs, output, only, error);
    if (status == VG_OK && (options->resume || options->update)) status = recognise(&made, error);
    if (status == VG_OK && !made.is_made && options->resume) status = resume(&made, error);
    if (status == VG_OK && !made.is_made) {
        status = begin_anew(&made, error);
        if (status == VG_OK && (options->update || made.has_moved || made.are_back))
            status = update(&made, error);
    }
    return status;
}

vg_status vg_continuation_begin(const vg_continuation *continuation, vg_store *output,
                                const vg_plan *plan, const char *timestamp, vg_error *error)
{
    const vg_run_options *options = plan->options;
    uint64_t parts = plan->parts->count;
    vg_status status = vg_past_runs_clear(output, error);
    if (status == VG_OK && continuation->is_resumed)
        return vg_past_runs_sweep(output, timestamp, continuation->uuid, continuation->recorded,
                                  parts, error);
    if (status == VG_OK && options->overwrite)
        status = vg_layout_delete(output, vg_run_tables, VG_RUN_TABLES, timestamp, error);
    vg_plan begun = *plan;
    begun.uuid = continuation->uuid;
    begun.base = continuation->base;
    return status == VG_OK ? vg_plan_write(output, timestamp, &begun, error) : status;
}

/* --- What an update finds ----------------------------------------------------------------- */

static void count_image(vg_changes *changes, const vg_known_image *image)
{
    if (image->sha256 == NULL)
        changes->added++;
    else if (image->failed_before)
        changes->failed_before++;
    else if (image->known == VG_UNKNOWN)
        changes->changed++;
}

/* Images that failed are tried again, and with checksums all are read. */
static void note_image(vg_taken_part *part, bool *is_taken, const vg_known_image *image)
{
    *is_taken = *is_taken && (image->known != VG_UNKNOWN || image->failed_before);
    part->is_told = part->is_told && image->known == VG_KNOWN;
    part->known += image->known == VG_KNOWN;
}

/* Parts that are compared side by side. */
typedef struct comparison {
    vg_continuation *continuation;
    vg_store *output;
    const vg_plan *plan;
} comparison;

/* The images of one part, in order. */
static vg_status compare_images(const comparison *work, uint64_t number, vg_known_images *images,
                                vg_part_rows *rows, vg_changes *changes, vg_error *error)
{
    const vg_continuation *continuation = work->continuation;
    const vg_plan *plan = work->plan;
    vg_taken_part *part = &continuation->taken[number];
    bool is_taken = true;
    char sha256[VG_SHA256_CHARS];
    vg_status status = vg_check_cancel(plan->options->cancel, error);
    part->is_told = true;
    for (uint64_t i = vg_part_images(plan->parts, number); i > 0 && status == VG_OK; i--) {
        vg_known_image image;
        status = vg_known_images_next(images, &image, error);
        if (status != VG_OK) return status;
        count_image(changes, &image);
        note_image(part, &is_taken, &image);
        status = vg_part_rows_add(rows, &image.image, error);
    }
    if (status == VG_OK) status = vg_part_rows_take(rows, sha256, error);
    if (status == VG_OK && is_taken)
        part->record = vg_earlier_run_find_part(continuation->earlier, sha256);
    return status;
}

static vg_status compare_part(void *context, int thread, uint64_t number, void *result,
                              vg_error *error)
{
    (void)thread;
    const comparison *work = context;
    const vg_plan *plan = work->plan;
    vg_changes *changes = result;
    vg_known_images *images = NULL;
    vg_part_rows *rows = NULL;
    *changes = (vg_changes){0};
    vg_status status =
        vg_known_images_open(&images, plan->images, plan->parts->firsts[number],
                             work->continuation->earlier, plan->options->checksum, error);
    if (status == VG_OK)
        status = vg_part_rows_open(&rows, plan->input, plan->options, plan->facts, plan->fact_count,
                                   error);
    if (status == VG_OK) status = compare_images(work, number, images, rows, changes, error);
    vg_part_rows_close(&rows);
    vg_known_images_close(&images);
    return status;
}

static vg_status compare_parts(comparison *work, vg_changes *changes, vg_error *error)
{
    const vg_run_options *options = work->plan->options;
    const int cpus = options->threads > 0 ? options->threads : vg_usable_cpus();
    const vg_ahead_options ahead_options = {.threads = vg_store_threads(work->output, cpus),
                                            .items = work->plan->parts->count,
                                            .task = compare_part,
                                            .context = work,
                                            .result_size = sizeof(vg_changes)};
    vg_ahead *ahead = NULL;
    if (ahead_options.items == 0) return VG_OK;
    vg_status status = vg_ahead_open(&ahead, &ahead_options, error);
    for (uint64_t i = 0; i < ahead_options.items && status == VG_OK; i++) {
        void *result;
        status = vg_ahead_next(ahead, &result, error);
        if (status != VG_OK) break;
        const vg_changes *of_part = result;
        changes->added += of_part->added;
        changes->changed += of_part->changed;
        changes->failed_before += of_part->failed_before;
    }
    vg_ahead_close(&ahead);
    return status;
}

vg_status vg_continuation_compare(vg_continuation *continuation, vg_store *output,
                                  const vg_plan *plan, vg_changes *changes, vg_error *error)
{
    const vg_run_options *options = plan->options;
    *changes = (vg_changes){0};
    if (continuation->earlier == NULL) return VG_OK;
    const uint64_t count = vg_image_list_count(plan->images), parts = plan->parts->count;
    continuation->taken = calloc((size_t)parts + 1, sizeof *continuation->taken);
    if (continuation->taken == NULL)
        return vg_fail_memory(error, (size_t)parts * sizeof *continuation->taken);
    comparison work = {.continuation = continuation, .output = output, .plan = plan};
    vg_status status = compare_parts(&work, changes, error);
    if (status != VG_OK) return status;
    uint64_t before = vg_earlier_run_images(continuation->earlier), left = count - changes->added;
    changes->vanished = before > left ? before - left : 0;
    vg_notify_log(
        &options->observer, VG_LOG_INFO,
        "against the run %s: %llu images are new, %llu have changed, %llu had failed, %llu "
        "have vanished",
        continuation->base, (unsigned long long)changes->added,
        (unsigned long long)changes->changed, (unsigned long long)changes->failed_before,
        (unsigned long long)changes->vanished);
    return VG_OK;
}
