#include "output/feature_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/batch_reader.h"

struct vg_feature_reader {
    vg_batch_reader file;
    const vg_store *store;
    const char *path, *column;
    vg_column_view path_column, label_column, features_column;
    vg_column_view relative_path_column, split_column; /* of no array where there are none */
    const vg_paths *kept;                              /* names of more columns; NULL for none */
    vg_column_view *kept_columns;
    vg_feature_text *texts;
};

vg_status vg_feature_reader_open(vg_feature_reader **reader, vg_store *store, const char *path,
                                 vg_format format, const char *column, vg_error *error)
{
    vg_feature_reader *opened = *reader = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->store = store;
    opened->path = path;
    opened->column = column;
    vg_status status = vg_batch_reader_open(&opened->file, store, path, format, error);
    if (status != VG_OK) vg_feature_reader_close(reader);
    return status;
}

void vg_feature_reader_close(vg_feature_reader **reader)
{
    if (*reader == NULL) return;
    vg_batch_reader_close(&(*reader)->file);
    free((*reader)->kept_columns);
    free((*reader)->texts);
    free(*reader);
    *reader = NULL;
}

/* A column of text that the table may have. */
static void find_text(const vg_feature_reader *reader, const char *name, vg_column_view *column)
{
    if (vg_column_find(&reader->file.schema, &reader->file.batch, name, column, NULL) != VG_OK ||
        vg_column_check_bytes(column, NULL) != VG_OK)
        *column = (vg_column_view){0};
}

static vg_status find_columns(vg_feature_reader *reader, vg_error *error)
{
    const struct ArrowSchema *schema = &reader->file.schema;
    const struct ArrowArray *batch = &reader->file.batch;
    vg_column_view *path = &reader->path_column, *label = &reader->label_column;
    vg_column_view *features = &reader->features_column;
    vg_status status = vg_column_find(schema, batch, "path", path, error);
    if (status == VG_OK) status = vg_column_find(schema, batch, "label", label, error);
    if (status == VG_OK) status = vg_column_find(schema, batch, reader->column, features, error);
    if (status == VG_OK) status = vg_column_check_bytes(path, error);
    if (status == VG_OK) status = vg_column_check_bytes(label, error);
    if (status == VG_OK) status = vg_column_check_float32_list(features, error);
    if (status == VG_OK) {
        find_text(reader, "relative_path", &reader->relative_path_column);
        find_text(reader, "split", &reader->split_column);
        for (size_t i = 0; reader->kept != NULL && i < reader->kept->count; i++)
            find_text(reader, reader->kept->items[i].text, &reader->kept_columns[i]);
    }
    if (status != VG_OK)
        vg_fail_prefix(error, status, "%s/%s", vg_store_address(reader->store), reader->path);
    return status;
}

static bool is_of_row(const char *name)
{
    static const char *const names[] = {"path",  "label", "relative_path",     VG_FEATURES_COLUMN,
                                        "split", "error", VG_COMPONENTS_COLUMN};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

vg_status vg_feature_reader_list_texts(vg_feature_reader *reader, vg_paths *names, bool *has_rows,
                                       vg_error *error)
{
    bool is_new;
    vg_status status = vg_batch_reader_advance(&reader->file, &is_new, error);
    *has_rows = status == VG_OK && reader->file.batch.release != NULL;
    if (!*has_rows) return status;
    const struct ArrowSchema *schema = &reader->file.schema;
    status = find_columns(reader, error);
    for (int64_t i = 0; i < schema->n_children && status == VG_OK; i++) {
        vg_column_view found;
        const char *name = schema->children[i]->name;
        if (name == NULL || is_of_row(name)) continue;
        find_text(reader, name, &found);
        if (found.array != NULL) status = vg_paths_add(names, name, strlen(name), error);
    }
    return status;
}

vg_status vg_feature_reader_keep(vg_feature_reader *reader, const vg_paths *names, vg_error *error)
{
    size_t count = names->count;
    reader->kept_columns = calloc(count + 1, sizeof *reader->kept_columns);
    reader->texts = calloc(count + 1, sizeof *reader->texts);
    if (reader->kept_columns == NULL || reader->texts == NULL)
        return vg_fail_memory(error, count * sizeof *reader->kept_columns);
    reader->kept = names;
    return VG_OK;
}

static void get_text(const vg_column_view *column, int64_t row, const char **text, size_t *size)
{
    *text = "";
    *size = 0;
    if (column->array != NULL && !vg_column_is_null(column, row))
        vg_column_bytes(column, row, text, size);
}

vg_status vg_feature_reader_next(vg_feature_reader *reader, vg_feature_row *row, vg_error *error)
{
    bool is_new;
    *row = (vg_feature_row){0};
    vg_status status = vg_batch_reader_advance(&reader->file, &is_new, error);
    if (status != VG_OK || reader->file.batch.release == NULL) return status;
    if (is_new) status = find_columns(reader, error);
    if (status != VG_OK) return status;
    int64_t at = reader->file.row++;
    row->following = (size_t)(reader->file.batch.length - reader->file.row);
    get_text(&reader->path_column, at, &row->path, &row->path_size);
    get_text(&reader->label_column, at, &row->label, &row->label_size);
    get_text(&reader->relative_path_column, at, &row->relative_path, &row->relative_path_size);
    get_text(&reader->split_column, at, &row->split, &row->split_size);
    for (size_t i = 0; reader->kept != NULL && i < reader->kept->count; i++)
        get_text(&reader->kept_columns[i], at, &reader->texts[i].text, &reader->texts[i].size);
    row->texts = reader->texts;
    row->text_count = reader->kept != NULL ? reader->kept->count : 0;
    if (!vg_column_is_null(&reader->features_column, at))
        vg_column_float32_list(&reader->features_column, at, &row->values, &row->count);
    return VG_OK;
}
