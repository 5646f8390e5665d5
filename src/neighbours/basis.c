#include "neighbours/basis.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "neighbours/shares.h"
#include "pca/moments.h"

enum {
    SAMPLE_ROWS = 4096,
    BATCH_ROWS = 4 * VG_MOMENTS_BLOCK,
    STEPS = 3, /* of the iteration that finds components */
};

/* --- Sample ---------------------------------------------------------------------- */

static size_t sample_count(const vg_rowset *rows)
{
    return rows->count < SAMPLE_ROWS ? rows->count : SAMPLE_ROWS;
}

/* Row `i` of the sample, scaled, less the mean where there is one. */
static void sample_row(const vg_rowset *rows, size_t i, double factor, const double *mean,
                       double *to)
{
    size_t index = i * rows->count / sample_count(rows), dims = (size_t)rows->dims;
    const float *row = vg_rowset_row(rows, index);
    if (rows->metric == VG_COSINE) {
        double square = rows->squares[index];
        factor = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    }
    for (size_t d = 0; d < dims; d++)
        to[d] = (double)row[d] * factor - (mean != NULL ? mean[d] : 0.0);
}

vg_status vg_basis_mean(double **mean, const vg_rowset *rows, double factor, vg_error *error)
{
    size_t dims = (size_t)rows->dims, count = sample_count(rows);
    double *sum = *mean = vg_alloc_aligned(dims, sizeof *sum);
    double *row = vg_alloc_aligned(dims, sizeof *row);
    if (sum == NULL || row == NULL) {
        free(row);
        return vg_fail_memory(error, 2 * dims * sizeof *sum);
    }
    for (size_t i = 0; i < count; i++) {
        sample_row(rows, i, factor, NULL, row);
        for (size_t d = 0; d < dims; d++) sum[d] += row[d];
    }
    for (size_t d = 0; d < dims; d++) sum[d] /= (double)count;
    free(row);
    return VG_OK;
}

/* --- Scatter ----------------------------------------------------------------------- */

/* Rows of the sample, scaled and less the mean: blocks that threads are worth waking for. */
static vg_status add_sample(vg_moments *moments, const vg_rowset *rows, double factor,
                            const double *mean, vg_error *error)
{
    size_t dims = (size_t)rows->dims, count = sample_count(rows);
    double *row = vg_alloc_aligned(dims, sizeof *row);
    float *batch = vg_alloc_aligned(BATCH_ROWS * dims, sizeof *batch);
    vg_status status = VG_OK;
    if (row == NULL || batch == NULL)
        status = vg_fail_memory(error, BATCH_ROWS * dims * sizeof *batch);
    for (size_t first = 0; first < count && status == VG_OK; first += BATCH_ROWS) {
        size_t size = count - first < BATCH_ROWS ? count - first : BATCH_ROWS;
        for (size_t i = 0; i < size; i++) {
            sample_row(rows, first + i, factor, mean, row);
            for (size_t d = 0; d < dims; d++) batch[i * dims + d] = (float)row[d];
        }
        status = vg_moments_add(moments, size, batch, error);
    }
    free(row);
    free(batch);
    return status;
}

/* The scatter matrix, whole, in panels of its columns: [panels][dims][VG_GRAM_PANEL], zeros past
 * the last column. */
static void fill_scatter(double *to, const vg_moments *moments)
{
    size_t dims = (size_t)moments->dims, stride = moments->stride;
    for (size_t column = 0; column < dims; column++) {
        double *panel = to + column / VG_GRAM_PANEL * VG_GRAM_PANEL * dims + column % VG_GRAM_PANEL;
        for (size_t row = 0; row < dims; row++)
            panel[row * VG_GRAM_PANEL] = row < column ? moments->scatter[row * stride + column]
                                                      : moments->scatter[column * stride + row];
    }
}

static vg_status find_scatter(double **scatter, const vg_rowset *rows, double factor,
                              const double *mean, int threads, vg_error *error)
{
    size_t dims = (size_t)rows->dims, panels = (dims + VG_GRAM_PANEL - 1) / VG_GRAM_PANEL;
    vg_moments *moments = NULL;
    *scatter = vg_alloc_aligned(panels * VG_GRAM_PANEL * dims, sizeof **scatter);
    vg_status status =
        *scatter != NULL ? VG_OK : vg_fail_memory(error, dims * dims * sizeof **scatter);
    if (status == VG_OK) status = vg_moments_open(&moments, rows->dims, error);
    if (status == VG_OK) status = vg_moments_set_threads(moments, threads, error);
    if (status == VG_OK) status = add_sample(moments, rows, factor, mean, error);
    if (status == VG_OK) {
        vg_moments_settle(moments);
        fill_scatter(*scatter, moments);
    }
    vg_moments_close(&moments);
    return status;
}

/* --- Orthonormal vectors --------------------------------------------------------------- */

static double product(const double *a, const double *b, size_t n)
{
    enum { LANES = 8 }; /* sums that do not wait for one another */
    double sums[LANES] = {0}, sum = 0.0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++) sums[j] += a[i + j] * b[i + j];
    for (; i < n; i++) sum += a[i] * b[i];
    for (size_t j = 0; j < LANES; j++) sum += sums[j];
    return sum;
}

