/* Features and PCA over Arrow batches: the public functions between a view of the
 * columns that come in and a builder of those that go out. */
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "pca/moments.h"
#include "table/table.h"

static vg_status find_bytes(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                            const char *name, vg_column_view *view, vg_error *error)
{
    vg_status status = vg_column_find(schema, batch, name, view, error);
    return status == VG_OK ? vg_column_check_bytes(view, error) : status;
}

/* The column features, with `dims` values in every row that is not null. */
static vg_status find_features(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                               int dims, vg_column_view *view, vg_error *error)
{
    vg_status status = vg_column_find(schema, batch, "features", view, error);
    if (status == VG_OK) status = vg_column_check_float32_list(view, error);
    for (int64_t row = 0; status == VG_OK && row < view->length; row++) {
        const float *values;
        size_t n;
        if (vg_column_is_null(view, row)) continue;
        vg_column_float32_list(view, row, &values, &n);
        if (n != (size_t)dims)
            status = vg_fail(error, VG_EINVAL,
                             "features: row %lld (counted from 0) has %zu values, %d are needed",
                             (long long)row, n, dims);
    }
    return status;
}

static vg_status copy_bytes(vg_builder *builder, size_t column, const vg_column_view *view,
                            int64_t row, vg_error *error)
{
    if (vg_column_is_null(view, row)) return vg_builder_null(builder, column, error);
    const char *bytes;
    size_t size;
    vg_column_bytes(view, row, &bytes, &size);
    return vg_builder_string(builder, column, bytes, size, error);
}

/* --- Extract ------------------------------------------------------------- */

enum { EXTRACT_ROWS = 16 }; /* of one call of vg_extract */

typedef struct extract_chunk {
    vg_column_view path, label, content;
    vg_encoded_image images[EXTRACT_ROWS];
    vg_image_result results[EXTRACT_ROWS];
    float features[EXTRACT_ROWS][VG_FEATURE_COUNT];
} extract_chunk;

static vg_status extract_rows(vg_extractor *extractor, extract_chunk *chunk, int64_t start,
                              size_t n, vg_error *error)
{
    for (size_t i = 0; i < n; i++) {
        const char *bytes = "";
        size_t size = 0;
        if (!vg_column_is_null(&chunk->content, start + (int64_t)i))
            vg_column_bytes(&chunk->content, start + (int64_t)i, &bytes, &size);
        chunk->images[i] = (vg_encoded_image){.data = bytes, .size = size};
    }
    return vg_extract(extractor, n, chunk->images, chunk->features[0], chunk->results, error);
}

/* Row `i` of those extracted, which is row `row` of the batch. */
static vg_status append_extracted(vg_builder *builder, const extract_chunk *chunk, size_t i,
                                  int64_t row, vg_error *error)
{
    enum { PATH, LABEL, FEATURES, ERROR };
    const vg_image_result *result = &chunk->results[i];
    vg_status status = copy_bytes(builder, PATH, &chunk->path, row, error);
    if (status == VG_OK) status = copy_bytes(builder, LABEL, &chunk->label, row, error);
    if (status != VG_OK) return status;

    if (result->status == VG_OK) {
        status =
            vg_builder_float32_list(builder, FEATURES, chunk->features[i], VG_FEATURE_COUNT, error);
        return status == VG_OK ? vg_builder_null(builder, ERROR, error) : status;
    }
    bool has_content = !vg_column_is_null(&chunk->content, row);
    const char *reason = has_content ? result->error.message : "no content";
    status = vg_builder_null(builder, FEATURES, error);
    if (status == VG_OK) status = vg_builder_string(builder, ERROR, reason, strlen(reason), error);
    return status;
}

vg_status vg_extract_arrow(vg_extractor *extractor, const struct ArrowSchema *schema,
                           const struct ArrowArray *batch, struct ArrowSchema *out_schema,
                           struct ArrowArray *out_batch, vg_error *error)
{
    static const vg_column columns[] = {{"path", VG_COLUMN_STRING},
                                        {"label", VG_COLUMN_STRING},
                                        {"features", VG_COLUMN_FLOAT32_LIST},
                                        {"error", VG_COLUMN_STRING}};
    if (out_schema == NULL || out_batch == NULL)
        return vg_fail_null(error, "vg_extract_arrow", "place of the result");
    memset(out_schema, 0, sizeof *out_schema);
    memset(out_batch, 0, sizeof *out_batch);
    if (extractor == NULL) return vg_fail_null(error, "vg_extract_arrow", "extractor");
    if (schema == NULL || batch == NULL) return vg_fail_null(error, "vg_extract_arrow", "batch");
    vg_builder *builder = NULL;
    extract_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL) return vg_fail_memory(error, sizeof *chunk);

    vg_status status = find_bytes(schema, batch, "path", &chunk->path, error);
    if (status == VG_OK) status = find_bytes(schema, batch, "label", &chunk->label, error);
    if (status == VG_OK) status = find_bytes(schema, batch, "content", &chunk->content, error);
    if (status == VG_OK)
        status = vg_builder_open(&builder, columns, sizeof columns / sizeof *columns, error);
    for (int64_t start = 0; status == VG_OK && start < batch->length; start += EXTRACT_ROWS) {
        int64_t left = batch->length - start;
        size_t n = left < EXTRACT_ROWS ? (size_t)left : EXTRACT_ROWS;
        status = extract_rows(extractor, chunk, start, n, error);
        for (size_t i = 0; status == VG_OK && i < n; i++)
            status = append_extracted(builder, chunk, i, start + (int64_t)i, error);
    }
    if (status == VG_OK) status = vg_builder_finish(builder, out_schema, out_batch, error);
    vg_builder_close(&builder);
    free(chunk);
    return status;
}

