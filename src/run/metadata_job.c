/* Facts of every image that its listing shows, and counts of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/observer.h"
#include "io/io.h"
#include "output/layout.h"
#include "output/paths.h"
#include "output/sink.h"
#include "output/timestamp.h"
#include "run/job.h"
#include "run/stores.h"
#include "selection/labels.h"
#include "selection/selection.h"

static const vg_table metadata_tables[] = {VG_TABLE_IMAGES, VG_TABLE_COUNTS};
enum { METADATA_TABLES = sizeof metadata_tables / sizeof *metadata_tables };

/* Images of one folder; several folders may have the same split and label. */
typedef struct group {
    const char *split, *label;
    uint64_t images;
} group;

typedef struct metadata_run {
    const vg_metadata_options *options;
    vg_metadata_result *result;
    vg_store *input, *output;
    vg_image_list *listed;
    vg_sink *images, *counts;
    char uuid[VG_UUID_CHARS]; /* of the parts */
    group *groups;
    size_t group_count, group_capacity;
    vg_paths names; /* of the groups */
    vg_bytes address;
    double start;
} metadata_run;

static void close_metadata_run(metadata_run *state)
{
    vg_sink_close(&state->images);
    vg_sink_close(&state->counts);
    free(state->address.bytes);
    vg_image_list_close(&state->listed);
    vg_paths_free(&state->names);
    free(state->groups);
    vg_store_close(&state->output);
    vg_store_close(&state->input);
}

/* --- Images ------------------------------------------------------------------------ */

enum { FIXED_COLUMNS = 6 };

static vg_status open_images(metadata_run *state, vg_error *error)
{
    static const vg_column fixed[FIXED_COLUMNS] = {{"path", VG_COLUMN_STRING},
                                                   {"label", VG_COLUMN_STRING},
                                                   {"filename", VG_COLUMN_STRING},
                                                   {"split", VG_COLUMN_STRING},
                                                   {"modification_time", VG_COLUMN_TIMESTAMP},
                                                   {"file_size_bytes", VG_COLUMN_INT64}};
    const vg_texts *kept = &state->options->selection.keep_columns;
    size_t count = FIXED_COLUMNS + kept->count;
    vg_column *columns = calloc(count, sizeof *columns);
    if (columns == NULL) return vg_fail_memory(error, count * sizeof *columns);
    memcpy(columns, fixed, sizeof fixed);
    for (size_t i = 0; i < kept->count; i++)
        columns[FIXED_COLUMNS + i] = (vg_column){kept->items[i], VG_COLUMN_STRING};
    vg_sink_options options = {.output = state->output,
                               .table = VG_TABLE_IMAGES,
                               .csv = true,
                               .timestamp = state->result->timestamp,
                               .uuid = state->uuid,
                               .columns = columns,
                               .column_count = count};
    vg_status status = vg_sink_open(&state->images, &options, error);
    free(columns);
    return status;
}

/* That of a table, or the first folder. */
static vg_slice split_of(const vg_listed_image *image)
{
    if (image->split[0] != '\0') return (vg_slice){image->split, strlen(image->split)};
    return vg_path_split(image->path);
}

static vg_status append_image(metadata_run *state, const vg_listed_image *image, vg_error *error)
{
    vg_builder *builder = vg_sink_builder(state->images);
    size_t kept = state->options->selection.keep_columns.count;
    vg_slice label = {image->label, strlen(image->label)}, split = split_of(image);
    const char *filename = vg_path_filename(image->path);
    vg_status status = vg_path_address(&state->address, state->input, image->path, error);
    if (status == VG_OK)
        status = vg_builder_name(builder, 0, (const char *)state->address.bytes,
                                 state->address.size, error);
    if (status == VG_OK) status = vg_builder_name(builder, 1, label.text, label.size, error);
    if (status == VG_OK) status = vg_builder_name(builder, 2, filename, strlen(filename), error);
    if (status == VG_OK) status = vg_builder_name(builder, 3, split.text, split.size, error);
    if (status == VG_OK) status = vg_builder_int64(builder, 4, image->modified, error);
    if (status == VG_OK) status = vg_builder_int64(builder, 5, image->size, error);
    for (size_t i = 0; i < kept && status == VG_OK; i++) {
        const char *text = vg_listed_image_column(image, i);
        status = vg_builder_name(builder, FIXED_COLUMNS + i, text, strlen(text), error);
    }
    if (status == VG_OK) status = vg_sink_end_row(state->images, error);
    state->result->bytes += (uint64_t)image->size;
    return status;
}

static bool is_of_group(const group *last, vg_slice split, vg_slice label)
{
    return strlen(last->split) == split.size && strlen(last->label) == label.size &&
           memcmp(last->split, split.text, split.size) == 0 &&
           memcmp(last->label, label.text, label.size) == 0;
}

static vg_status add_group(metadata_run *state, vg_slice split, vg_slice label, vg_error *error)
{
    if (state->group_count == state->group_capacity) {
        group *groups = vg_grow(state->groups, &state->group_capacity, sizeof *groups);
        if (groups == NULL) return vg_fail_memory(error, state->group_count * sizeof *groups);
        state->groups = groups;
    }
    vg_paths *names = &state->names;
    vg_status status = vg_paths_add(names, split.text, split.size, error);
    if (status == VG_OK) status = vg_paths_add(names, label.text, label.size, error);
    if (status != VG_OK) return status;
    state->groups[state->group_count++] = (group){.split = names->items[names->count - 2].text,
                                                  .label = names->items[names->count - 1].text};
    return VG_OK;
}

