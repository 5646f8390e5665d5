#include "run/part_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "history/part_images.h"
#include "history/part_rows.h"
#include "output/sink.h"
#include "run/kept_parts.h"
#include "run/part_moments.h"
#include "selection/labels.h"

enum { PATH, LABEL, FEATURES, ERROR = FEATURES };

/* Behind the columns that the reference system has. */
static const vg_column more_columns[] = {{"relative_path", VG_COLUMN_STRING},
                                         {"split", VG_COLUMN_STRING}};
enum { MORE_COLUMNS = sizeof more_columns / sizeof *more_columns };

struct vg_part_writer {
    const vg_features_phase *task;
    vg_sink *features, *metadata, *errors, *images;
    vg_part_rows *rows;      /* of the part, as a digest */
    const char *split;       /* of the image in hand, as it is listed */
    vg_image_cursor *listed; /* the images of the part, with what tables say of them */
    vg_bytes address;        /* of the image in hand */
    uint64_t number;
};

static vg_status open_sink(vg_sink **sink, const vg_features_phase *task, vg_table table,
                           bool parquet, bool csv, const vg_column *last, bool has_more,
                           vg_error *error)
{
    const vg_texts *kept = &task->options->selection.keep_columns;
    vg_column *columns = calloc(3 + MORE_COLUMNS + kept->count, sizeof *columns);
    if (columns == NULL) return vg_fail_memory(error, kept->count * sizeof *columns);
    columns[PATH] = (vg_column){"path", VG_COLUMN_STRING};
    columns[LABEL] = (vg_column){"label", VG_COLUMN_STRING};
    size_t count = LABEL + 1;
    if (last != NULL) columns[count++] = *last;
    for (size_t i = 0; has_more && i < MORE_COLUMNS; i++) columns[count++] = more_columns[i];
    for (size_t i = 0; has_more && i < kept->count; i++)
        columns[count++] = (vg_column){kept->items[i], VG_COLUMN_STRING};
    vg_sink_options options = {.output = task->output,
                               .table = table,
                               .parquet = parquet,
                               .csv = csv,
                               .timestamp = task->timestamp,
                               .uuid = task->uuid,
                               .columns = columns,
                               .column_count = count,
                               .facts = task->facts,
                               .fact_count = task->fact_count,
                               .goes_on = true};
    vg_status status = vg_sink_open(sink, &options, error);
    free(columns);
    return status;
}

vg_status vg_part_writer_open(vg_part_writer **writer, const vg_features_phase *task,
                              vg_error *error)
{
    const vg_column features = {"features", task->options->form.float16 ? VG_COLUMN_FLOAT16_LIST
                                                                        : VG_COLUMN_FLOAT32_LIST};
    static const vg_column reason = {"error", VG_COLUMN_STRING};
    const vg_run_options *options = task->options;
    vg_part_writer *opened = *writer = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->task = task;
    vg_status status = open_sink(&opened->features, task, VG_TABLE_FEATURES, options->parquet,
                                 options->csv, &features, true, error);
    if (status == VG_OK)
        status =
            open_sink(&opened->metadata, task, VG_TABLE_METADATA, false, true, NULL, true, error);
    if (status == VG_OK)
        status =
            open_sink(&opened->errors, task, VG_TABLE_ERRORS, false, true, &reason, false, error);
    if (status == VG_OK)
        status = vg_part_images_open(&opened->images, task->output, task->timestamp, task->uuid,
                                     options->quality, error);
    if (status == VG_OK)
        status = vg_part_rows_open(&opened->rows, vg_store_address(task->input), options,
                                   task->facts, task->fact_count, error);
    if (status != VG_OK) vg_part_writer_close(writer);
    return status;
}

void vg_part_writer_close(vg_part_writer **writer)
{
    if (*writer == NULL) return;
    vg_sink_close(&(*writer)->features);
    vg_sink_close(&(*writer)->metadata);
    vg_sink_close(&(*writer)->errors);
    vg_sink_close(&(*writer)->images);
    vg_part_rows_close(&(*writer)->rows);
    vg_image_cursor_close(&(*writer)->listed);
    free((*writer)->address.bytes);
    free(*writer);
    *writer = NULL;
}

vg_status vg_part_writer_begin(vg_part_writer *writer, uint64_t number, uint64_t first,
                               vg_error *error)
{
    writer->number = number;
    vg_image_cursor_close(&writer->listed);
    vg_sink_begin_part(writer->features, number);
    vg_sink_begin_part(writer->metadata, number);
    vg_sink_begin_part(writer->errors, number);
    vg_sink_begin_part(writer->images, number);
    return vg_image_cursor_open(&writer->listed, writer->task->images, first, error);
}

