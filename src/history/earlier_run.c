#include "history/earlier_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/observer.h"
#include "history/past_runs.h"
#include "output/feature_reader.h"

typedef struct part {
    vg_part_file images, features;
    vg_format format; /* of the features */
} part;

struct vg_earlier_run {
    vg_store *store;
    const char *timestamp;
    part *parts;
    uint64_t part_count, images;
};

/* --- The run ----------------------------------------------------------------------- */

static vg_status check_file(vg_store *store, const vg_part_file *file, vg_error *error)
{
    const vg_part_record alone = {.files = {.items = {*file}, .count = 1}};
    return vg_part_record_check(&alone, store, error);
}

/* The two files of a part that are read here. */
static vg_status open_part(part *opened, const vg_earlier_run *run, uint64_t number,
                           uint64_t *images, vg_error *error)
{
    vg_part_record record;
    vg_format of_images;
    vg_status status = vg_part_record_read(&record, run->store, run->timestamp, number, error);
    if (status != VG_OK) return status;
    const vg_part_file *listed =
        vg_part_record_file(&record, VG_TABLE_STATE, run->timestamp, &of_images);
    const vg_part_file *features =
        vg_part_record_file(&record, VG_TABLE_FEATURES, run->timestamp, &opened->format);
    if (listed == NULL || features == NULL)
        return vg_fail(error, VG_EFORMAT, "its record names no features");
    opened->images = *listed;
    opened->features = *features;
    *images = record.images;
    status = check_file(run->store, listed, error);
    return status == VG_OK ? check_file(run->store, features, error) : status;
}

static bool is_fault_of_part(vg_status status)
{
    return status == VG_ENOTFOUND || status == VG_EFORMAT;
}

/* Leaves a part out that cannot be used. */
static vg_status add_part(vg_earlier_run *run, uint64_t number, const vg_observer *observer,
                          vg_error *error)
{
    uint64_t images = 0;
    vg_error fault = {""};
    vg_status status = open_part(&run->parts[run->part_count], run, number, &images, &fault);
    if (status == VG_OK) {
        run->part_count++;
        run->images += images;
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

vg_status vg_earlier_run_open(vg_earlier_run **run, vg_store *store, const char *timestamp,
                              uint64_t parts, const vg_observer *observer,
                              const atomic_bool *cancel, vg_error *error)
{
    vg_earlier_run *opened = *run = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->store = store;
    opened->timestamp = timestamp;
    opened->parts = calloc((size_t)parts + 1, sizeof *opened->parts);
    bool *recorded = NULL;
    vg_status status = VG_OK;
    if (opened->parts == NULL) status = vg_fail_memory(error, (size_t)parts * sizeof(part));
    if (status == VG_OK)
        status = vg_past_runs_recorded_parts(&recorded, parts, store, timestamp, error);
    for (uint64_t i = 0; i < parts && status == VG_OK; i++) {
        if (!recorded[i]) continue;
        status = vg_check_cancel(cancel, error);
        if (status == VG_OK) status = add_part(opened, i, observer, error);
    }
    free(recorded);
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

/* --- The cursor ---------------------------------------------------------------------- */

struct vg_earlier_cursor {
    const vg_earlier_run *run;
    bool with_features;
    uint64_t next_part;
    vg_part_images_reader *images;
    vg_feature_reader *features;
    vg_kept_image image; /* at hand; its path is NULL before the first and past the last */
    vg_feature_row row;  /* its features */
    bool is_past_last;
};

vg_status vg_earlier_cursor_open(vg_earlier_cursor **cursor, const vg_earlier_run *run,
                                 bool with_features, vg_error *error)
{
    vg_earlier_cursor *opened = *cursor = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->run = run;
    opened->with_features = with_features;
    return VG_OK;
}

static void close_part(vg_earlier_cursor *cursor)
{
    vg_part_images_reader_close(&cursor->images);
    vg_feature_reader_close(&cursor->features);
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
    vg_status status =
        vg_part_images_reader_open(&cursor->images, store, opened->images.path, error);
    if (status == VG_OK && cursor->with_features)
        status = vg_feature_reader_open(&cursor->features, store, opened->features.path,
                                        opened->format, VG_FEATURES_COLUMN, error);
    return status;
}

static vg_status read_features(vg_earlier_cursor *cursor, vg_error *error)
{
    vg_status status = vg_feature_reader_next(cursor->features, &cursor->row, error);
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
    if (cursor->with_features && cursor->image.has_features) return read_features(cursor, error);
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
    if (features != NULL) *features = cursor->row.values;
    return VG_OK;
}
