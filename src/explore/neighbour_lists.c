#include "explore/neighbour_lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/batch_reader.h"
#include "output/layout.h"

enum { MOST_NEIGHBOURS = 100 };

typedef struct neighbour_columns {
    vg_column_view path, names, names_items, distances;
} neighbour_columns;

typedef struct reading {
    vg_neighbour_lists *lists;
    const vg_row_table *rows;
    const atomic_bool *cancel;
    uint64_t unknown; /* rows and neighbours that the other table does not have */
} reading;

void vg_neighbour_lists_free(vg_neighbour_lists *lists)
{
    free(lists->rows);
    free(lists->distances);
    *lists = (vg_neighbour_lists){0};
}

/* --- Rows -------------------------------------------------------------------------- */

/* Orders `path`, of so many bytes, against a text that ends in a NUL. */
static int compare_path(const char *path, size_t size, const char *text)
{
    int order = strncmp(path, text, size);
    return order != 0 ? order : -(text[size] != '\0');
}

/* The row of that path, by halves, for rows are in the order of their paths; -1 for none. */
static int64_t find_row(const vg_row_table *rows, const char *path, size_t size)
{
    size_t low = 0, high = vg_row_table_count(rows);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_path(path, size, rows->paths.items[middle].text);
        if (order == 0) return (int64_t)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

static vg_status find_columns(neighbour_columns *columns, const vg_batch_reader *reader,
                              vg_error *error)
{
    const struct ArrowSchema *schema = &reader->schema;
    const struct ArrowArray *batch = &reader->batch;
    vg_status status = vg_column_find(schema, batch, "path", &columns->path, error);
    if (status == VG_OK)
        status = vg_column_find(schema, batch, "neighbour_paths", &columns->names, error);
    if (status == VG_OK)
        status = vg_column_find(schema, batch, "distances", &columns->distances, error);
    if (status == VG_OK) status = vg_column_check_bytes(&columns->path, error);
    if (status == VG_OK)
        status = vg_column_list_items(&columns->names, &columns->names_items, error);
    if (status == VG_OK) status = vg_column_check_bytes(&columns->names_items, error);
    if (status == VG_OK) status = vg_column_check_float32_list(&columns->distances, error);
    return status;
}

/* Room for the first row's number of neighbours, which all have. */
static vg_status make_room(reading *state, size_t k, vg_error *error)
{
    vg_neighbour_lists *lists = state->lists;
    size_t cells = k * vg_row_table_count(state->rows);
    if (k == 0 || k > MOST_NEIGHBOURS)
        return vg_fail(error, VG_ELIMIT, "%zu neighbours a row: 1 to %d can be read", k,
                       MOST_NEIGHBOURS);
    lists->rows = malloc(cells * sizeof *lists->rows);
    lists->distances = calloc(cells, sizeof *lists->distances);
    if (lists->rows == NULL || lists->distances == NULL)
        return vg_fail_memory(error, cells * sizeof *lists->distances);
    memset(lists->rows, 0xff, cells * sizeof *lists->rows); /* -1 */
    lists->k = (int)k;
    return VG_OK;
}

/* Neighbours that are there move up in the place of those that it has not. */
static void put_neighbours(reading *state, const neighbour_columns *columns, int64_t from,
                           int64_t row)
{
    vg_neighbour_lists *lists = state->lists;
    size_t n, place = 0, at = (size_t)row * (size_t)lists->k;
    const float *distances;
    int64_t first, end;
    vg_column_list_range(&columns->names, from, &first, &end);
    vg_column_float32_list(&columns->distances, from, &distances, &n);
    for (int64_t i = first; i < end && (size_t)(i - first) < n; i++) {
        const char *path = "";
        size_t size = 0;
        if (!vg_column_is_null(&columns->names_items, i))
            vg_column_bytes(&columns->names_items, i, &path, &size);
        int64_t other = find_row(state->rows, path, size);
        if (other < 0 || other == row) {
            state->unknown += other < 0;
            continue;
        }
        if (place == (size_t)lists->k) break;
        lists->rows[at + place] = (int32_t)other;
        lists->distances[at + place] = distances[i - first];
        place++;
    }
}

static vg_status take_row(reading *state, const neighbour_columns *columns, int64_t from,
                          vg_error *error)
{
    const char *path = "";
    size_t size = 0;
    if (vg_column_is_null(&columns->names, from) || vg_column_is_null(&columns->distances, from))
        return VG_OK;
    if (!vg_column_is_null(&columns->path, from))
        vg_column_bytes(&columns->path, from, &path, &size);
    int64_t row = find_row(state->rows, path, size);
    if (row < 0) {
        state->unknown++;
        return VG_OK;
    }
    if (state->lists->k == 0) {
        int64_t first, end;
        vg_column_list_range(&columns->names, from, &first, &end);
        vg_status status = make_room(state, (size_t)(end - first), error);
        if (status != VG_OK) return status;
    }
    put_neighbours(state, columns, from, row);
    return vg_check_cancel(state->cancel, error);
}

static vg_status read_part(reading *state, vg_store *output, const char *path, vg_error *error)
{
    vg_batch_reader reader;
    neighbour_columns columns;
    vg_status status = vg_batch_reader_open(&reader, output, path, VG_PARQUET, error);
    for (bool is_new; status == VG_OK;) {
        status = vg_batch_reader_advance(&reader, &is_new, error);
        if (status != VG_OK || reader.batch.release == NULL) break;
        if (is_new) status = find_columns(&columns, &reader, error);
        if (status == VG_OK) status = take_row(state, &columns, reader.row++, error);
    }
    if (status != VG_OK && status != VG_ECANCELLED)
        vg_fail_prefix(error, status, "%s/%s", vg_store_address(output), path);
    vg_batch_reader_close(&reader);
    return status;
}

/* --- The table --------------------------------------------------------------------- */

vg_status vg_neighbour_lists_read(vg_neighbour_lists *lists, const vg_row_table *rows,
                                  vg_store *output, const atomic_bool *cancel,
                                  const vg_observer *observer, vg_error *error)
{
    vg_feature_table table;
    *lists = (vg_neighbour_lists){0};
    vg_status status = vg_feature_table_find(&table, output, VG_TABLE_NEIGHBOURS, observer, error);
    if (status != VG_OK) return status;
    reading state = {.lists = lists, .rows = rows, .cancel = cancel};
    for (size_t i = 0; i < table.parts.count && status == VG_OK; i++)
        status = read_part(&state, output, table.parts.items[i].text, error);
    if (status == VG_OK && state.unknown > 0)
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%s%s%s names %llu images that are not in the PCA table, and they are left "
                      "out: write it again with 'verger neighbours'",
                      vg_store_address(output), table.folder[0] != '\0' ? "/" : "", table.folder,
                      (unsigned long long)state.unknown);
    vg_feature_table_close(&table);
    if (status == VG_OK && lists->k == 0)
        status = vg_fail(error, VG_ENOTFOUND,
                         "%s: its table of neighbours has none of the images of the PCA table: "
                         "write it again with 'verger neighbours'",
                         vg_store_address(output));
    if (status != VG_OK) vg_neighbour_lists_free(lists);
    return status;
}
