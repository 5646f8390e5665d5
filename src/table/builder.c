/* Rows appended to growing columns. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "table/builder.h"

/* --- Buffers ------------------------------------------------------------- */

vg_status vg_buffer_reserve(vg_buffer *buffer, size_t more, vg_error *error)
{
    enum { FIRST_CAPACITY = 1024 };
    size_t needed = buffer->size + more;
    if (needed <= buffer->capacity && buffer->bytes != NULL) return VG_OK;
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : 2 * buffer->capacity;
    if (capacity < needed) capacity = needed;
    uint8_t *bytes = vg_alloc_aligned(capacity, 1);
    if (bytes == NULL) return vg_fail_memory(error, capacity);
    if (buffer->size > 0) memcpy(bytes, buffer->bytes, buffer->size);
    free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return VG_OK;
}

/* Into what has been reserved. */
static void append(vg_buffer *buffer, const void *bytes, size_t size)
{
    if (size > 0) memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

/* --- Columns ------------------------------------------------------------- */

size_t vg_column_value_size(vg_column_type type)
{
    switch (type) {
    case VG_COLUMN_STRING:
    case VG_COLUMN_BINARY:
    case VG_COLUMN_BOOL: return 1;
    case VG_COLUMN_FLOAT16_LIST: return sizeof(uint16_t);
    case VG_COLUMN_FLOAT32_LIST: return sizeof(float);
    case VG_COLUMN_STRING_LIST: return sizeof(int32_t);
    default: return 8;
    }
}

bool vg_column_is_bytes(vg_column_type type)
{
    return type == VG_COLUMN_STRING || type == VG_COLUMN_BINARY;
}

bool vg_column_has_offsets(vg_column_type type)
{
    return vg_column_is_bytes(type) || type == VG_COLUMN_FLOAT16_LIST ||
           type == VG_COLUMN_FLOAT32_LIST || type == VG_COLUMN_FLOAT64_LIST ||
           type == VG_COLUMN_STRING_LIST;
}

static void column_clear(vg_builder_column *column)
{
    free(column->validity.bytes);
    free(column->offsets.bytes);
    free(column->values.bytes);
    free(column->text.bytes);
    column->validity = column->offsets = column->values = column->text = (vg_buffer){0};
    column->length = column->null_count = 0;
}

static vg_status no_column(const vg_builder *builder, size_t index, vg_error *error)
{
    return vg_fail(error, VG_EINVAL, "table: no column %zu, there are %zu", index, builder->n);
}

static vg_status column_at(vg_builder *builder, size_t index, vg_column_type type,
                           vg_builder_column **found, vg_error *error)
{
    if (index >= builder->n) return no_column(builder, index, error);
    *found = &builder->columns[index];
    vg_column_type has = (*found)->type;
    if (has != type && !(has == VG_COLUMN_TIMESTAMP && type == VG_COLUMN_INT64))
        return vg_fail(error, VG_EINVAL, "table: column %s takes values of another type",
                       (*found)->name);
    return VG_OK;
}

/* Room for one more row whose value is `n` items long, before anything is
 * changed. */
static vg_status reserve_row(vg_builder_column *column, size_t n, bool valid, vg_error *error)
{
    size_t item = vg_column_value_size(column->type);
    if (vg_column_has_offsets(column->type)) {
        size_t used = column->values.size / item;
        if (n > (size_t)INT32_MAX - used)
            return vg_fail(error, VG_ELIMIT,
                           "table: column %s has more than %d items in one batch: write smaller "
                           "batches",
                           column->name, INT32_MAX);
        vg_status status = vg_buffer_reserve(&column->offsets, 2 * sizeof(int32_t), error);
        if (status != VG_OK) return status;
    }
    vg_status status = vg_buffer_reserve(&column->values, n * item, error);
    if (status != VG_OK) return status;

    if (valid && column->validity.bytes == NULL) return VG_OK;
    size_t bits = (size_t)column->length / 8 + 1;
    return vg_buffer_reserve(&column->validity, bits - column->validity.size, error);
}

/* Bits past the last row stay 0. */
static void append_validity(vg_builder_column *column, bool valid)
{
    vg_buffer *bits = &column->validity;
    if (bits->bytes == NULL) return;
    size_t row = (size_t)column->length;
    if (bits->size == 0) { /* the first null: all rows before it had a value */
        memset(bits->bytes, 0xFF, row / 8);
        bits->bytes[row / 8] = (uint8_t)((1U << row % 8) - 1);
    }
    bits->size = row / 8 + 1;
    if (valid) bits->bytes[row / 8] |= (uint8_t)(1U << row % 8);
}

static void append_row(vg_builder_column *column, const void *values, size_t n, bool valid)
{
    append_validity(column, valid);
    if (vg_column_has_offsets(column->type) && column->offsets.size == 0)
        append(&column->offsets, &(int32_t){0}, sizeof(int32_t));
    append(&column->values, values, n * vg_column_value_size(column->type));
    if (vg_column_has_offsets(column->type)) {
        int32_t end = (int32_t)(column->values.size / vg_column_value_size(column->type));
        append(&column->offsets, &end, sizeof end);
    }
    column->length++;
    if (!valid) column->null_count++;
}

/* --- Values -------------------------------------------------------------- */

static vg_status append_values(vg_builder *builder, size_t index, vg_column_type type,
                               const void *values, size_t n, vg_error *error)
{
    vg_builder_column *column = NULL;
    vg_status status = column_at(builder, index, type, &column, error);
    if (status == VG_OK) status = reserve_row(column, n, true, error);
    if (status == VG_OK) append_row(column, values, n, true);
    return status;
}

static bool is_kept_whole(const char *text, size_t size, vg_kept_length *kept)
{
    size_t length = 1;
    for (size_t i = 0; i < size && length > 0; i += length) length = kept(text + i, size - i);
    return length > 0;
}

static vg_status append_text(vg_builder *builder, size_t column, const char *text, size_t size,
                             vg_kept_length *kept, vg_error *error)
{
    if (is_kept_whole(text, size, kept))
        return append_values(builder, column, VG_COLUMN_STRING, text, size, error);
    size_t capacity = VG_ESCAPE_CHARS * size + 1;
    char *escaped = malloc(capacity);
    if (escaped == NULL) return vg_fail_memory(error, capacity);
    size_t used = vg_escape(escaped, capacity, text, size, kept);
    vg_status status = append_values(builder, column, VG_COLUMN_STRING, escaped, used, error);
    free(escaped);
    return status;
}

vg_status vg_builder_string(vg_builder *builder, size_t column, const char *value, size_t size,
                            vg_error *error)
{
    return append_text(builder, column, value, size, vg_utf8_length, error);
}

vg_status vg_builder_name(vg_builder *builder, size_t column, const char *name, size_t size,
                          vg_error *error)
{
    return append_text(builder, column, name, size, vg_name_length, error);
}

vg_status vg_builder_printable_name(vg_builder *builder, size_t column, const char *name,
                                    size_t size, vg_error *error)
{
    return append_text(builder, column, name, size, vg_printable_name_length, error);
}

vg_status vg_builder_binary(vg_builder *builder, size_t column, const void *value, size_t size,
                            vg_error *error)
{
    return append_values(builder, column, VG_COLUMN_BINARY, value, size, error);
}

vg_status vg_builder_bool(vg_builder *builder, size_t column, bool value, vg_error *error)
{
    return append_values(builder, column, VG_COLUMN_BOOL, &(uint8_t){value}, 1, error);
}

vg_status vg_builder_int64(vg_builder *builder, size_t column, int64_t value, vg_error *error)
{
    return append_values(builder, column, VG_COLUMN_INT64, &value, 1, error);
}

vg_status vg_builder_float64(vg_builder *builder, size_t column, double value, vg_error *error)
{
    return append_values(builder, column, VG_COLUMN_FLOAT64, &value, 1, error);
}

vg_status vg_builder_float16_list(vg_builder *builder, size_t column, const float *values, size_t n,
                                  vg_error *error)
{
    uint16_t *halves = malloc((n + 1) * sizeof *halves);
    if (halves == NULL) return vg_fail_memory(error, n * sizeof *halves);
    for (size_t i = 0; i < n; i++) halves[i] = vg_half_from_float(values[i]);
    vg_status status = append_values(builder, column, VG_COLUMN_FLOAT16_LIST, halves, n, error);
    free(halves);
    return status;
}

vg_status vg_builder_float32_list(vg_builder *builder, size_t column, const float *values, size_t n,
                                  vg_error *error)
{
    return append_values(builder, column, VG_COLUMN_FLOAT32_LIST, values, n, error);
}

vg_status vg_builder_float64_list(vg_builder *builder, size_t column, const double *values,
                                  size_t n, vg_error *error)
{
    return append_values(builder, column, VG_COLUMN_FLOAT64_LIST, values, n, error);
}

/* The text of one string of a list, and where it ends. */
static vg_status append_item(vg_builder_column *column, const char *value, size_t size,
                             int32_t *end, vg_error *error)
{
    size_t capacity = VG_ESCAPE_CHARS * size + 1;
    if (capacity > (size_t)INT32_MAX - column->text.size)
        return vg_fail(
            error, VG_ELIMIT,
            "table: column %s has more than %d bytes in one batch: write smaller batches",
            column->name, INT32_MAX);
    vg_status status = vg_buffer_reserve(&column->text, capacity, error);
    if (status != VG_OK) return status;
    column->text.size += vg_escape((char *)column->text.bytes + column->text.size, capacity, value,
                                   size, vg_utf8_length);
    *end = (int32_t)column->text.size;
    return VG_OK;
}

vg_status vg_builder_string_list(vg_builder *builder, size_t index, const char *const *values,
                                 const size_t *sizes, size_t n, vg_error *error)
{
    vg_builder_column *column = NULL;
    vg_status status = column_at(builder, index, VG_COLUMN_STRING_LIST, &column, error);
    if (status != VG_OK) return status;
    size_t text_before = column->text.size;
    int32_t *ends = malloc((n + 1) * sizeof *ends);
    if (ends == NULL) return vg_fail_memory(error, (n + 1) * sizeof *ends);
    for (size_t i = 0; i < n && status == VG_OK; i++)
        status = append_item(column, values[i], sizes[i], &ends[i], error);
    if (status == VG_OK)
        status = append_values(builder, index, VG_COLUMN_STRING_LIST, ends, n, error);
    if (status != VG_OK) column->text.size = text_before;
    free(ends);
    return status;
}

vg_status vg_builder_null(vg_builder *builder, size_t column, vg_error *error)
{
    if (column >= builder->n) return no_column(builder, column, error);
    vg_builder_column *to = &builder->columns[column];
    size_t items = vg_column_has_offsets(to->type) ? 0 : 1; /* a number keeps its place */
    vg_status status = reserve_row(to, items, false, error);
    if (status == VG_OK) append_row(to, &(int64_t){0}, items, false);
    return status;
}

/* --- Open and close ------------------------------------------------------ */

vg_status vg_builder_open(vg_builder **builder, const vg_column *columns, size_t n, vg_error *error)
{
    *builder = NULL;
    vg_builder *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->columns = calloc(n > 0 ? n : 1, sizeof *opened->columns);
    if (opened->columns == NULL) goto no_memory;
    for (size_t i = 0; i < n; i++) {
        opened->columns[i].type = columns[i].type;
        opened->columns[i].name = strdup(columns[i].name);
        if (opened->columns[i].name == NULL) goto no_memory;
        opened->n++;
    }
    *builder = opened;
    return VG_OK;
no_memory:
    vg_builder_close(&opened);
    return vg_fail_memory(error, n * sizeof *columns);
}

void vg_builder_close(vg_builder **builder)
{
    if (*builder == NULL) return;
    for (size_t i = 0; i < (*builder)->n; i++) {
        column_clear(&(*builder)->columns[i]);
        free((*builder)->columns[i].name);
    }
    free((*builder)->columns);
    free(*builder);
    *builder = NULL;
}
