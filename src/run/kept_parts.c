#include "run/kept_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/ahead.h"
#include "base/error.h"
#include "base/observer.h"
#include "history/unread_images.h"
#include "output/feature_reader.h"
#include "run/part_moments.h"

struct vg_kept_parts {
    const vg_features_phase *task;
    const vg_part_kind *kinds;
    uint64_t *numbers; /* of the kept ones */
    uint64_t count;
    vg_ahead *ahead; /* NULL where there are none */
};

/* --- Taking over ------------------------------------------------------------------ */

/* What tables have a file a part, in the order of a record. */
typedef struct part_table {
    vg_table table;
    vg_format format;
} part_table;

static const part_table part_tables[] = {{VG_TABLE_FEATURES, VG_PARQUET},
                                         {VG_TABLE_FEATURES, VG_CSV},
                                         {VG_TABLE_METADATA, VG_CSV},
                                         {VG_TABLE_STATE, VG_PARQUET}};
enum { PART_TABLES = sizeof part_tables / sizeof *part_tables, WITHOUT_IMAGES = PART_TABLES - 1 };

static const vg_part_file *find_file(const vg_part_record *record, const part_table *wanted,
                                     const char *timestamp)
{
    char folder[VG_FOLDER_CHARS];
    uint64_t number;
    vg_layout_folder(folder, wanted->table, wanted->format, timestamp);
    for (size_t i = 0; i < record->files.count; i++)
        if (vg_layout_part_number(record->files.items[i].path, folder, &number))
            return &record->files.items[i];
    return NULL;
}

static vg_status share_file(const vg_features_phase *task, const vg_part_file *from,
                            const part_table *place, const char *extension, uint64_t number,
                            vg_part_file *to, vg_error *error)
{
    char folder[VG_FOLDER_CHARS], stamp[VG_STAMP_CHARS];
    vg_layout_folder(folder, place->table, place->format, task->timestamp);
    vg_layout_part(to->path, folder, number, task->uuid, extension, false);
    to->digest = from->digest;
    vg_status status = vg_store_stamp(task->output, from->path, stamp, error);
    if (status == VG_OK && stamp[0] == '\0')
        status = vg_fail(error, VG_EUNSUPPORTED, "%s does not say when its files were written",
                         vg_store_address(task->output));
    if (status == VG_OK)
        status = vg_part_file_check(from, task->output, stamp, task->options->checksum, error);
    if (status == VG_OK) status = vg_store_share(task->output, from->path, stamp, to->path, error);
    return status == VG_OK ? vg_store_stamp(task->output, to->path, to->stamp, error) : status;
}

vg_status vg_kept_parts_share(const vg_features_phase *task, const vg_part_record *from,
                              uint64_t number, bool all, vg_part_files *files, vg_error *error)
{
    const char *base = vg_earlier_run_timestamp(task->earlier);
    const int tables = all ? PART_TABLES : WITHOUT_IMAGES;
    vg_status status = VG_OK;
    for (int i = 0; i < tables && status == VG_OK; i++) {
        const vg_part_file *file = find_file(from, &part_tables[i], base);
        if (file == NULL) continue; /* a format that is not written */
        status = share_file(task, file, &part_tables[i], vg_layout_extension(part_tables[i].format),
                            task->first_part + number, &files->items[files->count++], error);
    }
    return status;
}

/* The part is not as it should be, and something can be done about that. */
static bool is_fault_of_part(vg_status status)
{
    return status == VG_EFORMAT || status == VG_ENOTFOUND || status == VG_EUNSUPPORTED;
}

vg_status vg_kept_parts_share_moments(const vg_features_phase *task, const vg_part_record *from,
                                      uint64_t number, vg_part_files *files, vg_error *error)
{
    static const part_table place = {VG_TABLE_STATE, VG_PARQUET};
    const vg_part_file *file = vg_part_record_moments(from);
    vg_error fault = {""};
    if (file == NULL || !vg_has_pca(task->options)) return VG_OK;
    vg_status status = share_file(task, file, &place, VG_MOMENTS_EXTENSION,
                                  task->first_part + number, &files->items[files->count], &fault);
    if (status == VG_OK) files->count++;
    if (status == VG_OK || is_fault_of_part(status)) return VG_OK;
    return vg_fail(error, status, "%s", fault.message);
}