/* --- Rows ------------------------------------------------------------------------- */

typedef vg_status append_name(vg_builder *builder, size_t column, const char *name, size_t size,
                              vg_error *error);

static vg_status append_path_and_label(vg_part_writer *writer, vg_sink *sink, append_name *append,
                                       const vg_listed_image *image, vg_error *error)
{
    vg_builder *builder = vg_sink_builder(sink);
    const vg_bytes *address = &writer->address;
    vg_status status = append(builder, PATH, (const char *)address->bytes, address->size, error);
    if (status != VG_OK) return status;
    return append(builder, LABEL, image->label, strlen(image->label), error);
}

static vg_status append_or_null(vg_builder *builder, size_t column, const char *text,
                                vg_error *error)
{
    if (text[0] == '\0') return vg_builder_null(builder, column, error);
    return vg_builder_name(builder, column, text, strlen(text), error);
}

/* relative_path, split and what is kept, from the column `first` on, and the end of the row. */
static vg_status end_row(const vg_part_writer *writer, vg_sink *sink, size_t first,
                         const vg_listed_image *image, vg_error *error)
{
    size_t kept = writer->task->options->selection.keep_columns.count;
    vg_builder *builder = vg_sink_builder(sink);
    vg_status status = vg_builder_name(builder, first, image->path, strlen(image->path), error);
    if (status == VG_OK) status = append_or_null(builder, first + 1, image->split, error);
    for (size_t i = 0; i < kept && status == VG_OK; i++)
        status = append_or_null(builder, first + MORE_COLUMNS + i, vg_listed_image_column(image, i),
                                error);
    return status == VG_OK ? vg_sink_end_row(sink, error) : status;
}

static vg_status append_features(vg_part_writer *writer, const vg_listed_image *image,
                                 const float *features, vg_error *error)
{
    vg_sink *sink = writer->features;
    vg_status status = append_path_and_label(writer, sink, vg_builder_name, image, error);
    if (status == VG_OK)
        status = (writer->task->options->form.float16 ? vg_builder_float16_list
                                                      : vg_builder_float32_list)(
            vg_sink_builder(sink), FEATURES, features, VG_FEATURE_COUNT, error);
    return status == VG_OK ? end_row(writer, sink, FEATURES + 1, image, error) : status;
}

static vg_status append_reason(vg_part_writer *writer, const vg_listed_image *image,
                               const char *reason, vg_error *error)
{
    vg_sink *sink = writer->errors;
    vg_status status = append_path_and_label(writer, sink, vg_builder_printable_name, image, error);
    if (status == VG_OK)
        status = vg_builder_string(vg_sink_builder(sink), ERROR, reason, strlen(reason), error);
    return status == VG_OK ? vg_sink_end_row(sink, error) : status;
}

/* The outcome's image as it is listed: outcomes come in the order of the list. */
static vg_status find_listed(vg_part_writer *writer, const vg_outcome *outcome,
                             vg_listed_image *image, vg_error *error)
{
    vg_status status = vg_image_cursor_next(writer->listed, image, error);
    if (status != VG_OK) return status;
    writer->split = image->split;
    if (image->path != NULL && strcmp(image->path, outcome->image.path) == 0)
        return vg_part_rows_add(writer->rows, image, error);
    return vg_fail(error, VG_EFORMAT,
                   "%s came out of order: this is a fault of verger, please "
                   "report it",
                   outcome->image.path);
}

/* What the run keeps of the image for itself. */
static vg_status append_kept(vg_part_writer *writer, const vg_outcome *outcome, vg_error *error)
{
    vg_kept_image kept = {.image = outcome->image, .has_features = outcome->status == VG_OK};
    snprintf(kept.sha256, sizeof kept.sha256, "%s", outcome->sha256);
    kept.has_quality = kept.has_features && outcome->quality != NULL;
    if (kept.has_quality) kept.quality = *outcome->quality;
    return vg_part_images_append(writer->images, &kept, writer->task->options->quality, error);
}

