#include "history/earlier_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/ahead.h"
#include "base/error.h"
#include "base/observer.h"
#include "base/usable_cpus.h"
#include "history/past_runs.h"
#include "output/feature_reader.h"

typedef struct part {
    uint64_t number;
    vg_part_record record;
    const vg_part_file *images, *features; /* of its files */
    vg_format format;                      /* of the features */
    char *first;                           /* the path of its first image; owned */
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

/* The two files of a part that are read here; they are in its record. */
static void find_files(part *opened, const vg_earlier_run *run)
{
    const vg_part_record *record = &opened->record;
    vg_format of_images;
    opened->images = vg_part_record_file(record, VG_TABLE_STATE, run->timestamp, &of_images);
    opened->features =
        vg_part_record_file(record, VG_TABLE_FEATURES, run->timestamp, &opened->format);
}

/* So that nobody has to read the images of the parts before. */
static vg_status find_first(part *opened, const vg_earlier_run *run, vg_error *error)
{
    vg_part_images_reader *reader = NULL;
    vg_kept_image image;
    vg_status status = vg_part_images_reader_open(&reader, run->store, opened->images->path, error);
    if (status == VG_OK) status = vg_part_images_reader_next(reader, &image, error);
    if (status == VG_OK && image.image.path == NULL)
        status = vg_fail(error, VG_EFORMAT, "%s has no images", opened->images->path);
    if (status == VG_OK) {
        opened->first = strdup(image.image.path);
        if (opened->first == NULL) status = vg_fail_memory(error, strlen(image.image.path));
    }
    vg_part_images_reader_close(&reader);
    return status;
}

static vg_status open_part(part *opened, const vg_earlier_run *run, uint64_t number,
                           vg_error *error)
{
    opened->number = number;
    vg_status status =
        vg_part_record_read(&opened->record, run->store, run->timestamp, number, error);
    if (status != VG_OK) return status;
    find_files(opened, run);
    if (opened->images == NULL || opened->features == NULL)
        return vg_fail(error, VG_EFORMAT, "its record names no features");
    status = check_file(run, opened->images, error);
    if (status == VG_OK) status = check_file(run, opened->features, error);
    return status == VG_OK ? find_first(opened, run, error) : status;
}

static bool is_fault_of_part(vg_status status)
{
    return status == VG_ENOTFOUND || status == VG_EFORMAT;
}

/* Takes the part over, or leaves it out where it cannot be used. */
static vg_status add_part(vg_earlier_run *run, part *opened, vg_status status,
                          const vg_error *fault, const vg_observer *observer, vg_error *error)
{
    if (status == VG_OK) {
        part *added = &run->parts[run->part_count++];
        *added = *opened;
        find_files(added, run);
        opened->first = NULL;
        run->images += added->record.images;
        return VG_OK;
    }
    if (is_fault_of_part(status)) {
        vg_notify_log(observer, VG_LOG_WARNING,
                      "part %llu of the run %s cannot be used, its images are new: %s",
                      (unsigned long long)opened->number, run->timestamp, fault->message);
        return VG_OK;
    }
    return vg_fail(error, status, "%s", fault->message);
}

/* Parts that are opened side by side. */
typedef struct opening {
    const vg_earlier_run *run;
    uint64_t *numbers;
    uint64_t count;
} opening;

static vg_status open_item(void *context, int thread, uint64_t item, void *result, vg_error *error)
{
    (void)thread;
    const opening *work = context;
    part *opened = result;
    free(opened->first);
    *opened = (part){0};
    return open_part(opened, work->run, work->numbers[item], error);
}

static void free_part(void *result)
{
    free(((part *)result)->first);
}

static vg_status add_parts(vg_earlier_run *run, opening *work, const vg_observer *observer,
                           const atomic_bool *cancel, vg_error *error)
{
    const vg_ahead_options options = {.threads = vg_store_threads(run->store, vg_usable_cpus()),
                                      .items = work->count,
                                      .task = open_item,
                                      .context = work,
                                      .result_size = sizeof(part),
                                      .free_result = free_part};
    vg_ahead *ahead = NULL;
    if (work->count == 0) return VG_OK;
    vg_status status = vg_ahead_open(&ahead, &options, error);
    for (uint64_t i = 0; i < work->count && status == VG_OK; i++) {
        void *opened;
        vg_error fault = {""};
        vg_status of_part = vg_ahead_next(ahead, &opened, &fault);
        status = add_part(run, opened, of_part, &fault, observer, error);
        if (status == VG_OK) status = vg_check_cancel(cancel, error);
    }
    vg_ahead_close(&ahead);
    return status;
}

/* Without parts, but with room for so many, as `work` has. */
static vg_status open_run(vg_earlier_run **run, opening *work, vg_store *store,
                          const char *timestamp, uint64_t parts, bool digests, vg_error *error)
{
    vg_earlier_run *opened = *run = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->store = store;
    opened->timestamp = timestamp;
    opened->digests = digests;
    opened->parts = calloc((size_t)parts + 1, sizeof *opened->parts);
    *work = (opening){.run = opened, .numbers = calloc((size_t)parts + 1, sizeof *work->numbers)};
    if (opened->parts != NULL && work->numbers != NULL) return VG_OK;
    return vg_fail_memory(error, (size_t)parts * sizeof(part));
}

vg_status vg_earlier_run_open(vg_earlier_run **run, vg_store *store, const char *timestamp,
                              uint64_t parts, bool digests, const vg_observer *observer,
                              const atomic_bool *cancel, vg_error *error)
{
    bool *recorded = NULL;
    opening work = {0};
    vg_status status = open_run(run, &work, store, timestamp, parts, digests, error);
    if (status == VG_OK)
        status = vg_past_runs_recorded_parts(&recorded, parts, store, timestamp, error);
    for (uint64_t i = 0; i < parts && status == VG_OK; i++)
        if (recorded[i]) work.numbers[work.count++] = i;
    if (status == VG_OK) status = add_parts(*run, &work, observer, cancel, error);
    free(work.numbers);
    free(recorded);
    if (status != VG_OK) vg_earlier_run_close(run);
    return status;
}

vg_status vg_earlier_run_open_some(vg_earlier_run **run, vg_store *store, const char *timestamp,
                                   uint64_t first, uint64_t end, const vg_observer *observer,
                                   const atomic_bool *cancel, vg_error *error)
{
    opening work = {0};
    vg_status status = open_run(run, &work, store, timestamp, end - first, false, error);
    for (uint64_t i = first; i < end && status == VG_OK; i++) work.numbers[work.count++] = i;
    if (status == VG_OK) status = add_parts(*run, &work, observer, cancel, error);
    free(work.numbers);
    if (status != VG_OK) vg_earlier_run_close(run);
    return status;
}

void vg_earlier_run_close(vg_earlier_run **run)
{
    if (*run == NULL) return;
    for (uint64_t i = 0; i < (*run)->part_count; i++) free((*run)->parts[i].first);
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

/* Images of parts in front of the one that would have the path are not read. */
static void skip_parts(vg_earlier_cursor *cursor, const char *path)
{
    const vg_earlier_run *run = cursor->run;
    uint64_t skipped = cursor->next_part, end = run->part_count;
    while (skipped < end) { /* parts that begin behind the path come from `skipped` on */
        uint64_t middle = skipped + (end - skipped) / 2;
        if (strcmp(run->parts[middle].first, path) <= 0)
            skipped = middle + 1;
        else
            end = middle;
    }
    if (skipped == cursor->next_part) return;
    close_part(cursor);
    cursor->image.image.path = NULL;
    cursor->next_part = skipped - 1;
}

vg_status vg_earlier_cursor_seek(vg_earlier_cursor *cursor, const char *path,
                                 const vg_kept_image **found, const float **features,
                                 vg_error *error)
{
    vg_status status = VG_OK;
    *found = NULL;
    skip_parts(cursor, path);
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
