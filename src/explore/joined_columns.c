#include "explore/joined_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "selection/list_reader.h"

/* A name that a row goes by. */
typedef struct key {
    const char *text;
    uint32_t row;
} key;

typedef struct joining {
    const vg_row_table *rows;
    const vg_join *join;
    vg_joined *joined;
    vg_paths names; /* of the keys: as they are on disk */
    key *keys;      /* [count], by text */
    size_t count;
    bool *is_given; /* [rows] */
    vg_path *cells; /* [columns][rows], into the columns' texts */
} joining;

static int by_text(const void *left, const void *right)
{
    const key *a = left, *b = right;
    int order = strcmp(a->text, b->text);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* --- Keys -------------------------------------------------------------------------- */

static vg_status add_key(joining *state, const char *text, size_t row, vg_error *error)
{
    size_t size = strlen(text);
    char *name = malloc(size + 1);
    if (name == NULL) return vg_fail_memory(error, size + 1);
    memcpy(name, text, size + 1);
    size = vg_unescape(name, size);
    vg_status status = vg_paths_add(&state->names, name, size, error);
    free(name);
    if (status == VG_OK)
        state->keys[state->count++] =
            (key){state->names.items[state->names.count - 1].text, (uint32_t)row};
    return status;
}

static vg_status make_keys(joining *state, vg_error *error)
{
    size_t rows = vg_row_table_count(state->rows);
    vg_status status = VG_OK;
    for (size_t row = 0; row < rows && status == VG_OK; row++) {
        const char *path = state->rows->paths.items[row].text;
        const char *relative = state->rows->relative_paths.items[row].text;
        if (state->join->by_name) {
            status = add_key(state, last_part(path), row, error);
            continue;
        }
        status = add_key(state, path, row, error);
        if (status == VG_OK && relative[0] != '\0') status = add_key(state, relative, row, error);
    }
    qsort(state->keys, state->count, sizeof *state->keys, by_text);
    return status;
}

/* The first key of that text; `count` where there is none. */
static size_t find_key(const joining *state, const char *text)
{
    size_t low = 0, high = state->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(state->keys[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < state->count && strcmp(state->keys[low].text, text) == 0 ? low : state->count;
}

/* --- Records ----------------------------------------------------------------------- */

static void remember(char first[128], uint64_t *count, const char *path)
{
    if ((*count)++ == 0) vg_escape(first, 128, path, strlen(path), vg_printable_length);
}

static vg_status take_record(joining *state, const vg_list_reader *reader, vg_paths *texts,
                             vg_error *error)
{
    const char *path = vg_list_text(&reader->fields.items[VG_LIST_PATH]);
    size_t columns = state->join->columns.count, rows = vg_row_table_count(state->rows);
    size_t at = find_key(state, state->join->by_name ? last_part(path) : path);
    if (at == state->count) {
        remember(state->joined->first_unknown, &state->joined->unknown, path);
        return VG_OK;
    }
    if (state->is_given[state->keys[at].row]) {
        remember(state->joined->first_repeated, &state->joined->repeated, path);
        return VG_OK;
    }
    vg_status status = VG_OK;
    for (size_t c = 0; c < columns && status == VG_OK; c++) {
        const vg_list_field *field = &reader->fields.items[VG_LIST_KEPT + c];
        status = vg_paths_add(&texts[c], vg_list_text(field), field->size, error);
    }
    const char *found = state->keys[at].text;
    for (; at < state->count && status == VG_OK && strcmp(state->keys[at].text, found) == 0; at++) {
        size_t row = state->keys[at].row;
        state->joined->rows += !state->is_given[row];
        state->is_given[row] = true;
        for (size_t c = 0; c < columns; c++)
            state->cells[c * rows + row] = texts[c].items[texts[c].count - 1];
    }
    return status;
}

static vg_status read_records(joining *state, vg_paths *texts, vg_error *error)
{
    vg_list_wishes wishes = {.keep = state->join->columns, .leaves_labels = true};
    vg_list_reader reader;
    bool found = true;
    vg_status status = vg_list_reader_open(&reader, NULL, state->join->file, &wishes, error);
    if (status == VG_OK && !reader.is_table)
        status = vg_fail(error, VG_EFORMAT, "%s is no table with a column path", state->join->file);
    while (status == VG_OK && found) {
        status = vg_list_reader_next(&reader, &found, error);
        if (status == VG_OK && found) status = take_record(state, &reader, texts, error);
    }
    vg_list_reader_close(&reader);
    return status;
}

/* --- Columns ----------------------------------------------------------------------- */

/* The texts stay where they are; a row's place in the list says which is its own. */
static vg_status order_texts(const joining *state, vg_paths *texts, vg_error *error)
{
    size_t rows = vg_row_table_count(state->rows);
    for (size_t c = 0; c < state->join->columns.count; c++) {
        vg_path *items = malloc((rows + 1) * sizeof *items);
        if (items == NULL) return vg_fail_memory(error, rows * sizeof *items);
        for (size_t row = 0; row < rows; row++) {
            items[row] = state->cells[c * rows + row];
            if (!state->is_given[row]) items[row].text = "";
        }
        free(texts[c].items);
        texts[c].items = items;
        texts[c].count = rows;
        texts[c].capacity = rows + 1;
    }
    return VG_OK;
}

vg_status vg_join_columns(vg_paths *texts, vg_joined *joined, const vg_join *join,
                          const vg_row_table *rows, vg_error *error)
{
    size_t count = vg_row_table_count(rows), columns = join->columns.count;
    *joined = (vg_joined){0};
    joining state = {.rows = rows,
                     .join = join,
                     .joined = joined,
                     .keys = malloc((2 * count + 1) * sizeof *state.keys),
                     .is_given = calloc(count + 1, sizeof *state.is_given),
                     .cells = calloc(columns * count + 1, sizeof *state.cells)};
    vg_status status = VG_OK;
    if (state.keys == NULL || state.is_given == NULL || state.cells == NULL)
        status = vg_fail_memory(error, (2 * count + columns * count) * sizeof *state.keys);
    if (status == VG_OK) status = make_keys(&state, error);
    if (status == VG_OK) status = read_records(&state, texts, error);
    if (status == VG_OK && joined->rows == 0)
        status = vg_fail(error, VG_EINVAL,
                         "%s names none of the images by their %s; it begins "
                         "with %s",
                         join->file, join->by_name ? "name" : "path",
                         joined->unknown > 0 ? joined->first_unknown : "no row");
    if (status == VG_OK) status = order_texts(&state, texts, error);
    vg_paths_free(&state.names);
    free(state.keys);
    free(state.is_given);
    free(state.cells);
    return status;
}

void vg_join_text(const vg_join *join, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t c = 0; c < join->columns.count && used < size; c++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", c > 0 ? "," : "",
                                 join->columns.items[c]);
}

static void warn(const vg_joined *joined, const vg_join *join, size_t rows,
                 const vg_observer *observer)
{
    uint64_t without = rows - joined->rows;
    if (joined->unknown > 0)
        vg_notify_log(observer, VG_LOG_WARNING, "%s: %llu rows are of no image, the first is %s",
                      join->file, (unsigned long long)joined->unknown, joined->first_unknown);
    if (joined->repeated > 0)
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%s: %llu rows name an image that another one before named, the first is %s",
                      join->file, (unsigned long long)joined->repeated, joined->first_repeated);
    if (without > 0)
        vg_notify_log(observer, VG_LOG_WARNING, "%s says nothing of %llu of %zu images", join->file,
                      (unsigned long long)without, rows);
}

vg_status vg_join_to_rows(vg_row_table *rows, const vg_join *join, const vg_observer *observer,
                          vg_error *error)
{
    vg_joined joined;
    size_t kept = rows->names.count, more = join->columns.count;
    vg_paths *texts = realloc(rows->texts, (kept + more + 1) * sizeof *texts);
    if (texts == NULL) return vg_fail_memory(error, (kept + more) * sizeof *texts);
    rows->texts = texts;
    memset(texts + kept, 0, (more + 1) * sizeof *texts);
    vg_status status = VG_OK;
    for (size_t c = 0; c < more && status == VG_OK; c++)
        status = vg_paths_add(&rows->names, join->columns.items[c], strlen(join->columns.items[c]),
                              error);
    if (status == VG_OK) status = vg_join_columns(texts + kept, &joined, join, rows, error);
    if (status == VG_OK) warn(&joined, join, vg_row_table_count(rows), observer);
    return status;
}
