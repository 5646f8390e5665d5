#include "explore/kept_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "history/past_runs.h"

typedef struct place {
    const char *path; /* relative, as the table has it */
    uint32_t row;
} place;

typedef struct matching {
    place *places; /* [count], by path */
    size_t count;
    char *name; /* of an image, as the table would have it */
    size_t capacity;
    vg_kept_row_visitor *visitor;
    void *context;
} matching;

static int by_path(const void *left, const void *right)
{
    return strcmp(((const place *)left)->path, ((const place *)right)->path);
}

static vg_status name_image(matching *state, const char *path, vg_error *error)
{
    size_t size = strlen(path), needed = VG_ESCAPE_CHARS * size + 1;
    if (needed > state->capacity) {
        char *grown = realloc(state->name, 2 * needed);
        if (grown == NULL) return vg_fail_memory(error, 2 * needed);
        state->name = grown;
        state->capacity = 2 * needed;
    }
    size = vg_escape(state->name, state->capacity, path, size, vg_name_length);
    state->name[size] = '\0';
    return VG_OK;
}

static vg_status visit_image(matching *state, const vg_kept_image *image, vg_error *error)
{
    vg_status status = name_image(state, image->image.path, error);
    if (status != VG_OK) return status;
    const place key = {.path = state->name};
    const place *found = bsearch(&key, state->places, state->count, sizeof key, by_path);
    return found != NULL ? state->visitor(state->context, found->row, image, error) : VG_OK;
}

static vg_status visit_part(matching *state, vg_store *output, const char *path, vg_error *error)
{
    vg_part_images_reader *reader = NULL;
    vg_kept_image image;
    vg_status status = vg_part_images_reader_open(&reader, output, path, error);
    for (; status == VG_OK;) {
        status = vg_part_images_reader_next(reader, &image, error);
        if (status != VG_OK || image.image.path == NULL) break;
        status = visit_image(state, &image, error);
    }
    vg_part_images_reader_close(&reader);
    return status;
}

/* The run that made the table where its name tells, else the newest that is complete. */
static vg_status find_run(char timestamp[VG_TIMESTAMP_CHARS], const vg_row_table *table,
                          vg_store *output, vg_error *error)
{
    vg_past_runs runs;
    vg_status status = VG_OK;
    timestamp[0] = '\0';
    if (vg_timestamp_choose(timestamp, vg_timestamp_of(table->address), NULL) == VG_OK) {
        status = vg_past_runs_find(&runs, output, timestamp, error);
        if (status != VG_OK || runs.complete[0] != '\0') return status;
    }
    status = vg_past_runs_find(&runs, output, NULL, error);
    memcpy(timestamp, runs.complete, VG_TIMESTAMP_CHARS);
    return status;
}

static vg_status visit_parts(matching *state, const vg_row_table *table, vg_store *output,
                             const atomic_bool *cancel, vg_error *error)
{
    char timestamp[VG_TIMESTAMP_CHARS], folder[VG_FOLDER_CHARS];
    vg_feature_table parts;
    vg_status status = find_run(timestamp, table, output, error);
    if (status != VG_OK || timestamp[0] == '\0') return status;
    vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, timestamp);
    status = vg_feature_table_open(&parts, output, folder, VG_PARQUET, error);
    if (status != VG_OK) return status;
    for (size_t i = 0; i < parts.parts.count && status == VG_OK; i++) {
        status = vg_check_cancel(cancel, error);
        if (status == VG_OK) status = visit_part(state, output, parts.parts.items[i].text, error);
    }
    vg_feature_table_close(&parts);
    return status;
}

vg_status vg_kept_rows_visit(const vg_row_table *table, vg_store *output, const atomic_bool *cancel,
                             vg_kept_row_visitor *visitor, void *context, vg_error *error)
{
    size_t rows = vg_row_table_count(table);
    matching state = {.places = malloc((rows + 1) * sizeof *state.places),
                      .visitor = visitor,
                      .context = context};
    if (state.places == NULL) return vg_fail_memory(error, rows * sizeof *state.places);
    for (size_t row = 0; row < rows; row++) {
        const char *path = table->relative_paths.items[row].text;
        if (path[0] != '\0') state.places[state.count++] = (place){path, (uint32_t)row};
    }
    qsort(state.places, state.count, sizeof *state.places, by_path);
    vg_status status = VG_OK;
    if (state.count > 0) status = visit_parts(&state, table, output, cancel, error);
    free(state.places);
    free(state.name);
    return status;
}
