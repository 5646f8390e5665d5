/* Columns of a batch that somebody else made. Formats and layouts:
 * https://arrow.apache.org/docs/format/CDataInterface.html and
 * https://arrow.apache.org/docs/format/Columnar.html.
 *
 * What the structs say is checked against itself. The interface does not carry the
 * sizes of buffers, so pointers that are not NULL must be believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "table/table.h"

/* --- Finding ------------------------------------------------------------- */

static const char *name_of(const struct ArrowSchema *schema)
{
    return schema->name != NULL ? schema->name : "";
}

static const char *format_of(const struct ArrowSchema *schema)
{
    return schema->format != NULL ? schema->format : "";
}

/* NULL where there is none. */
static const void *buffer_at(const struct ArrowArray *array, int64_t index)
{
    return array->buffers != NULL && index < array->n_buffers ? array->buffers[index] : NULL;
}

/* Whether schema and array have the same number of children, and have them. */
static bool has_children(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    if (schema->n_children != array->n_children || schema->n_children < 0) return false;
    if (schema->n_children == 0) return true;
    if (schema->children == NULL || array->children == NULL) return false;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i] == NULL || array->children[i] == NULL) return false;
    return true;
}

/* Whether both are counts, and their sum is one. */
static bool has_range(const struct ArrowArray *array)
{
    return array->length >= 0 && array->offset >= 0 && array->offset <= INT64_MAX - array->length;
}

static vg_status column_missing(const struct ArrowSchema *schema, const char *name, vg_error *error)
{
    char names[256] = "";
    size_t used = 0;
    for (int64_t i = 0; i < schema->n_children && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                                 name_of(schema->children[i]));
    return vg_fail(error, VG_ENOTFOUND, "no column %s: the table has %s", name,
                   used > 0 ? names : "no columns");
}

vg_status vg_column_find(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                         const char *name, vg_column_view *view, vg_error *error)
{
    if (schema->release == NULL || batch->release == NULL)
        return vg_fail(error, VG_EINVAL, "the table has been released already");
    if (strcmp(format_of(schema), "+s") != 0 || !has_children(schema, batch))
        return vg_fail(error, VG_EINVAL,
                       "a struct batch is needed, this is of format %s with %lld "
                       "columns",
                       format_of(schema), (long long)batch->n_children);
    int64_t index = 0;
    while (index < schema->n_children && strcmp(name_of(schema->children[index]), name) != 0)
        index++;
    if (index == schema->n_children) return column_missing(schema, name, error);

    const struct ArrowArray *array = batch->children[index];
    if (!has_range(batch) || !has_range(array) || array->length < batch->offset + batch->length)
        return vg_fail(
            error, VG_EFORMAT, "column %s has %lld rows, the table needs %lld from row %lld on",
            name, (long long)array->length, (long long)batch->length, (long long)batch->offset);
    *view = (vg_column_view){.schema = schema->children[index],
                             .batch = batch,
                             .array = array,
                             .length = batch->length,
                             .offset = batch->offset + array->offset};
    return VG_OK;
}

static bool bit_is_null(const struct ArrowArray *array, int64_t position)
{
    const uint8_t *bits = buffer_at(array, 0);
    if (array->null_count == 0 || bits == NULL) return false;
    return (bits[position / 8] >> (position % 8) & 1) == 0;
}

bool vg_column_is_null(const vg_column_view *view, int64_t row)
{
    return bit_is_null(view->array, view->offset + row) ||
           bit_is_null(view->batch, view->batch->offset + row);
}

/* --- Layouts ------------------------------------------------------------- */

/* Where the items of a row are: bytes of a string, values of a list. */
typedef enum row_layout {
    LAYOUT_OFFSETS32,
    LAYOUT_OFFSETS64,
    LAYOUT_FIXED,
    LAYOUT_OTHER
} row_layout;

static row_layout layout_of(const char *format)
{
    if (strcmp(format, "u") == 0 || strcmp(format, "z") == 0 || strcmp(format, "+l") == 0)
        return LAYOUT_OFFSETS32;
    if (strcmp(format, "U") == 0 || strcmp(format, "Z") == 0 || strcmp(format, "+L") == 0)
        return LAYOUT_OFFSETS64;
    if (strncmp(format, "+w:", 3) == 0) return LAYOUT_FIXED;
    return LAYOUT_OTHER;
}

