/* Principal components of moments. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>

#include <lapacke.h>

#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "pca/moments.h"
#include "pca/pca.h"

/* OpenBLAS works in a buffer of this size (BUFFER_SIZE in its common_x86_64.h) and asks for
 * it again and again where there is no memory for it, for ever. */
enum { BLAS_BUFFER_BYTES = 128 << 20, BLAS_BUFFER_MARGIN = 1 << 20 };

static vg_status pca_allocate(vg_pca **pca, int dims, int components, vg_error *error)
{
    *pca = NULL;
    vg_pca *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    size_t entries = (size_t)components * (size_t)dims;
    opened->dims = dims;
    opened->components = components;
    vg_status status = vg_kernels_choose(&opened->kernels, NULL, error);
    if (status != VG_OK) {
        vg_pca_close(&opened);
        return status;
    }
    opened->matrix = vg_alloc_aligned(entries, sizeof(double));
    opened->explained = vg_alloc_aligned((size_t)components, sizeof(double));
    size_t packed = vg_pca_stride(opened) * (size_t)dims;
    opened->panels = vg_alloc_aligned(packed, sizeof(double));
    if (opened->matrix == NULL || opened->explained == NULL || opened->panels == NULL) {
        vg_pca_close(&opened);
        return vg_fail_memory(error, (entries + packed + (size_t)components) * sizeof(double));
    }
    *pca = opened;
    return VG_OK;
}

static bool all_finite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

vg_status vg_pca_open(vg_pca **pca, int dims, int k, const double *matrix, const double *explained,
                      vg_error *error)
{
    if (pca == NULL) return vg_fail_null(error, "vg_pca_open", "PCA's place");
    *pca = NULL;
    if (matrix == NULL || explained == NULL)
        return vg_fail(error, VG_EINVAL, "vg_pca_open: matrix and explained are needed");
    if (dims < 1 || dims > VG_MOMENTS_MAX_DIMS || k < 1 || k > dims)
        return vg_fail(error, VG_EINVAL,
                       "PCA: %d components of %d dimensions, must be 1 to %d of "
                       "1 to %d",
                       k, dims, dims, VG_MOMENTS_MAX_DIMS);
    size_t entries = (size_t)k * (size_t)dims;
    if (!all_finite(matrix, entries) || !all_finite(explained, (size_t)k))
        return vg_fail(error, VG_EINVAL, "PCA: the components hold a NaN or an infinity");

    vg_status status = pca_allocate(pca, dims, k, error);
    if (status != VG_OK) return status;
    memcpy((*pca)->matrix, matrix, entries * sizeof *matrix);
    memcpy((*pca)->explained, explained, (size_t)k * sizeof *explained);
    vg_pca_pack(*pca);
    return VG_OK;
}

void vg_pca_close(vg_pca **pca)
{
    if (pca == NULL || *pca == NULL) return;
    free((*pca)->matrix);
    free((*pca)->explained);
    free((*pca)->panels);
    free(*pca);
    *pca = NULL;
}

int vg_pca_dims(const vg_pca *pca)
{
    return pca != NULL ? pca->dims : 0;
}

int vg_pca_components(const vg_pca *pca)
{
    return pca != NULL ? pca->components : 0;
}

const double *vg_pca_matrix(const vg_pca *pca)
{
    return pca != NULL ? pca->matrix : NULL;
}

const double *vg_pca_explained_variance(const vg_pca *pca)
{
    return pca != NULL ? pca->explained : NULL;
}

/* The last components of dsyevr come first; signs by the rule of verger.h. */
static void order_components(vg_pca *pca, const double *ascending)
{
    size_t columns = (size_t)pca->dims;
    for (int i = 0; i < pca->components; i++) {
        const double *from = ascending + (size_t)(pca->components - 1 - i) * columns;
        double *to = pca->matrix + (size_t)i * columns;
        size_t largest = 0;
        for (size_t j = 1; j < columns; j++)
            if (fabs(from[j]) > fabs(from[largest])) largest = j;
        double sign = from[largest] < 0 ? -1 : 1;
        for (size_t j = 0; j < columns; j++) to[j] = sign * from[j];
    }
}

/* Shares below what rounding alone gives are 0. An eigenvalue carries an error of
 * about dims * epsilon * the largest one (the threshold of numpy.linalg.
 * matrix_rank), and the sums behind the matrix one that grows with the square
 * root of the rows (Higham and Mary 2019, "A new approach to probabilistic
 * rounding error analysis"). n rows about their mean have a rank below n. */
static void explain(vg_pca *pca, const double *ascending, uint64_t rows)
{
    double largest = ascending[pca->components - 1];
    double threshold = largest * DBL_EPSILON * (pca->dims + sqrt((double)rows));
    for (int i = 0; i < pca->components; i++) {
        double share = ascending[pca->components - 1 - i];
        int in_rank = (uint64_t)i < rows - 1 && share > threshold;
        pca->explained[i] = in_rank ? fmin(share, 1) : 0;
    }
}

static vg_status check_room_for_blas(vg_error *error)
{
    size_t bytes = BLAS_BUFFER_BYTES + BLAS_BUFFER_MARGIN;
    /* As OpenBLAS asks for it: a sanitizer's malloc would write to the shadow of it all. */
    void *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return vg_fail_memory(error, bytes);
    munmap(room, bytes);
    return VG_OK;
}

/* The larger one, and a NaN where there is one: fmax would drop it. */
static double worse(double a, double b)
{
    return a >= b || isnan(a) ? a : b;
}

/* How far the share of variance along the i-th component is off, the largest entry of
 * (A v - lambda v): A, the shares of variance, is known by its upper triangle. `product` is
 * room for dims numbers. */
