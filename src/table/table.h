/* Arrow arrays in and out, over the C Data Interface alone. */
#ifndef VG_TABLE_TABLE_H
#define VG_TABLE_TABLE_H

#include <stdbool.h>

#include "verger/verger.h"

/* --- Building a struct batch, row by row -------------------------------- */

typedef enum vg_column_type {
    VG_COLUMN_STRING,
    VG_COLUMN_BINARY,
    VG_COLUMN_BOOL,
    VG_COLUMN_INT64,
    VG_COLUMN_FLOAT64,
    VG_COLUMN_TIMESTAMP,    /* microseconds since 1970, UTC */
    VG_COLUMN_FLOAT16_LIST, /* list<half_float> */
    VG_COLUMN_FLOAT32_LIST, /* list<float> */
    VG_COLUMN_FLOAT64_LIST, /* list<double> */
    VG_COLUMN_STRING_LIST   /* list<string> */
} vg_column_type;

typedef struct vg_column {
    const char *name; /* copied */
    vg_column_type type;
} vg_column;

/* A batch under construction. Every row appends one value to each column, in any
 * order of columns; vg_builder_finish refuses ragged columns. */
typedef struct vg_builder vg_builder;

vg_status vg_builder_open(vg_builder **builder, const vg_column *columns, size_t n,
                          vg_error *error);
void vg_builder_close(vg_builder **builder);

/* Text is UTF-8. A byte that belongs to no character becomes \xNN: one bad name must
 * not make a column unreadable. */
vg_status vg_builder_string(vg_builder *builder, size_t column, const char *value, size_t size,
                            vg_error *error);
/* The name of a file: that again, and so that vg_unescape gives it back. */
vg_status vg_builder_name(vg_builder *builder, size_t column, const char *name, size_t size,
                          vg_error *error);
/* The same for a table that is shown on terminals: no control characters either. */
vg_status vg_builder_printable_name(vg_builder *builder, size_t column, const char *name,
                                    size_t size, vg_error *error);
/* Bytes as they are. */
vg_status vg_builder_binary(vg_builder *builder, size_t column, const void *value, size_t size,
                            vg_error *error);
vg_status vg_builder_bool(vg_builder *builder, size_t column, bool value, vg_error *error);
vg_status vg_builder_int64(vg_builder *builder, size_t column, int64_t value, vg_error *error);
vg_status vg_builder_float64(vg_builder *builder, size_t column, double value, vg_error *error);
/* Rounds to the nearest. */
vg_status vg_builder_float16_list(vg_builder *builder, size_t column, const float *values, size_t n,
                                  vg_error *error);
vg_status vg_builder_float32_list(vg_builder *builder, size_t column, const float *values, size_t n,
                                  vg_error *error);
vg_status vg_builder_float64_list(vg_builder *builder, size_t column, const double *values,
                                  size_t n, vg_error *error);
/* Each of the n as vg_builder_string takes it. */
vg_status vg_builder_string_list(vg_builder *builder, size_t column, const char *const *values,
                                 const size_t *sizes, size_t n, vg_error *error);
vg_status vg_builder_null(vg_builder *builder, size_t column, vg_error *error);

/* Hands the rows over as a struct batch, the caller's to release, and leaves the
 * builder empty for the next batch. */
vg_status vg_builder_finish(vg_builder *builder, struct ArrowSchema *schema,
                            struct ArrowArray *batch, vg_error *error);

/* The schema alone, for opening a writer before the first batch. */
vg_status vg_builder_schema(const vg_builder *builder, struct ArrowSchema *schema, vg_error *error);

/* --- Reading a struct batch --------------------------------------------- */

/* A column of a batch somebody else made; valid while the batch is. */
typedef struct vg_column_view {
    const struct ArrowSchema *schema;
    const struct ArrowArray *batch, *array;
    int64_t length, offset; /* rows of the batch, and where they start in the column */
} vg_column_view;

/* Finds a column by name; VG_ENOTFOUND names the column and lists those there. */
vg_status vg_column_find(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                         const char *name, vg_column_view *view, vg_error *error);
bool vg_column_is_null(const vg_column_view *view, int64_t row);

/* Check the type and the offsets once, before rows are read: string, large_string,
 * binary or large_binary; int64; list, large_list or fixed_size_list of float, without
 * nulls among the floats. */
vg_status vg_column_check_bytes(const vg_column_view *view, vg_error *error);
vg_status vg_column_check_int64(const vg_column_view *view, vg_error *error);
vg_status vg_column_check_float32_list(const vg_column_view *view, vg_error *error);

/* The value of a row that is not null; it points into the batch. */
void vg_column_bytes(const vg_column_view *view, int64_t row, const char **bytes, size_t *size);
int64_t vg_column_int64(const vg_column_view *view, int64_t row);
void vg_column_float32_list(const vg_column_view *view, int64_t row, const float **values,
                            size_t *n);

/* The items of a list column as a column of their own, and those that a row has, from `first`
 * up to `end`. What the items are is for vg_column_check_bytes to say. */
vg_status vg_column_list_items(const vg_column_view *list, vg_column_view *items, vg_error *error);
void vg_column_list_range(const vg_column_view *list, int64_t row, int64_t *first, int64_t *end);

/* Release if not released yet. */
void vg_schema_release(struct ArrowSchema *schema);
void vg_batch_release(struct ArrowArray *batch);

#endif