static vg_status take_over(const vg_features_phase *task, uint64_t number, vg_part_record *record,
                           vg_error *error)
{
    const vg_part_record *from = task->taken[number].record;
    *record = (vg_part_record){.images = from->images};
    memcpy(record->rows_sha256, from->rows_sha256, sizeof record->rows_sha256);
    vg_status status = vg_kept_parts_share(task, from, number, true, &record->files, error);
    if (status != VG_OK) return status;
    return vg_kept_parts_share_moments(task, from, number, &record->files, error);
}

/* --- Taking up ---------------------------------------------------------------------- */

/* VG_EFORMAT where there is more to be had than the part has. */
static vg_status look_at_unread(const vg_features_phase *task, const vg_part_record *record,
                                vg_error *error)
{
    bool are_back;
    vg_status status = vg_unread_images_are_back(
        &are_back, task->input, task->options->max_file_size, task->output, task->timestamp, record,
        task->options->cancel, error);
    if (status != VG_OK || !are_back) return status;
    return vg_fail(error, VG_EFORMAT, "images that it could not read can be read now");
}

/* What others wrote moments ago is not read again for its digests. */
static vg_status take_up(const vg_features_phase *task, uint64_t number, vg_part_kind kind,
                         vg_part_record *record, vg_error *error)
{
    vg_status status = vg_part_record_read(record, task->output, task->timestamp, number, error);
    if (status == VG_OK && record->images != vg_part_images(task->parts, number))
        status = vg_fail(error, VG_EFORMAT, "it has another number of images");
    if (status != VG_OK || kind == VG_PART_OWN) return status;
    if (kind == VG_PART_HANDED) return vg_part_record_check_sizes(record, task->output, error);
    status = vg_part_record_check(record, task->output, error);
    return status == VG_OK ? look_at_unread(task, record, error) : status;
}

/* --- Moments ------------------------------------------------------------------------ */

bool vg_is_fitted_to(const vg_run_options *options, const char *split, size_t size)
{
    const char *fit_on = options->choices.fit_on;
    return fit_on == NULL || (strlen(fit_on) == size && memcmp(fit_on, split, size) == 0);
}

static vg_status add_row(const vg_features_phase *task, const vg_part_file *file,
                         const vg_feature_row *row, vg_moments *moments, vg_error *error)
{
    if (row->values == NULL || row->count != VG_FEATURE_COUNT)
        return vg_fail(error, VG_EFORMAT, "a row of %s has no features", file->path);
    if (!vg_is_fitted_to(task->options, row->split, row->split_size)) return VG_OK;
    return vg_moments_add(moments, 1, row->values, error);
}

static vg_status read_back(const vg_features_phase *task, const vg_part_record *record,
                           vg_moments *moments, vg_error *error)
{
    vg_format format;
    vg_feature_row row;
    uint64_t rows = 0;
    vg_feature_reader *reader = NULL;
    const vg_part_file *file =
        vg_part_record_file(record, VG_TABLE_FEATURES, task->timestamp, &format);
    if (file == NULL) return vg_fail(error, VG_EFORMAT, "its record names no features");
    vg_status status = vg_feature_reader_open(&reader, task->output, file->path, format,
                                              VG_FEATURES_COLUMN, error);
    while (status == VG_OK) {
        status = vg_feature_reader_next(reader, &row, error);
        if (status != VG_OK || row.path == NULL) break;
        status = add_row(task, file, &row, moments, error);
        rows++;
        if (status == VG_OK) status = vg_check_cancel(task->options->cancel, error);
    }
    vg_feature_reader_close(&reader);
    if (status == VG_OK && rows != record->images - record->failed)
        status = vg_fail(error, VG_EFORMAT, "%s has another number of rows", file->path);
    return status;
}

/* VG_EFORMAT or VG_ENOTFOUND where they have to be summed. */
static vg_status read_moments(const vg_features_phase *task, vg_kept_part *part, vg_error *error)
{
    const vg_part_file *file = vg_part_record_moments(&part->record);
    const uint64_t rows = part->record.images - part->record.failed;
    if (file == NULL) return vg_fail(error, VG_ENOTFOUND, "its record names no moments");
    vg_status status = vg_part_moments_read(&part->moments, task, file, error);
    if (status != VG_OK) return status;
    const uint64_t count = vg_moments_count(part->moments);
    if (task->options->choices.fit_on == NULL ? count == rows : count <= rows) return VG_OK;
    vg_moments_close(&part->moments);
    return vg_fail(error, VG_EFORMAT, "%s is of another number of rows", file->path);
}