vg_status vg_part_writer_append(vg_part_writer *writer, const vg_outcome *outcome, vg_error *error)
{
    const vg_store *input = writer->task->input;
    vg_listed_image image;
    vg_status status = find_listed(writer, outcome, &image, error);
    if (status == VG_OK) status = vg_path_address(&writer->address, input, image.path, error);
    if (status == VG_OK)
        status = append_path_and_label(writer, writer->metadata, vg_builder_name, &image, error);
    if (status == VG_OK) status = end_row(writer, writer->metadata, LABEL + 1, &image, error);
    if (status == VG_OK) status = append_kept(writer, outcome, error);
    if (status != VG_OK) return status;
    if (outcome->status == VG_OK) return append_features(writer, &image, outcome->features, error);
    return append_reason(writer, &image, outcome->reason, error);
}

vg_status vg_part_writer_note(vg_part_writer *writer, const vg_outcome *outcome, vg_error *error)
{
    vg_listed_image image;
    vg_status status = find_listed(writer, outcome, &image, error);
    if (status == VG_OK) status = append_kept(writer, outcome, error);
    if (status != VG_OK || outcome->status == VG_OK) return status;
    status = vg_path_address(&writer->address, writer->task->input, image.path, error);
    return status == VG_OK ? append_reason(writer, &image, outcome->reason, error) : status;
}

const char *vg_part_writer_split(const vg_part_writer *writer)
{
    return writer->split != NULL ? writer->split : "";
}

/* --- The end ------------------------------------------------------------------------ */

/* Every image is exactly one row of features or of errors. */
static vg_status check_counts(const vg_part_writer *writer, const vg_part_record *record,
                              vg_error *error)
{
    uint64_t extracted = vg_sink_rows(writer->features), failed = vg_sink_rows(writer->errors);
    if (extracted + failed == record->images && failed == record->failed &&
        vg_sink_rows(writer->metadata) == record->images &&
        vg_sink_rows(writer->images) == record->images)
        return VG_OK;
    return vg_fail(error, VG_EFORMAT,
                   "part %llu has %llu images but %llu rows of features and %llu of errors: this "
                   "is a fault of verger, please report it; no table is marked as complete",
                   (unsigned long long)writer->number, (unsigned long long)record->images,
                   (unsigned long long)extracted, (unsigned long long)failed);
}

/* What is never taken over. */
static vg_status end_own(vg_part_writer *writer, vg_part_record *record, vg_error *error)
{
    vg_part_files *files = &record->files;
    vg_status status = VG_OK;
    if (record->failed > 0) status = vg_sink_end_part(writer->errors, files, error);
    if (status == VG_OK) status = vg_sink_end_part(writer->images, files, error);
    return status == VG_OK ? vg_part_rows_take(writer->rows, record->rows_sha256, error) : status;
}

static vg_status end_record(vg_part_writer *writer, vg_part_record *record, vg_error *error)
{
    return vg_part_record_write(writer->task->output, writer->task->timestamp, writer->number,
                                record, error);
}

vg_status vg_part_writer_end(vg_part_writer *writer, const vg_moments *moments,
                             vg_part_record *record, vg_error *error)
{
    vg_part_files *files = &record->files;
    files->count = 0;
    vg_status status = check_counts(writer, record, error);
    if (status == VG_OK) status = vg_sink_end_part(writer->features, files, error);
    if (status == VG_OK) status = vg_sink_end_part(writer->metadata, files, error);
    if (status == VG_OK) status = end_own(writer, record, error);
    if (status == VG_OK)
        status = vg_part_moments_write(writer->task, writer->number, moments, files, error);
    return status == VG_OK ? end_record(writer, record, error) : status;
}

vg_status vg_part_writer_end_taken(vg_part_writer *writer, const vg_part_record *from,
                                   vg_part_record *record, vg_error *error)
{
    const vg_features_phase *task = writer->task;
    const uint64_t number = writer->number - task->first_part;
    record->files.count = 0;
    vg_status status = vg_kept_parts_share(task, from, number, false, &record->files, error);
    if (status == VG_OK) status = end_own(writer, record, error);
    if (status == VG_OK)
        status = vg_kept_parts_share_moments(task, from, number, &record->files, error);
    return status == VG_OK ? end_record(writer, record, error) : status;
}

void vg_part_writer_end_errors(vg_part_writer *writer)
{
    if (vg_sink_rows(writer->errors) > 0) vg_sink_end_part(writer->errors, NULL, NULL);
}

vg_status vg_part_writer_mark_complete(vg_part_writer *writer, bool has_errors, vg_error *error)
{
    vg_status status = vg_sink_mark_complete(writer->features, error);
    if (status == VG_OK) status = vg_sink_mark_complete(writer->metadata, error);
    if (status == VG_OK && has_errors) status = vg_sink_mark_complete(writer->errors, error);
    return status;
}
