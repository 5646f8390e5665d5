/* Arrays of numbers to the functions that Python hands them to: neighbours, an index, a
 * layout, moments and a projection. A result that is what the header says, or a reason. Arrays
 * are as large as their counts say; counts, numbers and choices come from the fuzzer. */
#include <float.h>
#include <limits.h>
#include <math.h>

#include "fuzz/bytes.h"
#include "verger/verger.h"

enum { MAX_ROWS = 24, MAX_DIMS = 6, MAX_EPOCHS = 3, MOST_NEIGHBOURS = MAX_ROWS + 2 };

typedef struct matrix {
    size_t rows;
    int dims;
    float *values; /* [rows][dims] */
} matrix;

static void *take(size_t size)
{
    void *block = calloc(1, size > 0 ? size : 1);
    FUZZ_CHECK(block != NULL);
    return block;
}

static float make_float(fuzz_bytes *bytes)
{
    static const float odd[] = {NAN,     INFINITY, -INFINITY, FLT_MAX,
                                FLT_MIN, 1e-45F,   -0.0F,     -FLT_MAX};
    uint8_t byte = fuzz_byte(bytes);
    return byte < 0xf8 ? (float)(byte % 64) / 4 - 4 : odd[byte - 0xf8];
}

/* Now and then of dimensions that sketches leave a part of. */
static matrix make_matrix(fuzz_bytes *bytes, size_t rows, int dims)
{
    matrix made = {.rows = rows, .dims = dims};
    size_t count = rows * (size_t)(dims > 0 ? dims : 1);
    made.values = take(count * sizeof *made.values);
    for (size_t i = 0; i < count; i++) made.values[i] = make_float(bytes);
    return made;
}

static int make_int(fuzz_bytes *bytes)
{
    int64_t number = fuzz_number(bytes);
    return number > INT_MAX ? INT_MAX : number < INT_MIN ? INT_MIN : (int)number;
}

static void check_reason(vg_status status, const vg_error *error)
{
    FUZZ_CHECK((status == VG_OK) == (error->message[0] == '\0'));
}

static void check_nearest(const int64_t *indices, const double *distances, size_t k, size_t rows)
{
    for (size_t i = 0; i < k; i++) {
        FUZZ_CHECK(indices[i] >= -1 && indices[i] < (int64_t)rows);
        FUZZ_CHECK(distances[i] >= 0);
        FUZZ_CHECK((indices[i] < 0) == (isinf(distances[i]) != 0));
        if (i > 0) FUZZ_CHECK(distances[i - 1] <= distances[i]);
        if (i > 0 && distances[i - 1] == distances[i] && indices[i] >= 0)
            FUZZ_CHECK(indices[i - 1] < indices[i]);
    }
}

/* --- The functions under test ------------------------------------------------ */

/* Room for the result of any k that can be right. */
typedef struct nearest {
    int64_t indices[MAX_ROWS * MOST_NEIGHBOURS];
    double distances[MAX_ROWS * MOST_NEIGHBOURS];
} nearest;

static void find_neighbours(fuzz_bytes *bytes, const matrix *m, nearest *found)
{
    vg_error error = {{0}};
    vg_neighbours_options options;
    vg_neighbours_options_default(&options);
    options.metric = (vg_metric)fuzz_below(bytes, 3);
    options.threads = 1 + (int)fuzz_below(bytes, 2);
    int k = make_int(bytes);
    vg_status status = vg_neighbours(m->values, m->rows, m->dims, k, &options, found->indices,
                                     found->distances, &error);
    check_reason(status, &error);
    if (status != VG_OK) return;
    FUZZ_CHECK(k >= 1 && (size_t)k < m->rows && m->dims >= 1);
    for (size_t row = 0; row < m->rows; row++) {
        const int64_t *indices = found->indices + row * (size_t)k;
        check_nearest(indices, found->distances + row * (size_t)k, (size_t)k, m->rows);
        for (int i = 0; i < k; i++) FUZZ_CHECK(indices[i] >= 0 && indices[i] != (int64_t)row);
    }
}

