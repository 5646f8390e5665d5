#include "explore/row_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/* --- Reading ---------------------------------------------------------------------- */

typedef struct reading {
    vg_row_table *table;
    const vg_observer *observer;
    const atomic_bool *cancel;
    double start;
} reading;

static vg_status check_row(const vg_row_file *values, const vg_feature_row *row, vg_error *error)
{
    if (row->count != (size_t)values->dims)
        return vg_fail(error, VG_EFORMAT, "%.*s has %zu numbers where others have %d",
                       (int)row->path_size, row->path, row->count, values->dims);
    for (size_t i = 0; i < row->count; i++)
        if (!isfinite(row->values[i]))
            return vg_fail(error, VG_EFORMAT,
                           "%.*s: number %zu (counted from 0) is not finite: leave the row out",
                           (int)row->path_size, row->path, i);
    return VG_OK;
}

static vg_status take_row(void *context, const vg_feature_row *row, vg_error *error)
{
    reading *state = context;
    vg_row_table *table = state->table;
    vg_status status = vg_check_cancel(state->cancel, error);
    if (status != VG_OK) return status;
    if (row->values == NULL || row->count == 0) {
        table->left_out++;
        return VG_OK;
    }
    if (table->values.stream == NULL)
        status = vg_row_file_open(&table->values, (int)row->count, error);
    if (status == VG_OK) status = check_row(&table->values, row, error);
    if (status == VG_OK) status = vg_row_file_append(&table->values, row->values, error);
    if (status == VG_OK) status = vg_paths_add(&table->paths, row->path, row->path_size, error);
    if (status == VG_OK) status = vg_paths_add(&table->labels, row->label, row->label_size, error);
    if (status == VG_OK)
        status = vg_paths_add(&table->relative_paths, row->relative_path, row->relative_path_size,
                              error);
    if (status == VG_OK) status = vg_paths_add(&table->splits, row->split, row->split_size, error);
    for (size_t i = 0; i < table->names.count && status == VG_OK; i++)
        status = vg_paths_add(&table->texts[i], row->texts[i].text, row->texts[i].size, error);
    vg_notify_progress(state->observer, VG_PHASE_READ, table->values.count, 0, table->left_out,
                       state->start);
    return status;
}

static vg_status read_rows(vg_row_table *table, vg_feature_table *from, const vg_observer *observer,
                           const atomic_bool *cancel, vg_error *error)
{
    reading state = {.table = table, .observer = observer, .cancel = cancel, .start = vg_seconds()};
    vg_status status = VG_OK;
    for (size_t i = 0; i < from->parts.count && status == VG_OK; i++)
        status = vg_feature_table_read(from, i, take_row, &state, error);
    if (status != VG_OK) return status;
    if (table->values.count == 0)
        return vg_fail(error, VG_EFORMAT, "%s has no rows with numbers", table->address);
    if (table->left_out > 0)
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%llu of %llu rows have no features and are left out",
                      (unsigned long long)table->left_out,
                      (unsigned long long)(table->left_out + table->values.count));
    return vg_row_file_map(&table->values, error);
}

/* --- Order ------------------------------------------------------------------------ */

typedef struct place {
    const char *path;
    size_t row;
} place;