/* Images come folder by folder, and most often label by label. */
static vg_status count_image(metadata_run *state, const vg_listed_image *image, vg_error *error)
{
    vg_slice split = split_of(image), label = {image->label, strlen(image->label)};
    vg_status status = VG_OK;
    if (state->group_count == 0 ||
        !is_of_group(&state->groups[state->group_count - 1], split, label))
        status = add_group(state, split, label, error);
    if (status == VG_OK) state->groups[state->group_count - 1].images++;
    return status;
}

static vg_status write_images(metadata_run *state, vg_error *error)
{
    vg_image_cursor *cursor = NULL;
    vg_listed_image image;
    vg_status status = open_images(state, error);
    if (status == VG_OK) status = vg_image_cursor_open(&cursor, state->listed, 0, error);
    if (status == VG_OK) status = vg_image_cursor_next(cursor, &image, error);
    while (status == VG_OK && image.path != NULL) {
        status = vg_check_cancel(state->options->cancel, error);
        if (status == VG_OK) status = append_image(state, &image, error);
        if (status == VG_OK) status = count_image(state, &image, error);
        if (status == VG_OK) status = vg_image_cursor_next(cursor, &image, error);
    }
    vg_image_cursor_close(&cursor);
    if (status == VG_OK) status = vg_sink_end_part(state->images, NULL, error);
    state->result->images = vg_image_list_count(state->listed);
    state->result->unlisted = vg_image_list_unlisted(state->listed);
    return status;
}

/* --- Counts ------------------------------------------------------------------------- */

static int compare_groups(const void *left, const void *right)
{
    const group *a = left, *b = right;
    int order = strcmp(a->split, b->split);
    return order != 0 ? order : strcmp(a->label, b->label);
}

static int compare_labels(const void *left, const void *right)
{
    return strcmp(((const group *)left)->label, ((const group *)right)->label);
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
                               .uuid = state->uuid,
                               .columns = columns,
                               .column_count = sizeof columns / sizeof *columns};
    return vg_sink_open(&state->counts, &options, error);
}

static vg_status append_count(metadata_run *state, const group *counted, uint64_t count,
                              vg_error *error)
{
    vg_builder *builder = vg_sink_builder(state->counts);
    vg_status status = vg_builder_name(builder, 0, counted->split, strlen(counted->split), error);
    if (status == VG_OK)
        status = vg_builder_name(builder, 1, counted->label, strlen(counted->label), error);
    if (status == VG_OK) status = vg_builder_int64(builder, 2, (int64_t)count, error);
    if (status == VG_OK) status = vg_sink_end_row(state->counts, error);
    return status;
}

static vg_status write_counts(metadata_run *state, vg_error *error)
{
    group *groups = state->groups;
    size_t n = state->group_count;
    qsort(groups, n, sizeof *groups, compare_groups);
    vg_status status = open_counts(state, error);
    uint64_t images = 0;
    for (size_t i = 0; i < n && status == VG_OK; i++) {
        images += groups[i].images;
        if (i + 1 < n && compare_groups(&groups[i], &groups[i + 1]) == 0) continue;
        status = append_count(state, &groups[i], images, error);
        images = 0;
    }
    if (status == VG_OK) status = vg_sink_end_part(state->counts, NULL, error);
    state->result->labels = count_labels(groups, n);
    return status;
}

/* --- The run ------------------------------------------------------------------------- */

static vg_status prepare(metadata_run *state, vg_error *error)
{
    const vg_metadata_options *options = state->options;
    vg_metadata_result *result = state->result;
    if (options->input == NULL || options->output == NULL)
        return vg_fail(error, VG_EINVAL, "an input and an output are needed");
    vg_status status = vg_timestamp_choose(result->timestamp, options->timestamp, error);
    if (status == VG_OK)
        status = vg_stores_open(&state->input, options->input, &state->output, options->output,
                                &options->store, &options->observer, error);
    if (status == VG_OK)
        status = vg_select_images(&state->listed, state->input, state->output, &options->selection,
                                  &options->observer, options->cancel, error);
    if (status == VG_OK)
        status = vg_layout_free_timestamp(result->timestamp, state->output, metadata_tables,
                                          METADATA_TABLES, options->timestamp, options->overwrite,
                                          error);
    if (status == VG_OK) status = vg_layout_uuid(state->uuid, error);
    if (status == VG_OK) status = vg_layout_check_writable(state->output, error);
    return status;
}

static vg_status write_tables(metadata_run *state, vg_error *error)
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
    vg_layout_address(result->folder, state->output, VG_TABLE_IMAGES, VG_CSV, result->timestamp);
    return VG_OK;
}

vg_status vg_metadata_run(const vg_metadata_options *options, vg_metadata_result *result,
                          vg_error *error)
{
    metadata_run state = {.options = options, .result = result, .start = vg_seconds()};
    *result = (vg_metadata_result){0};
    vg_status status = prepare(&state, error);
    if (status == VG_OK) status = write_tables(&state, error);
    close_metadata_run(&state);
    return status;
}
