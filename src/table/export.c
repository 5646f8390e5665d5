/* A builder's columns to Arrow arrays and their schema, by the rules of
 * https://arrow.apache.org/docs/format/CDataInterface.html. Every array owns its
 * own buffers, so that a consumer may move a child out and release it alone. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "table/builder.h"

/* --- Schema -------------------------------------------------------------- */

typedef struct schema_owner {
    char *name;
    struct ArrowSchema **children;
} schema_owner;

static void release_schema(struct ArrowSchema *schema)
{
    schema_owner *owner = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++) {
        vg_schema_release(owner->children[i]);
        free(owner->children[i]);
    }
    free(owner->children);
    free(owner->name);
    free(owner);
    schema->release = NULL;
}

/* Leaves released children, for the caller to open. */
static vg_status open_schema(struct ArrowSchema *schema, const char *format, const char *name,
                             int64_t flags, size_t n_children, vg_error *error)
{
    memset(schema, 0, sizeof *schema);
    schema_owner *owner = calloc(1, sizeof *owner);
    if (owner == NULL) return vg_fail_memory(error, sizeof *owner);
    schema->release = release_schema;
    schema->private_data = owner;
    schema->format = format;
    schema->flags = flags;
    schema->name = owner->name = strdup(name);
    schema->children = owner->children = calloc(n_children + 1, sizeof(struct ArrowSchema *));
    if (owner->name == NULL || owner->children == NULL) goto no_memory;
    for (size_t i = 0; i < n_children; i++) {
        owner->children[i] = calloc(1, sizeof(struct ArrowSchema));
        if (owner->children[i] == NULL) goto no_memory;
        schema->n_children++;
    }
    return VG_OK;
no_memory:
    vg_schema_release(schema);
    return vg_fail_memory(error, (n_children + 1) * sizeof(struct ArrowSchema));
}

static const char *format_of(vg_column_type type)
{
    switch (type) {
    case VG_COLUMN_STRING: return "u";
    case VG_COLUMN_BINARY: return "z";
    case VG_COLUMN_BOOL: return "b";
    case VG_COLUMN_INT64: return "l";
    case VG_COLUMN_FLOAT64: return "g";
    case VG_COLUMN_TIMESTAMP: return "tsu:UTC";
    case VG_COLUMN_FLOAT16_LIST:
    case VG_COLUMN_FLOAT32_LIST:
    case VG_COLUMN_FLOAT64_LIST:
    case VG_COLUMN_STRING_LIST: return "+l";
    }
    return "n";
}

/* The format of a list's items; NULL for what is not a list. */
static const char *item_format_of(vg_column_type type)
{
    switch (type) {
    case VG_COLUMN_FLOAT16_LIST: return "e";
    case VG_COLUMN_FLOAT32_LIST: return "f";
    case VG_COLUMN_FLOAT64_LIST: return "g";
    case VG_COLUMN_STRING_LIST: return "u";
    default: return NULL;
    }
}

vg_status vg_builder_schema(const vg_builder *builder, struct ArrowSchema *schema, vg_error *error)
{
    vg_status status = open_schema(schema, "+s", "", 0, builder->n, error);
    for (size_t i = 0; i < builder->n && status == VG_OK; i++) {
        const vg_builder_column *column = &builder->columns[i];
        const char *item = item_format_of(column->type);
        struct ArrowSchema *child = schema->children[i];
        status = open_schema(child, format_of(column->type), column->name, ARROW_FLAG_NULLABLE,
                             item != NULL, error);
        if (status == VG_OK && item != NULL)
            status = open_schema(child->children[0], item, "item", ARROW_FLAG_NULLABLE, 0, error);
    }
    if (status != VG_OK) vg_schema_release(schema);
    return status;
}

/* --- Array --------------------------------------------------------------- */

typedef struct array_owner {
    const void *buffers[3];
    struct ArrowArray **children;
} array_owner;

static void release_array(struct ArrowArray *array)
{
    array_owner *owner = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        vg_batch_release(owner->children[i]);
        free(owner->children[i]);
    }
    for (int64_t i = 0; i < array->n_buffers; i++) free((void *)owner->buffers[i]);
    free(owner->children);
    free(owner);
    array->release = NULL;
}

/* Leaves NULL buffers and released children, for the caller to fill and open. */
static vg_status open_array(struct ArrowArray *array, int n_buffers, size_t n_children,
                            vg_error *error)
{
    memset(array, 0, sizeof *array);
    array_owner *owner = calloc(1, sizeof *owner);
    if (owner == NULL) return vg_fail_memory(error, sizeof *owner);
    array->release = release_array;
    array->private_data = owner;
    array->buffers = owner->buffers;
    array->n_buffers = n_buffers;
    array->children = owner->children = calloc(n_children + 1, sizeof(struct ArrowArray *));
    if (owner->children == NULL) goto no_memory;
    for (size_t i = 0; i < n_children; i++) {
        owner->children[i] = calloc(1, sizeof(struct ArrowArray));
        if (owner->children[i] == NULL) goto no_memory;
        array->n_children++;
    }
    return VG_OK;
no_memory:
    vg_batch_release(array);
    return vg_fail_memory(error, (n_children + 1) * sizeof(struct ArrowArray));
}

