#include "explore/search.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/usable_cpus.h"
#include "explore/features_model.h"
#include "explore/query_images.h"
#include "explore/row_table.h"

struct vg_search {
    vg_search_options options;
    vg_store *store;
    vg_row_table rows;
    vg_index *index;
    vg_query_images *images; /* NULL until a new image comes */
    unsigned char *allowed;  /* [rows] */
    size_t allowed_count;
};

/* --- Paths ---------------------------------------------------------------------- */

/* Whether `path` is `end`, or ends so behind a '/'. */
static bool ends_with_path(const char *path, const char *end)
{
    size_t size = strlen(path), end_size = strlen(end);
    if (end_size == 0 || end_size > size || strcmp(path + size - end_size, end) != 0) return false;
    return end_size == size || path[size - end_size - 1] == '/';
}

static int compare_path(const void *path, const void *item)
{
    return strcmp(path, ((const vg_path *)item)->text);
}

/* The rows of that path: the one whose path it is, or all that end so. Returns their number;
 * *row is the last. */
static size_t find_path(const vg_search *search, const char *path, size_t *row)
{
    const vg_paths *paths = &search->rows.paths;
    const vg_path *whole =
        bsearch(path, paths->items, paths->count, sizeof *paths->items, compare_path);
    if (whole != NULL) {
        *row = (size_t)(whole - paths->items);
        return 1;
    }
    size_t found = 0;
    for (size_t i = 0; i < paths->count; i++) {
        if (!ends_with_path(paths->items[i].text, path)) continue;
        *row = i;
        found++;
    }
    return found;
}

bool vg_search_has_path(const vg_search *search, const char *path)
{
    size_t row;
    return find_path(search, path, &row) > 0;
}

static vg_status take_path(const vg_search *search, const char *path, size_t *row, vg_error *error)
{
    size_t found = find_path(search, path, row);
    if (found == 1) return VG_OK;
    if (found == 0)
        return vg_fail(error, VG_ENOTFOUND, "no row of %s has the path %s", search->rows.address,
                       path);
    return vg_fail(error, VG_EINVAL, "%zu rows have paths that end in %s: give more of the path",
                   found, path);
}

/* --- Filters -------------------------------------------------------------------------- */

static vg_status check_filter(const vg_search_filter *filter, vg_error *error)
{
    if (strcmp(filter->column, "label") == 0 || strcmp(filter->column, "path") == 0) return VG_OK;
    return vg_fail(error, VG_EINVAL,
                   "rows have no column %s to choose by: label and path are there", filter->column);
}

/* "Training" stands for all that lies in a folder of that name. */
static bool lies_in(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    for (const char *at = path; (at = strstr(at, folder)) != NULL; at++)
        if ((at == path || at[-1] == '/') && (at[size] == '/' || at[size] == '\0')) return true;
    return false;
}

static bool passes(const vg_search *search, size_t row, const vg_search_filter *filter)
{
    if (strcmp(filter->column, "label") == 0)
        return strcmp(search->rows.labels.items[row].text, filter->value) == 0;
    return filter->value[0] != '\0' && lies_in(search->rows.paths.items[row].text, filter->value);
}

static vg_status apply_filters(vg_search *search, vg_error *error)
{
    const vg_search_options *options = &search->options;
    size_t count = vg_row_table_count(&search->rows);
    search->allowed = malloc(count);
    if (search->allowed == NULL) return vg_fail_memory(error, count);
    memset(search->allowed, 1, count);
    for (size_t f = 0; f < options->filter_count; f++) {
        const vg_search_filter *filter = &options->filters[f];
        vg_status status = check_filter(filter, error);
        if (status != VG_OK) return status;
        size_t passed = 0;
        for (size_t i = 0; i < count; i++) {
            search->allowed[i] = search->allowed[i] && passes(search, i, filter);
            passed += search->allowed[i];
        }
        if (passed == 0)
            return vg_fail(error, VG_ENOTFOUND, "no row is left where %s is %s", filter->column,
                           filter->value);
    }
    for (size_t i = 0; i < count; i++) search->allowed_count += search->allowed[i];
    return VG_OK;
}

