#include "report/page_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "output/batch_reader.h"
#include "output/feature_table.h"
#include "output/layout.h"

/* Row numbers go into the page as steps of 32 bits. */
enum { MOST_ROWS = 1 << 24 };

typedef struct row_columns {
    vg_column_view path, label, components;
} row_columns;

void vg_page_rows_free(vg_page_rows *rows)
{
    vg_paths_free(&rows->paths);
    vg_paths_free(&rows->label_texts);
    free(rows->labels);
    free(rows->axes);
    *rows = (vg_page_rows){0};
}

static vg_status find_columns(row_columns *columns, const vg_batch_reader *reader, vg_error *error)
{
    const struct ArrowSchema *schema = &reader->schema;
    const struct ArrowArray *batch = &reader->batch;
    vg_status status = vg_column_find(schema, batch, "path", &columns->path, error);
    if (status == VG_OK) status = vg_column_find(schema, batch, "label", &columns->label, error);
    if (status == VG_OK)
        status = vg_column_find(schema, batch, "pca_features", &columns->components, error);
    if (status == VG_OK) status = vg_column_check_bytes(&columns->path, error);
    if (status == VG_OK) status = vg_column_check_bytes(&columns->label, error);
    if (status == VG_OK) status = vg_column_check_float32_list(&columns->components, error);
    return status;
}

/* Images of a class follow one another, so most rows take the text of the one before. */
static vg_status add_label(vg_page_rows *rows, const row_columns *columns, int64_t row,
                           vg_error *error)
{
    const char *text = "";
    size_t size = 0;
    if (!vg_column_is_null(&columns->label, row))
        vg_column_bytes(&columns->label, row, &text, &size);
    const char *last = rows->count > 0 ? rows->labels[rows->count - 1] : NULL;
    if (rows->count == rows->label_capacity) {
        const char **labels = vg_grow(rows->labels, &rows->label_capacity, sizeof *labels);
        if (labels == NULL) return vg_fail_memory(error, rows->count * sizeof *labels);
        rows->labels = labels;
    }
    if (last == NULL || strlen(last) != size || memcmp(last, text, size) != 0) {
        vg_status status = vg_paths_add(&rows->label_texts, text, size, error);
        if (status != VG_OK) return status;
        last = rows->label_texts.items[rows->label_texts.count - 1].text;
    }
    rows->labels[rows->count] = last;
    return VG_OK;
}

static vg_status add_axes(vg_page_rows *rows, const row_columns *columns, int64_t row,
                          vg_error *error)
{
    const float *values;
    size_t count;
    vg_column_float32_list(&columns->components, row, &values, &count);
    if (rows->count == 0) rows->axis_count = count < VG_PAGE_AXES ? count : VG_PAGE_AXES;
    if (count < rows->axis_count || rows->axis_count == 0)
        return vg_fail(error, VG_EFORMAT, "row %zu has %zu components where others have more",
                       rows->count, count);
    if (rows->count == rows->axis_capacity) {
        size_t bytes = rows->axis_count * sizeof *rows->axes;
        float *axes = vg_grow(rows->axes, &rows->axis_capacity, bytes);
        if (axes == NULL) return vg_fail_memory(error, rows->count * bytes);
        rows->axes = axes;
    }
    memcpy(rows->axes + rows->count * rows->axis_count, values,
           rows->axis_count * sizeof *rows->axes);
    return VG_OK;
}

static vg_status add_row(vg_page_rows *rows, const row_columns *columns, int64_t row,
                         vg_error *error)
{
    const char *path = "";
    size_t size = 0;
    if (vg_column_is_null(&columns->components, row)) return VG_OK; /* a failed image */
    if (rows->count == MOST_ROWS)
        return vg_fail(error, VG_ELIMIT, "a page shows %d images at most", MOST_ROWS);
    if (!vg_column_is_null(&columns->path, row)) vg_column_bytes(&columns->path, row, &path, &size);
    vg_status status = vg_paths_add(&rows->paths, path, size, error);
    if (status == VG_OK) status = add_label(rows, columns, row, error);
    if (status == VG_OK) status = add_axes(rows, columns, row, error);
    if (status == VG_OK) rows->count++;
    return status;
}

static vg_status read_part(vg_page_rows *rows, const vg_feature_table *table, size_t part,
                           vg_error *error)
{
    vg_batch_reader reader;
    row_columns columns;
    const char *path = table->parts.items[part].text;
    vg_status status = vg_batch_reader_open(&reader, table->store, path, table->format, error);
    for (bool is_new; status == VG_OK;) {
        status = vg_batch_reader_advance(&reader, &is_new, error);
        if (status != VG_OK || reader.batch.release == NULL) break;
        if (is_new) status = find_columns(&columns, &reader, error);
        if (status == VG_OK) status = add_row(rows, &columns, reader.row++, error);
    }
    if (status != VG_OK)
        vg_fail_prefix(error, status, "%s/%s", vg_store_address(table->store), path);
    vg_batch_reader_close(&reader);
    return status;
}

/* The folder is there: it has a _SUCCESS. */
static vg_status open_table(vg_feature_table *table, vg_store *output, const char *timestamp,
                            vg_error *error)
{
    vg_status status = VG_ENOTFOUND;
    for (vg_format format = VG_PARQUET; format <= VG_CSV && status == VG_ENOTFOUND; format++) {
        char folder[VG_FOLDER_CHARS];
        vg_layout_folder(folder, VG_TABLE_PCA, format, timestamp);
        status = vg_feature_table_open(table, output, folder, format, error);
    }
    return status;
}

vg_status vg_page_rows_read(vg_page_rows *rows, vg_store *output, const char *timestamp,
                            const atomic_bool *cancel, const vg_observer *observer, vg_error *error)
{
    double start = vg_seconds();
    vg_feature_table table;
    vg_status status = open_table(&table, output, timestamp, error);
    if (status != VG_OK) return status;
    for (size_t i = 0; i < table.parts.count && status == VG_OK; i++) {
        status = vg_check_cancel(cancel, error);
        if (status == VG_OK) status = read_part(rows, &table, i, error);
        vg_notify_progress(observer, VG_PHASE_LIST, rows->count, 0, 0, start);
    }
    vg_feature_table_close(&table);
    if (status == VG_OK && rows->count == 0)
        status = vg_fail(error, VG_ENOTFOUND, "the PCA table of %s in %s has no rows", timestamp,
                         vg_store_address(output));
    return status;
}

size_t vg_page_rows_root(const vg_page_rows *rows)
{
    const char *first = rows->paths.items[0].text;
    const char *slash = strrchr(first, '/');
    size_t shared = slash != NULL ? (size_t)(slash - first) + 1 : 0;
    for (size_t i = 1; i < rows->count && shared > 0; i++) {
        const char *path = rows->paths.items[i].text;
        size_t same = 0;
        while (same < shared && path[same] == first[same]) same++;
        while (same > 0 && first[same - 1] != '/') same--;
        shared = same;
    }
    return shared;
}
