/* Facts of every image that its listing shows, and counts of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "io/io.h"
#include "job/layout.h"
#include "job/notify.h"
#include "job/selection.h"
#include "job/sink.h"
#include "job/timestamp.h"

static const vg_table metadata_tables[] = {VG_TABLE_IMAGES, VG_TABLE_COUNTS};
enum { METADATA_TABLES = sizeof metadata_tables / sizeof *metadata_tables };

typedef struct metadata_run {
    const vg_metadata_options *options;
    vg_metadata_result *result;
    vg_store *input, *output;
    vg_paths paths;
    vg_sink *images, *counts;
    vg_bytes address;
    double start;
} metadata_run;

static void close_metadata_run(metadata_run *state)
{
    vg_sink_close(&state->images);
    vg_sink_close(&state->counts);
    free(state->address.bytes);
    vg_paths_free(&state->paths);
    vg_store_close(&state->output);
    vg_store_close(&state->input);
}

/* --- Images ------------------------------------------------------------------------ */

static vg_status open_images(metadata_run *state, vg_error *error)
{
    const vg_column columns[] = {{"path", VG_COLUMN_STRING},
                                 {"label", VG_COLUMN_STRING},
                                 {"filename", VG_COLUMN_STRING},
                                 {"split", VG_COLUMN_STRING},
                                 {"modification_time", VG_COLUMN_TIMESTAMP},
                                 {"file_size_bytes", VG_COLUMN_INT64}};
    vg_sink_options options = {.output = state->output,
                               .table = VG_TABLE_IMAGES,
                               .csv = true,
                               .timestamp = state->result->timestamp,
                               .columns = columns,
                               .column_count = sizeof columns / sizeof *columns};
    return vg_sink_open(&state->images, &options, error);
}

static vg_status append_image(metadata_run *state, const vg_path *path, vg_error *error)
{
    vg_builder *builder = vg_sink_builder(state->images);
    vg_slice label = vg_path_label(state->input, path->text), split = vg_path_split(path->text);
    const char *filename = vg_path_filename(path->text);
    vg_status status = vg_path_address(&state->address, state->input, path->text, error);
    if (status == VG_OK)
        status = vg_builder_string(builder, 0, (const char *)state->address.bytes,
                                   state->address.size, error);
    if (status == VG_OK) status = vg_builder_string(builder, 1, label.text, label.size, error);
    if (status == VG_OK) status = vg_builder_string(builder, 2, filename, strlen(filename), error);
    if (status == VG_OK) status = vg_builder_string(builder, 3, split.text, split.size, error);
    if (status == VG_OK) status = vg_builder_int64(builder, 4, path->modified, error);
    if (status == VG_OK) status = vg_builder_int64(builder, 5, path->size, error);
    if (status == VG_OK) status = vg_sink_end_row(state->images, error);
    state->result->bytes += (uint64_t)path->size;
    return status;
}

static vg_status write_images(metadata_run *state, vg_error *error)
{
    vg_status status = open_images(state, error);
    for (size_t i = 0; i < state->paths.count && status == VG_OK; i++) {
        status = vg_check_cancel(state->options->cancel, error);
        if (status == VG_OK) status = append_image(state, &state->paths.items[i], error);
    }
    if (status == VG_OK) status = vg_sink_end_part(state->images, error);
    state->result->images = state->paths.count;
    return status;
}

/* --- Counts ------------------------------------------------------------------------- */

typedef struct group {
    vg_slice split, label;
} group;

static int compare_slices(vg_slice left, vg_slice right)
{
    size_t shorter = left.size < right.size ? left.size : right.size;
    int order = memcmp(left.text, right.text, shorter);
    return order != 0 ? order : (left.size > right.size) - (left.size < right.size);
}

static int compare_groups(const void *left, const void *right)
{
    const group *a = left, *b = right;
    int order = compare_slices(a->split, b->split);
    return order != 0 ? order : compare_slices(a->label, b->label);
}

static int compare_labels(const void *left, const void *right)
{
    return compare_slices(((const group *)left)->label, ((const group *)right)->label);
}

static uint64_t count_labels(group *groups, size_t count)
{
    uint64_t labels = 0;
    qsort(groups, count, sizeof *groups, compare_labels);
    for (size_t i = 0; i < count; i++)
        labels += i == 0 || compare_labels(&groups[i - 1], &groups[i]) != 0;
    return labels;
}

