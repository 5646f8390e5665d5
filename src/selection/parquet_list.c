#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "selection/list_reader.h"

static vg_status take_names(vg_list_reader *reader, vg_error *error)
{
    const struct ArrowSchema *schema = &reader->rows.schema;
    if (reader->names != NULL) return VG_OK;
    reader->names = calloc((size_t)schema->n_children + 1, sizeof *reader->names);
    if (reader->names == NULL) return vg_fail_memory(error, sizeof *reader->names);
    for (int64_t i = 0; i < schema->n_children; i++) {
        char *copy = strdup(schema->children[i]->name);
        if (copy == NULL) return vg_fail_memory(error, 1);
        reader->names[reader->name_count++] = copy;
    }
    return vg_list_choose_columns(&reader->fields, reader->names, reader->name_count, error);
}

static vg_status find_columns(vg_list_reader *reader, vg_error *error)
{
    const vg_list_fields *fields = &reader->fields;
    vg_batch_reader *rows = &reader->rows;
    vg_status status = take_names(reader, error);
    for (size_t i = 0; i < fields->count && status == VG_OK; i++) {
        if (fields->column_at[i] == VG_NO_COLUMN) continue;
        const char *name = reader->names[fields->column_at[i]];
        status = vg_column_find(&rows->schema, &rows->batch, name, &reader->views[i], error);
        if (status == VG_OK) status = vg_column_check_bytes(&reader->views[i], error);
    }
    return status;
}

/* The first batch, which tells the columns; none where there is no row. */
vg_status vg_parquet_list_begin(vg_list_reader *reader, const char *name, vg_error *error)
{
    bool is_new;
    reader->is_table = true;
    reader->views = calloc(reader->fields.count, sizeof *reader->views);
    if (reader->views == NULL) return vg_fail_memory(error, sizeof *reader->views);
    vg_status status = vg_text_reader_open(&reader->rows.file, reader->store, name, error);
    if (status == VG_OK) status = vg_batch_reader_advance(&reader->rows, &is_new, error);
    if (status != VG_OK || reader->rows.batch.release == NULL) return status;
    return find_columns(reader, error);
}

vg_status vg_parquet_list_next(vg_list_reader *reader, bool *found, vg_error *error)
{
    bool is_new;
    vg_list_fields *fields = &reader->fields;
    vg_status status = vg_batch_reader_advance(&reader->rows, &is_new, error);
    *found = reader->rows.batch.release != NULL;
    if (status == VG_OK && *found && is_new) status = find_columns(reader, error);
    if (status != VG_OK || !*found) return status;
    int64_t row = reader->rows.row++;
    fields->line++;
    for (size_t i = 0; i < fields->count && status == VG_OK; i++) {
        const char *text;
        size_t size;
        if (fields->column_at[i] == VG_NO_COLUMN || vg_column_is_null(&reader->views[i], row))
            continue;
        vg_column_bytes(&reader->views[i], row, &text, &size);
        status = vg_list_append(fields, &fields->items[i], text, size, error);
    }
    return status;
}

void vg_parquet_list_end(vg_list_reader *reader)
{
    vg_batch_reader_close(&reader->rows);
    free(reader->views);
    reader->views = NULL;
}