static vg_status sum_again(const vg_features_phase *task, vg_kept_part *part, vg_error *error)
{
    vg_status status = vg_moments_open(&part->moments, VG_FEATURE_COUNT, error);
    return status == VG_OK ? read_back(task, &part->record, part->moments, error) : status;
}

/* Without a PCA nobody wants them, and only what another has just written was not looked at. */
static bool are_moments_wanted(const vg_features_phase *task, vg_part_kind kind)
{
    return vg_has_pca(task->options) || kind == VG_PART_HANDED;
}

/* Those that are summed again take the place of the file that could not be used, the last of the
 * record; `has_changed` says whether the record did. Records of others stay as they are. */
static vg_status find_moments(const vg_features_phase *task, vg_part_kind kind, vg_kept_part *part,
                              bool *has_changed, vg_error *error)
{
    vg_error fault = {""};
    vg_part_files *files = &part->record.files;
    *has_changed = false;
    if (!are_moments_wanted(task, kind)) return VG_OK;
    vg_status status = read_moments(task, part, &fault);
    if (status == VG_OK) return VG_OK;
    if (!is_fault_of_part(status)) return vg_fail(error, status, "%s", fault.message);
    status = sum_again(task, part, error);
    if (status != VG_OK || (kind != VG_PART_TAKEN && kind != VG_PART_OWN)) return status;
    *has_changed = true;
    const vg_part_file *file = vg_part_record_moments(&part->record);
    if (file != NULL) {
        status = vg_store_delete_file(task->output, file->path, error);
        files->count--;
    }
    if (status != VG_OK) return status;
    return vg_part_moments_write(task, task->first_part + part->number, part->moments, files,
                                 error);
}

/* --- All of them -------------------------------------------------------------------- */

/* The record, which comes last, makes the part count. */
static vg_status keep_part(void *context, int thread, uint64_t item, void *result, vg_error *error)
{
    (void)thread;
    const vg_kept_parts *kept = context;
    const vg_features_phase *task = kept->task;
    vg_kept_part *part = result;
    uint64_t number = part->number = kept->numbers[item];
    vg_part_kind kind = kept->kinds[number];
    bool is_taken = kind == VG_PART_TAKEN, has_changed = false;
    vg_moments_close(&part->moments);
    vg_status status = is_taken ? take_over(task, number, &part->record, error)
                                : take_up(task, number, kind, &part->record, error);
    if (status == VG_OK) status = find_moments(task, kind, part, &has_changed, error);
    if (status != VG_OK || !(is_taken || has_changed)) return status;
    if (task->lock != NULL) status = vg_lock_check(task->lock, error);
    if (status != VG_OK) return status;
    return vg_part_record_write(task->output, task->timestamp, number, &part->record, error);
}

static void free_part(void *result)
{
    vg_moments_close(&((vg_kept_part *)result)->moments);
}

vg_status vg_kept_parts_open(vg_kept_parts **kept, const vg_features_phase *task,
                             const vg_part_kind *kinds, vg_error *error)
{
    const uint64_t parts = task->parts->count;
    vg_kept_parts *opened = *kept = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->task = task;
    opened->kinds = kinds;
    opened->numbers = calloc((size_t)parts + 1, sizeof *opened->numbers);
    vg_status status = VG_OK;
    if (opened->numbers == NULL)
        status = vg_fail_memory(error, (size_t)parts * sizeof *opened->numbers);
    for (uint64_t i = 0; i < parts && status == VG_OK; i++)
        if (kinds[i] != VG_PART_NEW) opened->numbers[opened->count++] = i;
    const vg_ahead_options ahead = {.threads = vg_store_threads(task->output, task->threads),
                                    .items = opened->count,
                                    .task = keep_part,
                                    .context = opened,
                                    .result_size = sizeof(vg_kept_part),
                                    .free_result = free_part};
    if (status == VG_OK && opened->count > 0) status = vg_ahead_open(&opened->ahead, &ahead, error);
    if (status != VG_OK) vg_kept_parts_close(kept);
    return status;
}

void vg_kept_parts_close(vg_kept_parts **kept)
{
    if (*kept == NULL) return;
    vg_ahead_close(&(*kept)->ahead);
    free((*kept)->numbers);
    free(*kept);
    *kept = NULL;
}

vg_status vg_kept_parts_next(vg_kept_parts *kept, const vg_kept_part **part, vg_error *error)
{
    void *result;
    vg_status status = vg_ahead_next(kept->ahead, &result, error);
    *part = result;
    return status;
}
