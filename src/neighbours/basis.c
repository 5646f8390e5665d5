#include "neighbours/basis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { SAMPLE_ROWS = 4096 };

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

/* --- Components -------------------------------------------------------------------- */

static vg_status add_sample(vg_moments *moments, const vg_rowset *rows, double factor,
                            const double *mean, vg_error *error)
{
    size_t dims = (size_t)rows->dims, count = sample_count(rows);
    double *row = vg_alloc_aligned(dims, sizeof *row);
    float *rounded = vg_alloc_aligned(dims, sizeof *rounded);
    vg_status status = VG_OK;
    if (row == NULL || rounded == NULL) status = vg_fail_memory(error, 2 * dims * sizeof *row);
    for (size_t i = 0; i < count && status == VG_OK; i++) {
        sample_row(rows, i, factor, mean, row);
        for (size_t d = 0; d < dims; d++) rounded[d] = (float)row[d];
        status = vg_moments_add(moments, 1, rounded, error);
    }
    free(row);
    free(rounded);
    return status;
}

/* Takes from vector `i` of [n][dims] what it shares with those before it, and makes it one
 * long; what is nothing but their sum becomes zero. */
static void orthonormalise(double *vectors, size_t i, size_t dims)
{
    double *vector = vectors + i * dims;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t j = 0; j < i; j++) {
            const double *other = vectors + j * dims;
            double share = 0.0;
            for (size_t d = 0; d < dims; d++) share += vector[d] * other[d];
            for (size_t d = 0; d < dims; d++) vector[d] -= share * other[d];
        }
    }
    double square = 0.0;
    for (size_t d = 0; d < dims; d++) square += vector[d] * vector[d];
    double factor = square > 0.25 ? 1.0 / sqrt(square) : 0.0;
    for (size_t d = 0; d < dims; d++) vector[d] *= factor;
}

/* The bound holds for orthonormal vectors alone, and LAPACK's are as good as the BLAS it
 * stands on: twice through Gram and Schmidt they are as good as this code. */
static void fill_panels(double *basis, const vg_pca *pca, double *vectors)
{
    size_t dims = (size_t)vg_pca_dims(pca), components = (size_t)vg_pca_components(pca);
    memcpy(vectors, vg_pca_matrix(pca), components * dims * sizeof *vectors);
    for (size_t c = 0; c < components; c++) {
        orthonormalise(vectors, c, dims);
        double *panel = basis + c / VG_GRAM_PANEL * VG_GRAM_PANEL * dims + c % VG_GRAM_PANEL;
        for (size_t d = 0; d < dims; d++) panel[d * VG_GRAM_PANEL] = vectors[c * dims + d];
    }
}

vg_status vg_basis_find(double **basis, const vg_rowset *rows, double factor, const double *mean,
                        int components, vg_error *error)
{
    size_t room = (size_t)components * (size_t)rows->dims;
    int found = components < rows->dims ? components : rows->dims;
    vg_moments *moments = NULL;
    vg_pca *pca = NULL;
    double *vectors = vg_alloc_aligned(room, sizeof *vectors);
    *basis = vg_alloc_aligned(room, sizeof **basis);
    vg_status status = VG_OK;
    if (vectors == NULL || *basis == NULL)
        status = vg_fail_memory(error, 2 * room * sizeof(double));
    if (status == VG_OK) status = vg_moments_open(&moments, rows->dims, error);
    if (status == VG_OK) status = add_sample(moments, rows, factor, mean, error);
    if (status == VG_OK) status = vg_pca_fit(&pca, moments, found, error);
    if (status == VG_OK) fill_panels(*basis, pca, vectors);
    vg_pca_close(&pca);
    vg_moments_close(&moments);
    free(vectors);
    return status;
}