/* --- Open and close --------------------------------------------------------------------- */

static int threads_of(const vg_search_options *options)
{
    return options->threads > 0 ? options->threads : vg_usable_cpus();
}

static vg_status open_index(vg_search *search, vg_error *error)
{
    const vg_row_file *values = &search->rows.values;
    vg_index_options options;
    vg_index_options_default(&options);
    options.metric = search->options.metric;
    options.threads = threads_of(&search->options);
    options.sketch = search->options.many_queries;
    /* Its threads would wait for one another by spinning, beside ours. */
    openblas_set_num_threads(1);
    return vg_index_open(&search->index, values->rows, values->count, values->dims, &options,
                         error);
}

vg_status vg_search_open(vg_search **search, const vg_search_options *options, vg_error *error)
{
    vg_search *opened = *search = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->options = *options;
    vg_status status = vg_store_open(&opened->store, options->output, &options->store, error);
    if (status == VG_OK)
        status = vg_row_table_open(&opened->rows, opened->store, VG_TABLE_FEATURES,
                                   &options->observer, options->cancel, error);
    if (status == VG_OK) status = apply_filters(opened, error);
    if (status == VG_OK) status = open_index(opened, error);
    if (status != VG_OK) vg_search_close(search);
    return status;
}

void vg_search_close(vg_search **search)
{
    if (*search == NULL) return;
    vg_query_images_close(&(*search)->images);
    vg_index_close(&(*search)->index);
    vg_row_table_close(&(*search)->rows);
    vg_store_close(&(*search)->store);
    free((*search)->allowed);
    free(*search);
    *search = NULL;
}

size_t vg_search_rows(const vg_search *search)
{
    return vg_row_table_count(&search->rows);
}

/* --- Queries ------------------------------------------------------------------------------- */

/* What one call works with. */
typedef struct finding {
    vg_search *search;
    const vg_search_query *query;
    double *sum;      /* [dims] */
    float *row;       /* [dims], of a new image, then the query */
    size_t *left_out; /* rows that are not to be found in this call */
    size_t left_count;
    int64_t *indices;  /* [count] */
    double *distances; /* [count] */
} finding;

static void add_row(finding *f, const float *row, size_t parts)
{
    size_t dims = (size_t)f->search->rows.values.dims;
    double square = 0.0, factor = 1.0;
    for (size_t d = 0; d < dims; d++) square += (double)row[d] * (double)row[d];
    /* A single row is asked for as it is. */
    if (f->search->options.metric == VG_COSINE && parts > 1)
        factor = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    for (size_t d = 0; d < dims; d++) f->sum[d] += (double)row[d] * factor / (double)parts;
}

/* Rows of others, who keep no model_info, are taken on trust. */
static vg_status check_model(const vg_search *search, vg_error *error)
{
    vg_row_origin of_rows;
    char given[VG_MODEL_NAME_CHARS];
    const char *source = search->options.model_source;
    vg_status status = vg_row_origin_find(&of_rows, search->store, &search->rows, error);
    if (status != VG_OK || of_rows.model[0] == '\0') return status;
    status = vg_source_model(given, source, error);
    if (status != VG_OK || strcmp(given, of_rows.model) == 0) return status;
    return vg_fail(error, VG_EINVAL,
                   "%s does not come from the weights %s: give those that model_info names "
                   "with --model",
                   search->rows.address, source);
}

static vg_status open_images(vg_search *search, vg_error *error)
{
    const vg_row_table *rows = &search->rows;
    if (search->images != NULL) return VG_OK;
    if (rows->values.dims != VG_FEATURE_COUNT)
        return vg_fail(error, VG_EINVAL,
                       "%s has rows of %d numbers, an image gives %d: ask for rows with --path",
                       rows->address, rows->values.dims, VG_FEATURE_COUNT);
    vg_query_images_options options = {.model_source = search->options.model_source,
                                       .max_file_size = search->options.max_file_size,
                                       .threads = threads_of(&search->options)};
    vg_status status = VG_OK;
    if (options.model_source != NULL) status = check_model(search, error);
    if (status == VG_OK) status = vg_features_form(&options.form, search->store, rows, error);
    if (status == VG_OK) status = vg_query_images_open(&search->images, &options, error);
    return status;
}

