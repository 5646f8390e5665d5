#include "history/earlier_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/observer.h"
#include "history/past_runs.h"
#include "output/feature_reader.h"

typedef struct part {
    uint64_t number;
    vg_part_record record;
    const vg_part_file *images, *features; /* of its files */
    vg_format format;                      /* of the features */
} part;

struct vg_earlier_run {
    vg_store *store;
    const char *timestamp;
    bool digests;
    part *parts;
    uint64_t part_count, images;
};

/* --- The run ----------------------------------------------------------------------- */

static vg_status check_file(const vg_earlier_run *run, const vg_part_file *file, vg_error *error)
{
    char stamp[VG_STAMP_CHARS];
    vg_status status = vg_store_stamp(run->store, file->path, stamp, error);
    if (status != VG_OK) return status;
    return vg_part_file_check(file, run->store, stamp, run->digests, error);
}

/* The two files of a part that are read here. */
static vg_status open_part(part *opened, const vg_earlier_run *run, uint64_t number,
                           vg_error *error)
{
    vg_part_record *record = &opened->record;
    vg_format of_images;
    opened->number = number;
    vg_status status = vg_part_record_read(record, run->store, run->timestamp, number, error);
    if (status != VG_OK) return status;
    opened->images = vg_part_record_file(record, VG_TABLE_STATE, run->timestamp, &of_images);
    opened->features =
        vg_part_record_file(record, VG_TABLE_FEATURES, run->timestamp, &opened->format);
    if (opened->images == NULL || opened->features == NULL)
        return vg_fail(error, VG_EFORMAT, "its record names no features");
    status = check_file(run, opened->images, error);
    return status == VG_OK ? check_file(run, opened->features, error) : status;
}

static bool is_fault_of_part(vg_status status)
{
    return status == VG_ENOTFOUND || status == VG_EFORMAT;
}

/* Leaves a part out that cannot be used. */
static vg_status add_part(vg_earlier_run *run, uint64_t number, const vg_observer *observer,
                          vg_error *error)
{
    vg_error fault = {""};
    part *opened = &run->parts[run->part_count];
    vg_status status = open_part(opened, run, number, &fault);
    if (status == VG_OK) {
        run->part_count++;
        run->images += opened->record.images;
        return VG_OK;
    }
    if (is_fault_of_part(status)) {
        vg_notify_log(observer, VG_LOG_WARNING,
                      "part %llu of the run %s cannot be used, its images are new: %s",
                      (unsigned long long)number, run->timestamp, fault.message);
        return VG_OK;
    }
    return vg_fail(error, status, "%s", fault.message);
}

/* Without parts, but with room for so many. */
static vg_status open_run(vg_earlier_run **run, vg_store *store, const char *timestamp,
                          uint64_t parts, bool digests, vg_error *error)
{
    vg_earlier_run *opened = *run = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->store = store;
    opened->timestamp = timestamp;
    opened->digests = digests;
    opened->parts = calloc((size_t)parts + 1, sizeof *opened->parts);
    return opened->parts != NULL ? VG_OK : vg_fail_memory(error, (size_t)parts * sizeof(part));
}

vg_status vg_earlier_run_open(vg_earlier_run **run, vg_store *store, const char *timestamp,
                              uint64_t parts, bool digests, const vg_observer *observer,
                              const atomic_bool *cancel, vg_error *error)
{
    bool *recorded = NULL;
    vg_status status = open_run(run, store, timestamp, parts, digests, error);
    if (status == VG_OK)
        status = vg_past_runs_recorded_parts(&recorded, parts, store, timestamp, error);
    for (uint64_t i = 0; i < parts && status == VG_OK; i++) {
        if (!recorded[i]) continue;
        status = vg_check_cancel(cancel, error);
        if (status == VG_OK) status = add_part(*run, i, observer, error);
    }
    free(recorded);
    if (status != VG_OK) vg_earlier_run_close(run);
    return status;
}

vg_status vg_earlier_run_open_some(vg_earlier_run **run, vg_store *store, const char *timestamp,
                                   uint64_t first, uint64_t end, const vg_observer *observer,
                                   const atomic_bool *cancel, vg_error *error)
{
    vg_status status = open_run(run, store, timestamp, end - first, false, error);
    for (uint64_t i = first; i < end && status == VG_OK; i++) {
        status = vg_check_cancel(cancel, error);
        if (status == VG_OK) status = add_part(*run, i, observer, error);
    }
    if (status != VG_OK) vg_earlier_run_close(run);
    return status;
}

void vg_earlier_run_close(vg_earlier_run **run)
{
    if (*run == NULL) return;
    free((*run)->parts);
    free(*run);
    *run = NULL;
}

