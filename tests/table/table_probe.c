/* The table room for test_table_pyarrow.py: a batch is read with views, row by row,
 * and built again. */
#include <string.h>

#include "base/error.h"
#include "table/table.h"

vg_status probe_bytes(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                      struct ArrowSchema *out_schema, struct ArrowArray *out_batch,
                      vg_error *error);
vg_status probe_lists(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                      struct ArrowSchema *out_schema, struct ArrowArray *out_batch,
                      vg_error *error);
vg_status probe_numbers(int64_t rows, struct ArrowSchema *out_schema, struct ArrowArray *out_batch,
                        vg_error *error);

static vg_status copy_rows(const vg_column_view *view, vg_builder *builder, int is_list,
                           vg_error *error)
{
    vg_status status = VG_OK;
    for (int64_t row = 0; row < view->length && status == VG_OK; row++) {
        if (vg_column_is_null(view, row)) {
            status = vg_builder_null(builder, 0, error);
        } else if (is_list) {
            const float *values;
            size_t n;
            vg_column_float32_list(view, row, &values, &n);
            status = vg_builder_float32_list(builder, 0, values, n, error);
        } else {
            const char *bytes;
            size_t size;
            vg_column_bytes(view, row, &bytes, &size);
            status = vg_builder_string(builder, 0, bytes, size, error);
        }
    }
    return status;
}

static vg_status copy_column(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                             int is_list, struct ArrowSchema *out_schema,
                             struct ArrowArray *out_batch, vg_error *error)
{
    vg_column_view view;
    vg_status status = vg_column_find(schema, batch, "x", &view, error);
    if (status == VG_OK)
        status = is_list ? vg_column_check_float32_list(&view, error)
                         : vg_column_check_bytes(&view, error);
    if (status != VG_OK) return status;
    const vg_column column = {"x", is_list ? VG_COLUMN_FLOAT32_LIST : VG_COLUMN_STRING};
    vg_builder *builder;
    status = vg_builder_open(&builder, &column, 1, error);
    if (status != VG_OK) return status;
    status = copy_rows(&view, builder, is_list, error);
    if (status == VG_OK) status = vg_builder_finish(builder, out_schema, out_batch, error);
    vg_builder_close(&builder);
    return status;
}

vg_status probe_bytes(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                      struct ArrowSchema *out_schema, struct ArrowArray *out_batch, vg_error *error)
{
    return copy_column(schema, batch, 0, out_schema, out_batch, error);
}

vg_status probe_lists(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                      struct ArrowSchema *out_schema, struct ArrowArray *out_batch, vg_error *error)
{
    return copy_column(schema, batch, 1, out_schema, out_batch, error);
}

/* Every type; each third row null. */
static vg_status append_numbers(vg_builder *builder, int64_t row, vg_error *error)
{
    vg_status status = VG_OK;
    if (row % 3 == 2) {
        for (size_t column = 0; column < 6 && status == VG_OK; column++)
            status = vg_builder_null(builder, column, error);
        return status;
    }
    double doubles[7];
    float floats[7];
    size_t n = (size_t)(row % 8);
    for (size_t i = 0; i < n; i++) {
        doubles[i] = (double)row / 7 + (double)i;
        floats[i] = (float)doubles[i];
    }
    status = vg_builder_float64_list(builder, 5, doubles, n, error);
    if (status == VG_OK) status = vg_builder_float32_list(builder, 4, floats, n, error);
    if (status == VG_OK) status = vg_builder_int64(builder, 3, row * 1000000 + 1, error);
    if (status == VG_OK) status = vg_builder_float64(builder, 2, (double)row / 3, error);
    if (status == VG_OK) status = vg_builder_int64(builder, 1, -row, error);
    if (status == VG_OK) status = vg_builder_string(builder, 0, "pomme de reinette", n, error);
    return status;
}

vg_status probe_numbers(int64_t rows, struct ArrowSchema *out_schema, struct ArrowArray *out_batch,
                        vg_error *error)
{
    const vg_column columns[] = {
        {"string", VG_COLUMN_STRING},       {"int", VG_COLUMN_INT64},
        {"float", VG_COLUMN_FLOAT64},       {"time", VG_COLUMN_TIMESTAMP},
        {"floats", VG_COLUMN_FLOAT32_LIST}, {"doubles", VG_COLUMN_FLOAT64_LIST},
    };
    vg_builder *builder;
    vg_status status = vg_builder_open(&builder, columns, 6, error);
    for (int64_t row = 0; row < rows && status == VG_OK; row++)
        status = append_numbers(builder, row, error);
    if (status == VG_OK) status = vg_builder_finish(builder, out_schema, out_batch, error);
    vg_builder_close(&builder);
    return status;
}