/* The rows from `row` on whose features lie one behind the other, `most` at most; 0 where it
 * has none. */
static size_t find_run(const vg_column_view *features, int64_t row, size_t most, size_t dims,
                       const float **values)
{
    size_t run = 0, n;
    const float *next;
    for (; run < most && row < features->length && !vg_column_is_null(features, row);
         row++, run++) {
        vg_column_float32_list(features, row, &next, &n);
        if (run == 0) *values = next;
        if (next != *values + run * dims) break;
    }
    return run;
}

/* --- Moments ------------------------------------------------------------- */

vg_status vg_moments_add_arrow(vg_moments *moments, const struct ArrowSchema *schema,
                               const struct ArrowArray *batch, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_moments_add_arrow", "moments");
    if (schema == NULL || batch == NULL)
        return vg_fail_null(error, "vg_moments_add_arrow", "batch");
    vg_column_view features;
    size_t dims = (size_t)vg_moments_dims(moments), n;
    const float *values;
    vg_status status = find_features(schema, batch, vg_moments_dims(moments), &features, error);
    if (status != VG_OK) return status;
    n = find_run(&features, 0, SIZE_MAX, dims, &values);
    if (n > 0 && n == (size_t)features.length) return vg_moments_add(moments, n, values, error);
    /* All rows are looked at before the first is added: a batch goes in whole or
     * not at all. */
    for (int64_t row = 0; status == VG_OK && row < features.length; row++) {
        if (vg_column_is_null(&features, row)) continue;
        vg_column_float32_list(&features, row, &values, &n);
        status = vg_check_finite(values, dims, (uint64_t)row, error);
    }
    for (int64_t row = 0; status == VG_OK && row < features.length; row += (int64_t)n) {
        n = find_run(&features, row, SIZE_MAX, dims, &values);
        if (n > 0) status = vg_moments_add(moments, n, values, error);
        if (n == 0) n = 1;
    }
    return status;
}

/* --- Projection ---------------------------------------------------------- */

enum { PROJECT_ROWS = 256 }; /* of one call of vg_pca_project */

typedef struct projection {
    const vg_pca *pca;
    vg_column_view path, label, features;
    double *projected; /* [PROJECT_ROWS][k] */
} projection;

static vg_status append_names(vg_builder *builder, const projection *from, int64_t row,
                              vg_error *error)
{
    vg_status status = copy_bytes(builder, 0, &from->path, row, error);
    return status == VG_OK ? copy_bytes(builder, 1, &from->label, row, error) : status;
}

/* The run of rows from *row on, or that one alone where it has no features; *row becomes the
 * one after them. */
static vg_status append_projected(vg_builder *builder, const projection *from, int64_t *row,
                                  vg_error *error)
{
    enum { PCA_FEATURES = 2 };
    const float *values = NULL;
    size_t components = (size_t)vg_pca_components(from->pca);
    size_t dims = (size_t)vg_pca_dims(from->pca);
    size_t n = find_run(&from->features, *row, PROJECT_ROWS, dims, &values);
    if (n == 0) {
        vg_status status = append_names(builder, from, (*row)++, error);
        return status == VG_OK ? vg_builder_null(builder, PCA_FEATURES, error) : status;
    }
    vg_status status = vg_pca_project(from->pca, n, values, from->projected, error);
    for (size_t i = 0; i < n && status == VG_OK; i++) {
        status = append_names(builder, from, (*row)++, error);
        if (status == VG_OK)
            status = vg_builder_float64_list(builder, PCA_FEATURES,
                                             from->projected + i * components, components, error);
    }
    return status;
}

vg_status vg_pca_project_arrow(const vg_pca *pca, const struct ArrowSchema *schema,
                               const struct ArrowArray *batch, struct ArrowSchema *out_schema,
                               struct ArrowArray *out_batch, vg_error *error)
{
    static const vg_column columns[] = {{"path", VG_COLUMN_STRING},
                                        {"label", VG_COLUMN_STRING},
                                        {"pca_features", VG_COLUMN_FLOAT64_LIST}};
    if (out_schema == NULL || out_batch == NULL)
        return vg_fail_null(error, "vg_pca_project_arrow", "place of the result");
    memset(out_schema, 0, sizeof *out_schema);
    memset(out_batch, 0, sizeof *out_batch);
    if (pca == NULL) return vg_fail_null(error, "vg_pca_project_arrow", "PCA");
    if (schema == NULL || batch == NULL)
        return vg_fail_null(error, "vg_pca_project_arrow", "batch");
    vg_builder *builder = NULL;
    projection from = {.pca = pca};
    vg_status status = find_bytes(schema, batch, "path", &from.path, error);
    if (status == VG_OK) status = find_bytes(schema, batch, "label", &from.label, error);
    if (status == VG_OK)
        status = find_features(schema, batch, vg_pca_dims(pca), &from.features, error);
    if (status == VG_OK)
        status = vg_builder_open(&builder, columns, sizeof columns / sizeof *columns, error);
    if (status != VG_OK) return status;

    size_t numbers = PROJECT_ROWS * (size_t)vg_pca_components(pca);
    from.projected = vg_alloc_aligned(numbers, sizeof *from.projected);
    if (from.projected == NULL) status = vg_fail_memory(error, numbers * sizeof *from.projected);
    for (int64_t row = 0; status == VG_OK && row < batch->length;)
        status = append_projected(builder, &from, &row, error);
    if (status == VG_OK) status = vg_builder_finish(builder, out_schema, out_batch, error);
    free(from.projected);
    vg_builder_close(&builder);
    return status;
}
