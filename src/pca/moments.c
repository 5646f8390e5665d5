/* Count, mean and scatter matrix, in blocks of rows. Blocks and whole moments are
 * brought together by the pairwise update of Chan, Golub and LeVeque 1983,
 * "Algorithms for computing the sample variance": no sum of squares is taken
 * about anything but a mean, so a large mean costs no digits of the variance. */
#include "pca/moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/error.h"
#include "base/memory.h"

vg_status vg_moments_open(vg_moments **moments, int dims, vg_error *error)
{
    *moments = NULL;
    if (dims < 1 || dims > VG_MOMENTS_MAX_DIMS)
        return vg_fail(error, VG_EINVAL, "moments: %d dimensions, must be 1 to %d", dims,
                       VG_MOMENTS_MAX_DIMS);

    vg_moments *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    size_t columns = (size_t)dims;
    opened->dims = dims;
    opened->mean = vg_alloc_aligned(columns, sizeof(double));
    opened->scatter = vg_alloc_aligned(columns * columns, sizeof(double));
    opened->pending = vg_alloc_aligned((VG_MOMENTS_BLOCK + 1) * columns, sizeof(double));
    if (opened->mean == NULL || opened->scatter == NULL || opened->pending == NULL) {
        vg_moments_close(&opened);
        return vg_fail_memory(error, (columns + VG_MOMENTS_BLOCK + 2) * columns * sizeof(double));
    }
    *moments = opened;
    return VG_OK;
}

void vg_moments_close(vg_moments **moments)
{
    if (*moments == NULL) return;
    free((*moments)->mean);
    free((*moments)->scatter);
    free((*moments)->pending);
    free(*moments);
    *moments = NULL;
}

int vg_moments_dims(const vg_moments *moments)
{
    return moments->dims;
}

uint64_t vg_moments_count(const vg_moments *moments)
{
    return moments->count + (uint64_t)moments->pending_count;
}

vg_status vg_check_finite(const float *values, size_t n, uint64_t row, vg_error *error)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return vg_fail(error, VG_EINVAL,
                           "row %llu: value %zu is not a finite number (both counted from 0): "
                           "leave the row out",
                           (unsigned long long)row, i);
    return VG_OK;
}

/* Leaves in `rows` their distances from their mean, and in the row that follows
 * them the mean's distance from `mean`. */
static void centre(double *rows, int n, int dims, const double *mean)
{
    size_t columns = (size_t)dims;
    double *distance = rows + (size_t)n * columns;

    /* About the first row before about the mean: the sums stay small, and equal
     * rows give exactly zero. */
    for (size_t j = 0; j < columns; j++) distance[j] = 0;
    for (int i = 1; i < n; i++) {
        const double *row = rows + (size_t)i * columns;
        for (size_t j = 0; j < columns; j++) distance[j] += row[j] - rows[j];
    }
    for (size_t j = 0; j < columns; j++) distance[j] /= n;
    for (int i = 1; i < n; i++) {
        double *row = rows + (size_t)i * columns;
        for (size_t j = 0; j < columns; j++) row[j] = row[j] - rows[j] - distance[j];
    }
    for (size_t j = 0; j < columns; j++) {
        double mean_from_first = distance[j];
        distance[j] = rows[j] - mean[j] + mean_from_first;
        rows[j] = -mean_from_first;
    }
}

static void add_block(vg_moments *moments)
{
    int dims = moments->dims, n = moments->pending_count;
    if (n == 0) return;
    double before = (double)moments->count, after = before + n;

    centre(moments->pending, n, dims, moments->mean);
    /* sqrt(weight) * distance as one more row of the product adds
     * weight * distance * distance'. */
    double *distance = moments->pending + (size_t)n * (size_t)dims;
    double weight = before * n / after;
    for (int j = 0; j < dims; j++) {
        moments->mean[j] += distance[j] * (n / after);
        distance[j] *= sqrt(weight);
    }
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, dims, n + 1, 1, moments->pending, dims, 1,
                moments->scatter, dims);
    moments->count += (uint64_t)n;
    moments->pending_count = 0;
}

void vg_moments_settle(const vg_moments *moments)
{
    add_block((vg_moments *)moments);
}

vg_status vg_moments_add(vg_moments *moments, size_t n, const float *rows, vg_error *error)
{
    if (n > 0 && rows == NULL) return vg_fail(error, VG_EINVAL, "vg_moments_add: rows are needed");
    if (n > UINT64_MAX - vg_moments_count(moments))
        return vg_fail(error, VG_ELIMIT, "moments: more rows than can be counted");
    size_t columns = (size_t)moments->dims;
    for (size_t i = 0; i < n; i++) {
        vg_status status = vg_check_finite(rows + i * columns, columns, i, error);
        if (status != VG_OK) return status;
    }
    for (size_t i = 0; i < n; i++) {
        double *row = moments->pending + (size_t)moments->pending_count * columns;
        for (size_t j = 0; j < columns; j++) row[j] = (double)rows[i * columns + j];
        moments->pending_count++;
        if (moments->pending_count == VG_MOMENTS_BLOCK) add_block(moments);
    }
    return VG_OK;
}

vg_status vg_moments_merge(vg_moments *moments, const vg_moments *other, vg_error *error)
{
    if (moments->dims != other->dims)
        return vg_fail(error, VG_EINVAL, "moments of %d dimensions cannot be merged with %d",
                       moments->dims, other->dims);
    if (vg_moments_count(other) > UINT64_MAX - vg_moments_count(moments))
        return vg_fail(error, VG_ELIMIT, "moments: more rows than can be counted");
    vg_moments_settle(other);
    add_block(moments);
    if (other->count == 0) return VG_OK;

    size_t columns = (size_t)moments->dims;
    double before = (double)moments->count, added = (double)other->count;
    double share = added / (before + added), weight = before * share;
    double *distance = moments->pending; /* free now that its rows are in */
    for (size_t j = 0; j < columns; j++) {
        distance[j] = other->mean[j] - moments->mean[j];
        moments->mean[j] += distance[j] * share;
    }
    for (size_t i = 0; i < columns; i++) {
        double *to = moments->scatter + i * columns;
        const double *from = other->scatter + i * columns;
        double weighted = weight * distance[i];
        for (size_t j = i; j < columns; j++) to[j] += from[j] + weighted * distance[j];
    }
    moments->count += other->count;
    return VG_OK;
}