static double residual(const vg_pca *pca, const vg_moments *moments, double total, int i,
                       double *product)
{
    size_t columns = (size_t)pca->dims;
    const double *component = pca->matrix + (size_t)i * columns;
    double largest = 0;
    memset(product, 0, columns * sizeof *product);
    for (size_t row = 0; row < columns; row++) {
        const double *scatter = moments->scatter + row * moments->stride;
        double sum = scatter[row] * component[row];
        for (size_t j = row + 1; j < columns; j++) {
            sum += scatter[j] * component[j];
            product[j] += scatter[j] * component[row];
        }
        product[row] += sum;
    }
    for (size_t j = 0; j < columns; j++)
        largest = worse(largest, fabs(product[j] / total - pca->explained[i] * component[j]));
    return largest;
}

static double off_orthonormal(const vg_pca *pca, int i, int j)
{
    size_t columns = (size_t)pca->dims;
    double sum = i == j ? -1 : 0;
    for (size_t d = 0; d < columns; d++)
        sum += pca->matrix[(size_t)i * columns + d] * pca->matrix[(size_t)j * columns + d];
    return fabs(sum);
}

/* OpenBLAS 0.3.34 picks kernels for some ARM CPUs (SME, vectors of 512 bits) that give wrong
 * numbers and say nothing. The first components show it; all would cost as much as finding
 * them. */
static vg_status check_components(const vg_pca *pca, const vg_moments *moments, double total,
                                  double *room, vg_error *error)
{
    enum { CHECKED = 4 };
    const double tolerance = 1e-9;
    double off = 0;
    for (int i = 0; i < pca->components && i < CHECKED; i++) {
        off = worse(off, residual(pca, moments, total, i, room));
        for (int j = 0; j <= i; j++) off = worse(off, off_orthonormal(pca, i, j));
    }
    if (off <= tolerance) return VG_OK; /* false for a NaN too */
    return vg_fail(error, VG_EUNSUPPORTED,
                   "PCA: LAPACK's components are off by %.1e: this OpenBLAS does not suit this "
                   "CPU; set OPENBLAS_CORETYPE, to NEOVERSEN1 on 64-bit ARM or HASWELL on x86",
                   off);
}

static vg_status decompose(vg_pca *pca, const vg_moments *moments, double total, vg_error *error)
{
    int dims = pca->dims, components = pca->components, found = 0;
    size_t columns = (size_t)dims, vectors = (size_t)components;
    double *shares = vg_alloc_aligned(columns * columns, sizeof(double));
    double *eigenvalues = vg_alloc_aligned(columns, sizeof(double));
    double *eigenvectors = vg_alloc_aligned(vectors * columns, sizeof(double));
    int *support = vg_alloc_aligned(2 * vectors, sizeof(int));
    vg_status status = VG_OK;
    if (shares == NULL || eigenvalues == NULL || eigenvectors == NULL || support == NULL) {
        status = vg_fail_memory(error, (columns + vectors + 2) * columns * sizeof(double));
        goto done;
    }
    status = check_room_for_blas(error);
    if (status != VG_OK) goto done;
    /* Divided by the total, in which n - 1 cancels, the eigenvalues are the shares
     * of variance. */
    for (size_t i = 0; i < columns; i++)
        for (size_t j = i; j < columns; j++)
            shares[i * columns + j] = moments->scatter[i * moments->stride + j] / total;

    /* By columns: the upper triangle by rows is the lower one, and an eigenvector
     * is a row of ours. */
    int info = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', dims, shares, dims, 0, 0,
                              dims - components + 1, dims, LAPACKE_dlamch('S'), &found, eigenvalues,
                              eigenvectors, dims, support);
    if (info == LAPACK_WORK_MEMORY_ERROR)
        status = vg_fail_memory(error, 26 * columns * sizeof(double)); /* dsyevr's least */
    else if (info != 0 || found != components)
        status =
            vg_fail(error, VG_EFORMAT, "PCA: no eigenvectors found (LAPACK dsyevr gave %d)", info);
    if (status != VG_OK) goto done;
    order_components(pca, eigenvectors);
    explain(pca, eigenvalues, moments->count);
    status = check_components(pca, moments, total, eigenvalues, error);
done:
    free(shares);
    free(eigenvalues);
    free(eigenvectors);
    free(support);
    return status;
}

vg_status vg_pca_fit(vg_pca **pca, const vg_moments *moments, int k, vg_error *error)
{
    if (pca == NULL) return vg_fail_null(error, "vg_pca_fit", "PCA's place");
    *pca = NULL;
    if (moments == NULL) return vg_fail_null(error, "vg_pca_fit", "moments");
    if (k < 1 || k > moments->dims)
        return vg_fail(error, VG_EINVAL, "PCA: %d components, must be 1 to %d", k, moments->dims);
    if (vg_moments_count(moments) < 2)
        return vg_fail(error, VG_EINVAL, "PCA needs at least two rows, there %s",
                       vg_moments_count(moments) == 0 ? "are none" : "is one");
    vg_moments_settle(moments);
    size_t columns = (size_t)moments->dims;
    double total = 0;
    for (size_t i = 0; i < columns; i++) total += moments->scatter[i * moments->stride + i];
    if (!isfinite(total))
        return vg_fail(error, VG_EINVAL, "PCA: the variance is more than a number holds");

    vg_pca *fitted;
    vg_status status = pca_allocate(&fitted, moments->dims, k, error);
    if (status != VG_OK) return status;
    if (total > 0)
        status = decompose(fitted, moments, total, error);
    else
        for (size_t i = 0; i < (size_t)k; i++) fitted->matrix[i * columns + i] = 1;
    if (status == VG_OK)
        vg_pca_pack(fitted);
    else
        vg_pca_close(&fitted);
    *pca = fitted;
    return status;
}
