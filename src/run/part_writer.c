#include "run/part_writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "history/part_images.h"
#include "output/sink.h"
#include "selection/labels.h"

enum { PATH, LABEL, FEATURES, ERROR = FEATURES };

struct vg_part_writer {
    const vg_features_phase *task;
    vg_sink *features, *metadata, *errors, *images;
    vg_bytes address; /* of the image in hand */
    uint64_t number;
};

static vg_status open_sink(vg_sink **sink, const vg_features_phase *task, vg_table table,
                           bool parquet, bool csv, const vg_column *last, vg_error *error)
{
    vg_column columns[] = {{"path", VG_COLUMN_STRING}, {"label", VG_COLUMN_STRING}, {0}};
    if (last != NULL) columns[2] = *last;
    vg_sink_options options = {.output = task->output,
                               .table = table,
                               .parquet = parquet,
                               .csv = csv,
                               .timestamp = task->timestamp,
                               .uuid = task->uuid,
                               .columns = columns,
                               .column_count = last != NULL ? 3 : 2,
                               .facts = task->facts,
                               .fact_count = task->fact_count};
    return vg_sink_open(sink, &options, error);
}

vg_status vg_part_writer_open(vg_part_writer **writer, const vg_features_phase *task,
                              vg_error *error)
{
    static const vg_column features = {"features", VG_COLUMN_FLOAT32_LIST};
    static const vg_column reason = {"error", VG_COLUMN_STRING};
    const vg_run_options *options = task->options;
    vg_part_writer *opened = *writer = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->task = task;
    vg_status status = open_sink(&opened->features, task, VG_TABLE_FEATURES, options->parquet,
                                 options->csv, &features, error);
    if (status == VG_OK)
        status = open_sink(&opened->metadata, task, VG_TABLE_METADATA, false, true, NULL, error);
    if (status == VG_OK)
        status = open_sink(&opened->errors, task, VG_TABLE_ERRORS, false, true, &reason, error);
    if (status == VG_OK)
        status =
            vg_part_images_open(&opened->images, task->output, task->timestamp, task->uuid, error);
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
    free((*writer)->address.bytes);
    free(*writer);
    *writer = NULL;
}

void vg_part_writer_begin(vg_part_writer *writer, uint64_t number)
{
    writer->number = number;
    vg_sink_begin_part(writer->features, number);
    vg_sink_begin_part(writer->metadata, number);
    vg_sink_begin_part(writer->errors, number);
    vg_sink_begin_part(writer->images, number);
}

/* --- Rows ------------------------------------------------------------------------- */

typedef vg_status append_name(vg_builder *builder, size_t column, const char *name, size_t size,
                              vg_error *error);

static vg_status append_path_and_label(vg_part_writer *writer, vg_sink *sink, append_name *append,
                                       vg_slice label, vg_error *error)
{
    vg_builder *builder = vg_sink_builder(sink);
    const vg_bytes *address = &writer->address;
    vg_status status = append(builder, PATH, (const char *)address->bytes, address->size, error);
    if (status != VG_OK) return status;
    return append(builder, LABEL, label.text, label.size, error);
}

static vg_status append_features(vg_part_writer *writer, vg_slice label, const float *features,
                                 vg_error *error)
{
    vg_sink *sink = writer->features;
    vg_status status = append_path_and_label(writer, sink, vg_builder_name, label, error);
    if (status == VG_OK)
        status = vg_builder_float32_list(vg_sink_builder(sink), FEATURES, features,
                                         VG_FEATURE_COUNT, error);
    return status == VG_OK ? vg_sink_end_row(sink, error) : status;
}

static vg_status append_reason(vg_part_writer *writer, vg_slice label, const char *reason,
                               vg_error *error)
{
    vg_sink *sink = writer->errors;
    vg_status status = append_path_and_label(writer, sink, vg_builder_printable_name, label, error);
    if (status == VG_OK)
        status = vg_builder_string(vg_sink_builder(sink), ERROR, reason, strlen(reason), error);
    return status == VG_OK ? vg_sink_end_row(sink, error) : status;
}

vg_status vg_part_writer_append(vg_part_writer *writer, const vg_outcome *outcome, vg_error *error)
{
    const vg_store *input = writer->task->input;
    const char *path = outcome->image.path;
    vg_slice label = vg_path_label(input, path);
    vg_status status = vg_path_address(&writer->address, input, path, error);
    if (status == VG_OK)
        status = append_path_and_label(writer, writer->metadata, vg_builder_name, label, error);
    if (status == VG_OK) status = vg_sink_end_row(writer->metadata, error);
    if (status == VG_OK)
        status = vg_part_images_append(writer->images, &outcome->image, outcome->sha256,
                                       outcome->status == VG_OK, error);
    if (status != VG_OK) return status;
    if (outcome->status == VG_OK) return append_features(writer, label, outcome->features, error);
    return append_reason(writer, label, outcome->reason, error);
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

vg_status vg_part_writer_end(vg_part_writer *writer, vg_part_record *record, vg_error *error)
{
    vg_part_files *files = &record->files;
    files->count = 0;
    vg_status status = check_counts(writer, record, error);
    if (status == VG_OK) status = vg_sink_end_part(writer->features, files, error);
    if (status == VG_OK) status = vg_sink_end_part(writer->metadata, files, error);
    if (status == VG_OK && record->failed > 0)
        status = vg_sink_end_part(writer->errors, files, error);
    if (status == VG_OK) status = vg_sink_end_part(writer->images, files, error);
    if (status != VG_OK) return status;
    return vg_part_record_write(writer->task->output, writer->task->timestamp, writer->number,
                                record, error);
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