static int by_path(const void *left, const void *right)
{
    const place *a = left, *b = right;
    int order = strcmp(a->path, b->path);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static bool is_sorted(const vg_paths *paths)
{
    for (size_t i = 1; i < paths->count; i++)
        if (strcmp(paths->items[i - 1].text, paths->items[i].text) > 0) return false;
    return true;
}

static void move_texts(vg_paths *column, const place *places, vg_path *room)
{
    for (size_t i = 0; i < column->count; i++) room[i] = column->items[places[i].row];
    memcpy(column->items, room, column->count * sizeof *room);
}

static vg_status move_rows(vg_row_table *table, const place *places, vg_path *room, vg_error *error)
{
    size_t count = vg_row_table_count(table), dims = (size_t)table->values.dims;
    vg_row_file sorted = {0};
    vg_status status = vg_row_file_open(&sorted, table->values.dims, error);
    for (size_t i = 0; i < count && status == VG_OK; i++)
        status = vg_row_file_append(&sorted, table->values.rows + places[i].row * dims, error);
    if (status == VG_OK) status = vg_row_file_map(&sorted, error);
    if (status != VG_OK) {
        vg_row_file_close(&sorted);
        return status;
    }
    vg_row_file_close(&table->values);
    table->values = sorted;
    vg_paths *columns[] = {&table->paths, &table->labels, &table->relative_paths, &table->splits};
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        move_texts(columns[c], places, room);
    for (size_t c = 0; c < table->names.count; c++) move_texts(&table->texts[c], places, room);
    return VG_OK;
}

/* A run's tables are in this order already; Spark's are not. */
static vg_status sort_rows(vg_row_table *table, vg_error *error)
{
    size_t count = vg_row_table_count(table);
    if (is_sorted(&table->paths)) return VG_OK;
    place *places = malloc(count * sizeof *places);
    vg_path *room = malloc(count * sizeof *room);
    vg_status status = VG_OK;
    if (places == NULL || room == NULL)
        status = vg_fail_memory(error, count * (sizeof *places + sizeof *room));
    for (size_t i = 0; i < count && status == VG_OK; i++)
        places[i] = (place){table->paths.items[i].text, i};
    if (status == VG_OK) {
        qsort(places, count, sizeof *places, by_path);
        status = move_rows(table, places, room, error);
    }
    free(places);
    free(room);
    return status;
}

vg_status vg_row_table_centre(vg_row_table *table, vg_error *error)
{
    size_t count = vg_row_table_count(table), dims = (size_t)table->values.dims;
    double *mean = calloc(dims, sizeof *mean);
    if (mean == NULL) return vg_fail_memory(error, dims * sizeof *mean);
    float *row = table->values.rows;
    for (size_t i = 0; i < count; i++, row += dims)
        for (size_t d = 0; d < dims; d++) mean[d] += (double)row[d];
    for (size_t d = 0; d < dims; d++) mean[d] /= (double)count;
    row = table->values.rows;
    for (size_t i = 0; i < count; i++, row += dims)
        for (size_t d = 0; d < dims; d++) row[d] = (float)((double)row[d] - mean[d]);
    free(mean);
    return VG_OK;
}

/* --- Open and close ---------------------------------------------------------------- */

/* The columns that a run was told to keep. */
static vg_status name_texts(vg_row_table *table, vg_feature_table *from, vg_error *error)
{
    vg_status status = vg_feature_table_find_texts(from, error);
    for (size_t i = 0; i < from->texts.count && status == VG_OK; i++) {
        const char *name = from->texts.items[i].text;
        status = vg_paths_add(&table->names, name, strlen(name), error);
    }
    table->texts = calloc(from->texts.count + 1, sizeof *table->texts);
    if (status == VG_OK && table->texts == NULL) status = vg_fail_memory(error, sizeof(vg_paths));
    return status;
}

static vg_status take_table(vg_row_table *table, vg_feature_table *from,
                            const vg_observer *observer, const atomic_bool *cancel, vg_error *error)
{
    snprintf(table->address, sizeof table->address, "%s%s%s", vg_store_address(from->store),
             from->folder[0] != '\0' ? "/" : "", from->folder);
    vg_status status = name_texts(table, from, error);
    if (status == VG_OK) status = read_rows(table, from, observer, cancel, error);
    if (status == VG_OK) status = sort_rows(table, error);
    vg_feature_table_close(from);
    if (status != VG_OK) vg_row_table_close(table);
    return status;
}

vg_status vg_row_table_open(vg_row_table *table, vg_store *store, vg_table which,
                            const vg_observer *observer, const atomic_bool *cancel, vg_error *error)
{
    *table = (vg_row_table){0};
    vg_feature_table from;
    vg_status status = vg_feature_table_find(&from, store, which, observer, error);
    return status == VG_OK ? take_table(table, &from, observer, cancel, error) : status;
}

void vg_row_table_close(vg_row_table *table)
{
    vg_row_file_close(&table->values);
    vg_paths_free(&table->paths);
    vg_paths_free(&table->labels);
    vg_paths_free(&table->relative_paths);
    vg_paths_free(&table->splits);
    for (size_t i = 0; table->texts != NULL && i < table->names.count; i++)
        vg_paths_free(&table->texts[i]);
    free(table->texts);
    table->texts = NULL;
    vg_paths_free(&table->names);
}