static vg_status open_counts(metadata_run *state, vg_error *error)
{
    const vg_column columns[] = {
        {"split", VG_COLUMN_STRING}, {"label", VG_COLUMN_STRING}, {"count", VG_COLUMN_INT64}};
    vg_sink_options options = {.output = state->output,
                               .table = VG_TABLE_COUNTS,
                               .csv = true,
                               .timestamp = state->result->timestamp,
                               .columns = columns,
                               .column_count = sizeof columns / sizeof *columns};
    return vg_sink_open(&state->counts, &options, error);
}

static vg_status append_count(metadata_run *state, const group *counted, size_t count,
                              vg_error *error)
{
    vg_builder *builder = vg_sink_builder(state->counts);
    vg_status status =
        vg_builder_string(builder, 0, counted->split.text, counted->split.size, error);
    if (status == VG_OK)
        status = vg_builder_string(builder, 1, counted->label.text, counted->label.size, error);
    if (status == VG_OK) status = vg_builder_int64(builder, 2, (int64_t)count, error);
    if (status == VG_OK) status = vg_sink_end_row(state->counts, error);
    return status;
}

static vg_status write_counts(metadata_run *state, vg_error *error)
{
    size_t images = state->paths.count;
    group *groups = malloc(images * sizeof *groups);
    if (groups == NULL) return vg_fail_memory(error, images * sizeof *groups);
    for (size_t i = 0; i < images; i++) {
        const char *path = state->paths.items[i].text;
        groups[i] = (group){vg_path_split(path), vg_path_label(state->input, path)};
    }
    qsort(groups, images, sizeof *groups, compare_groups);

    vg_status status = open_counts(state, error);
    for (size_t i = 0, first = 0; i < images && status == VG_OK; i++) {
        if (i + 1 < images && compare_groups(&groups[first], &groups[i + 1]) == 0) continue;
        status = append_count(state, &groups[first], i + 1 - first, error);
        first = i + 1;
    }
    if (status == VG_OK) status = vg_sink_end_part(state->counts, error);
    state->result->labels = count_labels(groups, images);
    free(groups);
    return status;
}

/* --- The run ------------------------------------------------------------------------- */

static vg_status prepare(metadata_run *state, vg_error *error)
{
    const vg_metadata_options *options = state->options;
    vg_metadata_result *result = state->result;
    if (options->input == NULL || options->output == NULL)
        return vg_fail(error, VG_EINVAL, "an input and an output are needed");
    vg_selection_options selection = {.select = options->select,
                                      .images = options->select == NULL,
                                      .cancel = options->cancel,
                                      .observer = &options->observer};
    char uuid[VG_UUID_CHARS];
    vg_status status = vg_timestamp_choose(result->timestamp, options->timestamp, error);
    if (status == VG_OK)
        status = vg_store_open(&state->input, options->input, &options->store, error);
    if (status == VG_OK)
        status = vg_store_open(&state->output, options->output, &options->store, error);
    if (status == VG_OK)
        status = vg_select_images(&state->paths, state->input, state->output, &selection, error);
    if (status == VG_OK && !options->overwrite)
        status = vg_layout_check_absent(state->output, metadata_tables, METADATA_TABLES,
                                        result->timestamp, error);
    if (status == VG_OK) status = vg_layout_uuid(uuid, error);
    if (status == VG_OK) status = vg_layout_check_writable(state->output, uuid, error);
    return status;
}

static vg_status work(metadata_run *state, vg_error *error)
{
    vg_metadata_result *result = state->result;
    vg_status status = VG_OK;
    if (state->options->overwrite)
        status = vg_layout_delete(state->output, metadata_tables, METADATA_TABLES,
                                  result->timestamp, error);
    if (status == VG_OK) status = write_images(state, error);
    if (status == VG_OK) status = write_counts(state, error);
    if (status == VG_OK) status = vg_sink_mark_complete(state->images, error);
    if (status == VG_OK) status = vg_sink_mark_complete(state->counts, error);
    if (status != VG_OK) return status;
    char folder[VG_FOLDER_CHARS];
    vg_layout_folder(folder, VG_TABLE_IMAGES, VG_CSV, result->timestamp);
    snprintf(result->folder, sizeof result->folder, "%s/%s", vg_store_address(state->output),
             folder);
    return VG_OK;
}

vg_status vg_metadata_run(const vg_metadata_options *options, vg_metadata_result *result,
                          vg_error *error)
{
    metadata_run state = {.options = options, .result = result, .start = vg_seconds()};
    *result = (vg_metadata_result){0};
    vg_status status = prepare(&state, error);
    if (status == VG_OK) status = work(&state, error);
    close_metadata_run(&state);
    return status;
}