static void scale(double *vector, double factor, size_t dims)
{
    for (size_t d = 0; d < dims; d++) vector[d] *= factor;
}

/* Takes from vector `i` of [n][dims] what it shares with those before it, and makes it one long.
 * Twice, which is enough (Giraud, Langou and Rozloznik 2005, "The loss of orthogonality in the
 * Gram-Schmidt orthogonalization process"): what is nothing but their sum becomes zero. */
static void orthonormalise(double *vectors, size_t i, size_t dims)
{
    double *vector = vectors + i * dims, length = sqrt(product(vector, vector, dims));
    static const double least[] = {1e-8, 0.5};
    scale(vector, length > 0.0 ? 1.0 / length : 0.0, dims);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t j = 0; j < i; j++) {
            const double *other = vectors + j * dims;
            double share = product(vector, other, dims);
            for (size_t d = 0; d < dims; d++) vector[d] -= share * other[d];
        }
        length = sqrt(product(vector, vector, dims));
        scale(vector, length > least[pass] ? 1.0 / length : 0.0, dims);
    }
}

static void orthonormalise_all(double *vectors, size_t count, size_t dims)
{
    for (size_t i = 0; i < count; i++) orthonormalise(vectors, i, dims);
}

/* --- Components ------------------------------------------------------------------------ */

/* Vectors that any direction has a share of: 1 and -1 by a hash (Steele, Lea and Flood 2014,
 * "Fast splittable pseudorandom number generators"). */
static void begin_vectors(double *vectors, size_t values)
{
    for (size_t i = 0; i < values; i++) {
        uint64_t z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        vectors[i] = z >> 63 != 0 ? 1.0 : -1.0;
    }
}

/* From [components][dims] to panels [components / VG_GRAM_PANEL][dims][VG_GRAM_PANEL]. */
static void fill_panels(double *panels, const double *vectors, size_t components, size_t dims)
{
    for (size_t c = 0; c < components; c++) {
        double *panel = panels + c / VG_GRAM_PANEL * VG_GRAM_PANEL * dims + c % VG_GRAM_PANEL;
        for (size_t d = 0; d < dims; d++) panel[d * VG_GRAM_PANEL] = vectors[c * dims + d];
    }
}

/* The scatter matrix times the vectors, of which there are panels, on threads. */
typedef struct multiplying {
    vg_gram_fn *gram;
    const double *scatter, *panels;
    double *vectors; /* [components][dims] */
    size_t components, dims, threads;
} multiplying;

static void multiply_share(void *argument, int part)
{
    const multiplying *work = argument;
    size_t dims = work->dims, tiles = (dims + VG_GRAM_PANEL - 1) / VG_GRAM_PANEL;
    size_t thread = (size_t)part, end = tiles * (thread + 1) / work->threads;
    double tile[VG_GRAM_PANEL * VG_GRAM_PANEL];
    for (size_t t = tiles * thread / work->threads; t < end; t++) {
        size_t first = t * VG_GRAM_PANEL;
        for (size_t c = 0; c < work->components; c += VG_GRAM_PANEL) {
            vg_gram_tile(work->gram, tile, work->scatter + first * dims, work->panels + c * dims,
                         (int)dims);
            for (size_t i = 0; i < VG_GRAM_PANEL && first + i < dims; i++)
                for (size_t j = 0; j < VG_GRAM_PANEL; j++)
                    work->vectors[(c + j) * dims + first + i] = tile[i * VG_GRAM_PANEL + j];
        }
    }
}

/* Subspace iteration: what the vectors span turns towards the directions of most variance, and
 * which vectors span it is the same to a sketch. A few steps capture nearly as much as
 * eigenvectors do (Halko, Martinsson and Tropp 2011, "Finding structure with randomness", 4.5), in
 * a tenth of the time of LAPACK's, and without the threads of a BLAS. */
vg_status vg_basis_find(double **basis, const vg_rowset *rows, double factor, const double *mean,
                        int components, vg_team *team, vg_error *error)
{
    size_t count = (size_t)components, dims = (size_t)rows->dims, room = count * dims;
    double products = (double)dims * (double)room, *scatter = NULL;
    int threads = vg_share_count(team, products);
    double *vectors = vg_alloc_aligned(room, sizeof *vectors);
    *basis = vg_alloc_aligned(room, sizeof **basis);
    vg_status status = VG_OK;
    if (vectors == NULL || *basis == NULL)
        status = vg_fail_memory(error, 2 * room * sizeof(double));
    if (status == VG_OK) status = find_scatter(&scatter, rows, factor, mean, threads, error);
    if (status == VG_OK) begin_vectors(vectors, room);
    multiplying work = {.gram = rows->kernels.gram,
                        .scatter = scatter,
                        .panels = *basis,
                        .vectors = vectors,
                        .components = count,
                        .dims = dims,
                        .threads = (size_t)threads};
    for (int step = 0; step < STEPS && status == VG_OK; step++) {
        fill_panels(*basis, vectors, count, dims);
        vg_run_shares(team, threads, multiply_share, &work);
        orthonormalise_all(vectors, count, dims);
    }
    if (status == VG_OK) fill_panels(*basis, vectors, count, dims);
    free(scatter);
    free(vectors);
    return status;
}
