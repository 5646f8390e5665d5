#include "report/page_neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/usable_cpus.h"
#include "output/batch_reader.h"
#include "output/layout.h"
#include "report/page_blocks.h"

enum { MOST_NEIGHBOURS = 100 };

typedef struct neighbour_columns {
    vg_column_view path, names, names_items, distances;
} neighbour_columns;

typedef struct reading {
    vg_page_neighbours *neighbours;
    const vg_row_table *rows;
    const atomic_bool *cancel;
    uint64_t unknown; /* rows and neighbours that the page does not have */
} reading;

void vg_page_neighbours_free(vg_page_neighbours *neighbours)
{
    free(neighbours->steps);
    free(neighbours->distances);
    *neighbours = (vg_page_neighbours){0};
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
    vg_page_neighbours *neighbours = state->neighbours;
    size_t cells = k * vg_row_table_count(state->rows);
    if (k == 0 || k > MOST_NEIGHBOURS)
        return vg_fail(error, VG_ELIMIT, "%zu neighbours a row: a page shows 1 to %d", k,
                       MOST_NEIGHBOURS);
    neighbours->steps = calloc(cells, sizeof *neighbours->steps);
    neighbours->distances = calloc(cells, sizeof *neighbours->distances);
    if (neighbours->steps == NULL || neighbours->distances == NULL)
        return vg_fail_memory(error, cells * sizeof *neighbours->distances);
    neighbours->k = (int)k;
    return VG_OK;
}

/* Neighbours that the page has move up in the place of those that it has not. */
static void put_neighbours(reading *state, const neighbour_columns *columns, int64_t from,
                           int64_t row)
{
    vg_page_neighbours *neighbours = state->neighbours;
    size_t count = vg_row_table_count(state->rows), n, place = 0;
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
        if (place == (size_t)neighbours->k) break;
        neighbours->steps[place * count + (size_t)row] = (int32_t)(other - row);
        neighbours->distances[place * count + (size_t)row] = distances[i - first];
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
    if (state->neighbours->k == 0) {
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

/* The folder of the newest complete table, by its "_SUCCESS". */
static vg_status keep_newest(void *context, const vg_file *file, vg_error *error)
{
    (void)error;
    char *newest = context;
    size_t size = strlen(file->path), ending = strlen("/_SUCCESS");
    if (size <= ending || size - ending >= VG_FOLDER_CHARS ||
        strcmp(file->path + size - ending, "/_SUCCESS") != 0)
        return VG_OK;
    if (strncmp(file->path, newest, size - ending) <= 0) return VG_OK;
    memcpy(newest, file->path, size - ending);
    newest[size - ending] = '\0';
    return VG_OK;
}

vg_status vg_page_neighbours_read(vg_page_neighbours *neighbours, const vg_row_table *rows,
                                  vg_store *output, const atomic_bool *cancel,
                                  const vg_observer *observer, vg_error *error)
{
    char folder[VG_FOLDER_CHARS] = "";
    vg_feature_table table;
    *neighbours = (vg_page_neighbours){0};
    vg_status status = vg_store_list(output, "neighbours/parquet", keep_newest, folder, error);
    if (status == VG_ENOTFOUND || (status == VG_OK && folder[0] == '\0')) return VG_OK;
    if (status == VG_OK) status = vg_feature_table_open(&table, output, folder, VG_PARQUET, error);
    if (status != VG_OK) return status;
    reading state = {.neighbours = neighbours, .rows = rows, .cancel = cancel};
    for (size_t i = 0; i < table.parts.count && status == VG_OK; i++)
        status = read_part(&state, output, table.parts.items[i].text, error);
    vg_feature_table_close(&table);
    if (status == VG_OK && state.unknown > 0)
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%s/%s names %llu images that are not in the PCA table, and they are left "
                      "out: write it again with 'verger neighbours'",
                      vg_store_address(output), folder, (unsigned long long)state.unknown);
    return status;
}

/* --- The layout -------------------------------------------------------------------- */

typedef struct laying {
    const atomic_bool *cancel;
    const vg_observer *observer;
    uint64_t rows;
    double start;
} laying;

static int tell_layout(void *context, double share)
{
    const laying *state = context;
    vg_notify_progress(state->observer, VG_PHASE_LAYOUT,
                       (uint64_t)(share * (double)state->rows + 0.5), state->rows, 0, state->start);
    return vg_check_cancel(state->cancel, NULL) != VG_OK;
}

/* Planes of steps to rows of numbers, as the library has them. */
static void unfold(const vg_page_neighbours *neighbours, size_t rows, int64_t *indices,
                   double *distances)
{
    size_t k = (size_t)neighbours->k;
    for (size_t place = 0; place < k; place++) {
        for (size_t row = 0; row < rows; row++) {
            int32_t step = neighbours->steps[place * rows + row];
            indices[row * k + place] = step != 0 ? (int64_t)row + step : -1;
            distances[row * k + place] = (double)neighbours->distances[place * rows + row];
        }
    }
}

vg_status vg_page_neighbours_place(float *places, const vg_page_neighbours *neighbours,
                                   const vg_row_table *rows, const atomic_bool *cancel,
                                   const vg_observer *observer, vg_error *error)
{
    size_t count = vg_row_table_count(rows), cells = count * (size_t)neighbours->k;
    size_t dims = (size_t)rows->values.dims;
    laying state = {cancel, observer, count, vg_seconds()};
    vg_layout_options options;
    vg_layout_options_default(&options);
    options.threads = vg_usable_cpus();
    options.progress = tell_layout;
    options.context = &state;
    int64_t *indices = malloc(cells * sizeof *indices);
    double *distances = malloc(cells * sizeof *distances);
    float *start = malloc(2 * count * sizeof *start);
    vg_status status = VG_OK;
    if (indices == NULL || distances == NULL || start == NULL)
        status = vg_fail_memory(error, cells * (sizeof *indices + sizeof *distances));
    if (status == VG_OK) {
        unfold(neighbours, count, indices, distances);
        for (size_t i = 0; i < count; i++) {
            start[2 * i] = rows->values.rows[i * dims];
            start[2 * i + 1] = rows->values.rows[i * dims + (dims > 1)];
        }
        status =
            vg_layout(indices, distances, count, neighbours->k, start, &options, places, error);
    }
    free(indices);
    free(distances);
    free(start);
    return status;
}

/* --- Blocks ------------------------------------------------------------------------ */

vg_status vg_page_neighbours_write(const vg_page_neighbours *neighbours, size_t rows, json_t *head,
                                   FILE *page, vg_error *error)
{
    if (neighbours->k == 0) {
        json_object_set_new(head, "neighbours", json_null());
        return VG_OK;
    }
    size_t cells = (size_t)neighbours->k * rows;
    json_object_set_new(head, "neighbours", json_pack("{s:i}", "k", neighbours->k));
    vg_status status = vg_page_block_deflated(page, "neighbours", neighbours->steps,
                                              cells * sizeof *neighbours->steps, error);
    if (status == VG_OK)
        status = vg_page_block_deflated(page, "distances", neighbours->distances,
                                        cells * sizeof *neighbours->distances, error);
    return status;
}