static vg_status open_column(struct ArrowArray *array, vg_builder_column *column, vg_error *error)
{
    bool is_list = item_format_of(column->type) != NULL;
    int n_buffers = vg_column_is_bytes(column->type) ? 3 : 2;
    vg_status status = open_array(array, n_buffers, is_list, error);
    bool is_text = column->type == VG_COLUMN_STRING_LIST;
    if (status == VG_OK && is_list)
        status = open_array(array->children[0], is_text ? 3 : 2, 0, error);
    if (status == VG_OK && is_text) status = vg_buffer_reserve(&column->text, 0, error);
    if (status == VG_OK && is_text)
        status = vg_buffer_reserve(&column->values, sizeof(int32_t), error);
    /* An empty column has its one offset, and buffers of no bytes, all the same:
     * some consumers look. */
    if (status == VG_OK && vg_column_has_offsets(column->type))
        status = vg_buffer_reserve(&column->offsets, sizeof(int32_t), error);
    if (status == VG_OK) status = vg_buffer_reserve(&column->values, 0, error);
    return status;
}

static const void *take(vg_buffer *buffer)
{
    const void *bytes = buffer->bytes;
    *buffer = (vg_buffer){0};
    return bytes;
}

/* Arrow wants the strings' offsets to begin with a zero; there is room for it. */
static void hand_over_strings(vg_builder_column *column, array_owner *owner)
{
    vg_buffer *ends = &column->values;
    memmove(ends->bytes + sizeof(int32_t), ends->bytes, ends->size);
    memset(ends->bytes, 0, sizeof(int32_t));
    owner->buffers[1] = take(ends);
    owner->buffers[2] = take(&column->text);
}

/* Bytes of 0 and 1 to bits, in their place. */
static void pack_bits(vg_buffer *values)
{
    for (size_t i = 0; i < values->size; i++) {
        unsigned bit = (unsigned)values->bytes[i] << i % 8;
        unsigned before = i % 8 == 0 ? 0 : values->bytes[i / 8];
        values->bytes[i / 8] = (uint8_t)(before | bit);
    }
}

static void hand_over(vg_builder_column *column, struct ArrowArray *array)
{
    array_owner *owner = array->private_data;
    array->length = column->length;
    array->null_count = column->null_count;
    size_t value_bytes = column->values.size;
    int next = 0;
    owner->buffers[next++] = take(&column->validity);
    if (vg_column_has_offsets(column->type)) owner->buffers[next++] = take(&column->offsets);
    if (column->type == VG_COLUMN_BOOL) pack_bits(&column->values);
    if (array->n_children == 0) {
        owner->buffers[next] = take(&column->values);
    } else {
        struct ArrowArray *items = array->children[0];
        array_owner *items_owner = items->private_data;
        items->length = (int64_t)(value_bytes / vg_column_value_size(column->type));
        if (column->type == VG_COLUMN_STRING_LIST)
            hand_over_strings(column, items_owner);
        else
            items_owner->buffers[1] = take(&column->values);
    }
    column->length = column->null_count = 0;
}

vg_status vg_builder_finish(vg_builder *builder, struct ArrowSchema *schema,
                            struct ArrowArray *batch, vg_error *error)
{
    memset(batch, 0, sizeof *batch);
    memset(schema, 0, sizeof *schema);
    const vg_builder_column *first = builder->columns;
    for (size_t i = 1; i < builder->n; i++)
        if (first[i].length != first->length)
            return vg_fail(error, VG_EINVAL, "table: column %s has %lld rows, column %s has %lld",
                           first->name, (long long)first->length, first[i].name,
                           (long long)first[i].length);

    vg_status status = vg_builder_schema(builder, schema, error);
    if (status == VG_OK) status = open_array(batch, 1, builder->n, error);
    for (size_t i = 0; i < builder->n && status == VG_OK; i++)
        status = open_column(batch->children[i], &builder->columns[i], error);
    if (status != VG_OK) {
        vg_schema_release(schema);
        vg_batch_release(batch);
        return status;
    }
    batch->length = builder->n > 0 ? first->length : 0;
    for (size_t i = 0; i < builder->n; i++) hand_over(&builder->columns[i], batch->children[i]);
    return VG_OK;
}

void vg_schema_release(struct ArrowSchema *schema)
{
    if (schema->release != NULL) schema->release(schema);
}

void vg_batch_release(struct ArrowArray *batch)
{
    if (batch->release != NULL) batch->release(batch);
}