/* Items of each row of LAYOUT_FIXED. */
static int64_t fixed_size(const struct ArrowSchema *schema)
{
    return strtoll(schema->format + strlen("+w:"), NULL, 10);
}

/* Item at which the row at `position` starts; the next position is its end. */
static int64_t start_of(const vg_column_view *view, row_layout layout, int64_t position)
{
    switch (layout) {
    case LAYOUT_OFFSETS32: return ((const int32_t *)view->array->buffers[1])[position];
    case LAYOUT_OFFSETS64: return ((const int64_t *)view->array->buffers[1])[position];
    default: return position * fixed_size(view->schema);
    }
}

static vg_status check_fixed_size(const vg_column_view *view, int64_t items, vg_error *error)
{
    int64_t size = fixed_size(view->schema), rows = view->offset + view->length;
    if (size < 0 || size > INT32_MAX || (size > 0 && rows > items / size))
        return vg_fail(error, VG_EFORMAT, "column %s has %lld values for %lld lists of %lld",
                       name_of(view->schema), (long long)items, (long long)rows, (long long)size);
    return VG_OK;
}

static vg_status check_offsets(const vg_column_view *view, row_layout layout, int64_t items,
                               vg_error *error)
{
    if (view->length == 0) return VG_OK;
    if (layout == LAYOUT_FIXED) return check_fixed_size(view, items, error);
    const char *name = name_of(view->schema);
    if (buffer_at(view->array, 1) == NULL)
        return vg_fail(error, VG_EFORMAT, "column %s has no offsets", name);

    int64_t start = start_of(view, layout, view->offset);
    for (int64_t row = 0; row < view->length; row++) {
        int64_t end = start_of(view, layout, view->offset + row + 1);
        if (start < 0 || end < start || end > items)
            return vg_fail(error, VG_EFORMAT,
                           "column %s, row %lld (counted from 0): from %lld to %lld is outside "
                           "the column",
                           name, (long long)row, (long long)start, (long long)end);
        start = end;
    }
    return VG_OK;
}

/* --- Bytes --------------------------------------------------------------- */

vg_status vg_column_check_bytes(const vg_column_view *view, vg_error *error)
{
    const char *format = format_of(view->schema);
    if (view->schema->dictionary != NULL)
        return vg_fail(error, VG_EUNSUPPORTED, "column %s is dictionary-encoded: cast it to string",
                       name_of(view->schema));
    row_layout layout = layout_of(format);
    if (format[0] == '+' || layout == LAYOUT_OTHER)
        return vg_fail(error, VG_EUNSUPPORTED,
                       "column %s has the Arrow format %s: cast it to string or binary",
                       name_of(view->schema), format);
    if (view->array->n_buffers != 3)
        return vg_fail(error, VG_EFORMAT, "column %s has %lld buffers instead of 3",
                       name_of(view->schema), (long long)view->array->n_buffers);
    bool has_data = buffer_at(view->array, 2) != NULL;
    return check_offsets(view, layout, has_data ? INT64_MAX : 0, error);
}

void vg_column_bytes(const vg_column_view *view, int64_t row, const char **bytes, size_t *size)
{
    row_layout layout = layout_of(view->schema->format);
    int64_t position = view->offset + row, start = start_of(view, layout, position);
    const char *data = view->array->buffers[2];
    *size = (size_t)(start_of(view, layout, position + 1) - start);
    *bytes = data != NULL ? data + start : "";
}

/* --- Numbers -------------------------------------------------------------- */

vg_status vg_column_check_int64(const vg_column_view *view, vg_error *error)
{
    if (strcmp(view->schema->format, "l") != 0 || view->schema->dictionary != NULL)
        return vg_fail(error, VG_EUNSUPPORTED,
                       "column %s has the Arrow format %s: cast it to int64", name_of(view->schema),
                       view->schema->format);
    if (view->array->n_buffers != 2 || (view->length > 0 && view->array->buffers[1] == NULL))
        return vg_fail(error, VG_EFORMAT, "column %s has no values", name_of(view->schema));
    return VG_OK;
}