uint64_t vg_earlier_run_images(const vg_earlier_run *run)
{
    return run->images;
}

const vg_part_record *vg_earlier_run_find_part(const vg_earlier_run *run, const char *rows_sha256)
{
    for (uint64_t i = 0; i < run->part_count; i++)
        if (strcmp(run->parts[i].record.rows_sha256, rows_sha256) == 0)
            return &run->parts[i].record;
    return NULL;
}

const char *vg_earlier_run_timestamp(const vg_earlier_run *run)
{
    return run->timestamp;
}

/* --- The cursor ---------------------------------------------------------------------- */

struct vg_earlier_cursor {
    const vg_earlier_run *run;
    uint64_t next_part;
    vg_part_images_reader *images;
    vg_feature_reader *features; /* of the same part, once the first are wanted */
    uint64_t rows, rows_read;    /* of them, up to the image at hand, and those that were read */
    vg_kept_image image;         /* at hand; its path is NULL before the first and past the last */
    vg_feature_row row;          /* its features, where they were asked for */
    bool is_past_last;
};

vg_status vg_earlier_cursor_open(vg_earlier_cursor **cursor, const vg_earlier_run *run,
                                 vg_error *error)
{
    vg_earlier_cursor *opened = *cursor = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->run = run;
    return VG_OK;
}

static void close_part(vg_earlier_cursor *cursor)
{
    vg_part_images_reader_close(&cursor->images);
    vg_feature_reader_close(&cursor->features);
    cursor->rows = cursor->rows_read = 0;
}

void vg_earlier_cursor_close(vg_earlier_cursor **cursor)
{
    if (*cursor == NULL) return;
    close_part(*cursor);
    free(*cursor);
    *cursor = NULL;
}

static vg_status open_next_part(vg_earlier_cursor *cursor, vg_error *error)
{
    const part *opened = &cursor->run->parts[cursor->next_part++];
    vg_store *store = cursor->run->store;
    return vg_part_images_reader_open(&cursor->images, store, opened->images->path, error);
}

/* Of the image at hand. A part of which none are wanted is not opened. */
static vg_status read_features(vg_earlier_cursor *cursor, vg_error *error)
{
    const part *from = &cursor->run->parts[cursor->next_part - 1];
    vg_status status = VG_OK;
    if (cursor->features == NULL)
        status = vg_feature_reader_open(&cursor->features, cursor->run->store, from->features->path,
                                        from->format, VG_FEATURES_COLUMN, error);
    for (; status == VG_OK && cursor->rows_read < cursor->rows; cursor->rows_read++)
        status = vg_feature_reader_next(cursor->features, &cursor->row, error);
    if (status != VG_OK) return status;
    if (cursor->row.values != NULL && cursor->row.count == VG_FEATURE_COUNT) return VG_OK;
    return vg_fail(error, VG_EFORMAT,
                   "the run %s has no features for %s, which did not fail: its tables are damaged; "
                   "run without --update",
                   cursor->run->timestamp, cursor->image.image.path);
}

/* The next image of whichever part. */
static vg_status advance(vg_earlier_cursor *cursor, vg_error *error)
{
    vg_status status = VG_OK;
    cursor->row = (vg_feature_row){0};
    do {
        if (cursor->images == NULL) {
            cursor->is_past_last = cursor->next_part == cursor->run->part_count;
            if (cursor->is_past_last) return VG_OK;
            status = open_next_part(cursor, error);
        }
        if (status == VG_OK)
            status = vg_part_images_reader_next(cursor->images, &cursor->image, error);
        if (status != VG_OK) return status;
        if (cursor->image.image.path == NULL) close_part(cursor);
    } while (cursor->image.image.path == NULL);
    cursor->rows += cursor->image.has_features;
    return VG_OK;
}

vg_status vg_earlier_cursor_seek(vg_earlier_cursor *cursor, const char *path,
                                 const vg_kept_image **found, const float **features,
                                 vg_error *error)
{
    vg_status status = VG_OK;
    *found = NULL;
    while (status == VG_OK && !cursor->is_past_last &&
           (cursor->image.image.path == NULL || strcmp(cursor->image.image.path, path) < 0))
        status = advance(cursor, error);
    if (status != VG_OK || cursor->is_past_last) return status;
    if (strcmp(cursor->image.image.path, path) != 0) return VG_OK;
    *found = &cursor->image;
    if (features == NULL || !cursor->image.has_features) return VG_OK;
    status = read_features(cursor, error);
    *features = cursor->row.values;
    return status;
}

uint64_t vg_earlier_cursor_part(const vg_earlier_cursor *cursor)
{
    return cursor->run->parts[cursor->next_part - 1].number;
}