static void search_index(fuzz_bytes *bytes, const matrix *m, const matrix *queries, nearest *found)
{
    vg_index *index = NULL;
    vg_error error = {{0}};
    vg_index_options options;
    unsigned char allowed[MAX_ROWS];
    vg_index_options_default(&options);
    options.metric = (vg_metric)fuzz_below(bytes, 3);
    options.sketch = (int)fuzz_below(bytes, 2);
    vg_status status = vg_index_open(&index, m->values, m->rows, m->dims, &options, &error);
    check_reason(status, &error);
    FUZZ_CHECK((status == VG_OK) == (index != NULL));
    if (status != VG_OK) return;
    FUZZ_CHECK(vg_index_count(index) == m->rows && vg_index_dims(index) == m->dims);

    for (size_t i = 0; i < m->rows; i++) allowed[i] = fuzz_byte(bytes) & 1;
    int k = make_int(bytes);
    status = vg_index_search(index, queries->rows, queries->values, k,
                             fuzz_byte(bytes) & 1 ? allowed : NULL, found->indices,
                             found->distances, &error);
    check_reason(status, &error);
    for (size_t row = 0; status == VG_OK && row < queries->rows; row++)
        check_nearest(found->indices + row * (size_t)k, found->distances + row * (size_t)k,
                      (size_t)k, m->rows);
    vg_index_close(&index);
    FUZZ_CHECK(index == NULL);
}

/* A table of neighbours as somebody else may have written it. */
static void lay_out(fuzz_bytes *bytes, size_t rows)
{
    vg_error error = {{0}};
    vg_layout_options options;
    vg_layout_options_default(&options);
    options.epochs = 1 + (int)fuzz_below(bytes, MAX_EPOCHS);
    int k = (int)fuzz_below(bytes, 5);
    size_t count = rows * (size_t)k;
    int64_t *indices = take(count * sizeof *indices);
    double *distances = take(count * sizeof *distances);
    matrix start = make_matrix(bytes, rows, 2);
    float *places = take(rows * 2 * sizeof *places);
    for (size_t i = 0; i < count; i++) {
        indices[i] = fuzz_number(bytes);
        distances[i] = (double)make_float(bytes);
    }
    vg_status status =
        vg_layout(indices, distances, rows, k, start.values, &options, places, &error);
    check_reason(status, &error);
    for (size_t i = 0; status == VG_OK && i < 2 * rows; i++) FUZZ_CHECK(isfinite(places[i]));
    free(indices);
    free(distances);
    free(start.values);
    free(places);
}

static void add_rows(const matrix *m, const matrix *others)
{
    vg_moments *moments = NULL, *more = NULL;
    vg_error error = {{0}};
    vg_status status = vg_moments_open(&moments, m->dims, &error);
    check_reason(status, &error);
    if (status != VG_OK) return;
    status = vg_moments_add(moments, m->rows, m->values, &error);
    check_reason(status, &error);
    FUZZ_CHECK(vg_moments_count(moments) == (status == VG_OK ? m->rows : 0));

    error.message[0] = '\0';
    if (vg_moments_open(&more, others->dims, NULL) == VG_OK) {
        status = vg_moments_merge(moments, more, &error);
        check_reason(status, &error);
        FUZZ_CHECK((status == VG_OK) == (m->dims == others->dims));
    }
    vg_moments_close(&more);
    vg_moments_close(&moments);
}

static void project(fuzz_bytes *bytes, const matrix *m)
{
    double components[MAX_DIMS * MAX_DIMS], explained[MAX_DIMS];
    double projected[MAX_ROWS * MAX_DIMS];
    vg_pca *pca = NULL;
    vg_error error = {{0}};
    for (size_t i = 0; i < MAX_DIMS * MAX_DIMS; i++) components[i] = (double)make_float(bytes);
    for (size_t i = 0; i < MAX_DIMS; i++) explained[i] = (double)make_float(bytes);
    int k = make_int(bytes);
    if (k > MAX_DIMS && k <= m->dims) k = MAX_DIMS; /* the arrays are so large */
    vg_status status = vg_pca_open(&pca, m->dims, k, components, explained, &error);
    check_reason(status, &error);
    FUZZ_CHECK((status == VG_OK) == (pca != NULL));
    if (status != VG_OK) return;
    FUZZ_CHECK(vg_pca_project(pca, m->rows, m->values, projected, &error) == VG_OK);
    vg_pca_close(&pca);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes bytes = {data, data + size};
    size_t rows = fuzz_below(&bytes, MAX_ROWS);
    int dims = (int)fuzz_below(&bytes, MAX_DIMS + 1);
    if (fuzz_byte(&bytes) > 0xfc) dims = -dims;
    matrix m = make_matrix(&bytes, rows, dims);
    matrix queries = make_matrix(&bytes, fuzz_below(&bytes, 4), dims);
    matrix others = {.dims = (int)fuzz_below(&bytes, MAX_DIMS + 1)};
    nearest *found = take(sizeof *found);
    find_neighbours(&bytes, &m, found);
    search_index(&bytes, &m, &queries, found);
    lay_out(&bytes, rows);
    add_rows(&m, &others);
    project(&bytes, &m);
    free(found);
    free(m.values);
    free(queries.values);
    return 0;
}