int64_t vg_column_int64(const vg_column_view *view, int64_t row)
{
    return ((const int64_t *)view->array->buffers[1])[view->offset + row];
}

/* --- Lists --------------------------------------------------------------- */

static vg_status check_items(const vg_column_view *view, row_layout layout, vg_error *error)
{
    const struct ArrowArray *items = view->array->children[0];
    for (int64_t row = 0; row < view->length; row++) {
        if (vg_column_is_null(view, row)) continue;
        int64_t end = start_of(view, layout, view->offset + row + 1);
        for (int64_t i = start_of(view, layout, view->offset + row); i < end; i++)
            if (bit_is_null(items, items->offset + i))
                return vg_fail(error, VG_EINVAL,
                               "column %s, row %lld (counted from 0): a value in the list is null",
                               name_of(view->schema), (long long)row);
    }
    return VG_OK;
}

vg_status vg_column_check_float32_list(const vg_column_view *view, vg_error *error)
{
    const struct ArrowSchema *schema = view->schema;
    const char *format = format_of(schema);
    row_layout layout = layout_of(format);
    bool is_list = format[0] == '+' && layout != LAYOUT_OTHER && schema->n_children == 1 &&
                   schema->children != NULL && schema->children[0] != NULL;
    const struct ArrowSchema *item = is_list ? schema->children[0] : NULL;
    if (!is_list || strcmp(format_of(item), "f") != 0 || item->dictionary != NULL)
        return vg_fail(
            error, VG_EUNSUPPORTED, "column %s has the Arrow format %s%s%s: cast it to list<float>",
            name_of(schema), format, is_list ? " of " : "", is_list ? format_of(item) : "");

    const struct ArrowArray *items =
        has_children(schema, view->array) ? view->array->children[0] : NULL;
    if (items == NULL || items->n_buffers != 2 || !has_range(items) ||
        (items->length > 0 && buffer_at(items, 1) == NULL))
        return vg_fail(error, VG_EFORMAT, "column %s has no values", name_of(schema));
    vg_status status = check_offsets(view, layout, items->length, error);
    if (status == VG_OK && items->null_count != 0 && buffer_at(items, 0) != NULL)
        status = check_items(view, layout, error);
    return status;
}

void vg_column_float32_list(const vg_column_view *view, int64_t row, const float **values,
                            size_t *n)
{
    row_layout layout = layout_of(view->schema->format);
    const struct ArrowArray *items = view->array->children[0];
    int64_t position = view->offset + row, start = start_of(view, layout, position);
    *n = (size_t)(start_of(view, layout, position + 1) - start);
    const float *first = buffer_at(items, 1);
    *values = first != NULL ? first + items->offset + start : NULL;
}

/* --- Lists of texts -------------------------------------------------------- */

vg_status vg_column_list_items(const vg_column_view *list, vg_column_view *items, vg_error *error)
{
    const struct ArrowSchema *schema = list->schema;
    row_layout layout = layout_of(format_of(schema));
    if (format_of(schema)[0] != '+' || layout == LAYOUT_OTHER || schema->n_children != 1 ||
        !has_children(schema, list->array) || !has_range(list->array->children[0]))
        return vg_fail(error, VG_EUNSUPPORTED,
                       "column %s has the Arrow format %s: cast it to a list", name_of(schema),
                       format_of(schema));
    const struct ArrowArray *array = list->array->children[0];
    *items = (vg_column_view){.schema = schema->children[0],
                              .batch = array,
                              .array = array,
                              .length = array->length,
                              .offset = array->offset};
    return check_offsets(list, layout, array->length, error);
}

void vg_column_list_range(const vg_column_view *list, int64_t row, int64_t *first, int64_t *end)
{
    row_layout layout = layout_of(list->schema->format);
    *first = start_of(list, layout, list->offset + row);
    *end = start_of(list, layout, list->offset + row + 1);
}