static void leave_out(finding *f, size_t row)
{
    if (!f->search->allowed[row]) return;
    f->search->allowed[row] = 0;
    f->left_out[f->left_count++] = row;
}

static vg_status add_parts(finding *f, vg_error *error)
{
    vg_search *search = f->search;
    const vg_search_query *query = f->query;
    size_t dims = (size_t)search->rows.values.dims, row;
    size_t parts = query->image_count + query->path_count;
    if (parts == 0) return vg_fail(error, VG_EINVAL, "nothing to search for: name images or paths");
    vg_status status = query->image_count > 0 ? open_images(search, error) : VG_OK;
    for (size_t i = 0; i < query->image_count && status == VG_OK; i++) {
        status = vg_query_images_read(search->images, query->images[i], f->row, error);
        if (status == VG_OK) add_row(f, f->row, parts);
    }
    for (size_t i = 0; i < query->path_count && status == VG_OK; i++) {
        status = take_path(search, query->paths[i], &row, error);
        if (status != VG_OK) break;
        add_row(f, search->rows.values.rows + row * dims, parts);
        leave_out(f, row);
    }
    for (size_t i = 0; i < query->excluded_count && status == VG_OK; i++) {
        status = take_path(search, query->excluded[i], &row, error);
        if (status == VG_OK) leave_out(f, row);
    }
    for (size_t d = 0; d < dims; d++) f->row[d] = (float)f->sum[d];
    return status;
}

static vg_status find(finding *f, vg_search_hit *hits, size_t *count, vg_error *error)
{
    vg_search *search = f->search;
    vg_status status = add_parts(f, error);
    if (status != VG_OK) return status;
    size_t left = search->allowed_count - f->left_count;
    if (*count > left) *count = left;
    if (*count == 0) return VG_OK;
    status = vg_index_search(search->index, 1, f->row, (int)*count, search->allowed, f->indices,
                             f->distances, error);
    for (size_t i = 0; i < *count && status == VG_OK; i++)
        hits[i] = (vg_search_hit){search->rows.paths.items[f->indices[i]].text,
                                  search->rows.labels.items[f->indices[i]].text, f->distances[i]};
    return status;
}

vg_status vg_search_find(vg_search *search, const vg_search_query *query, vg_search_hit *hits,
                         size_t *count, vg_error *error)
{
    size_t dims = (size_t)search->rows.values.dims, rows = vg_row_table_count(&search->rows);
    if (*count > rows)
        return vg_fail(error, VG_EINVAL, "the %zu nearest of %zu rows: ask for at most %zu with -n",
                       *count, rows, rows);
    finding f = {.search = search,
                 .query = query,
                 .sum = calloc(dims, sizeof(double)),
                 .row = calloc(dims, sizeof(float)),
                 .left_out =
                     malloc((query->path_count + query->excluded_count + 1) * sizeof(size_t)),
                 .indices = malloc((*count + 1) * sizeof(int64_t)),
                 .distances = malloc((*count + 1) * sizeof(double))};
    vg_status status = VG_OK;
    if (f.sum == NULL || f.row == NULL || f.left_out == NULL || f.indices == NULL ||
        f.distances == NULL)
        status = vg_fail_memory(error, dims * sizeof(double));
    if (status == VG_OK) status = find(&f, hits, count, error);
    for (size_t i = 0; i < f.left_count; i++) search->allowed[f.left_out[i]] = 1;
    free(f.sum);
    free(f.row);
    free(f.left_out);
    free(f.indices);
    free(f.distances);
    return status;
}
