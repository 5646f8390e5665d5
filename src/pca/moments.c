/* Count, mean and scatter matrix, in blocks of rows. Blocks and whole moments are
 * brought together by the pairwise update of Chan, Golub and LeVeque 1983,
 * "Algorithms for computing the sample variance": no sum of squares is taken
 * about anything but a mean, so a large mean costs no digits of the variance. */
#include "pca/moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"

static size_t panel_count(int dims)
{
    return ((size_t)dims + VG_GRAM_PANEL - 1) / VG_GRAM_PANEL;
}

vg_status vg_moments_open(vg_moments **moments, int dims, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_moments_open", "moments' place");
    *moments = NULL;
    if (dims < 1 || dims > VG_MOMENTS_MAX_DIMS)
        return vg_fail(error, VG_EINVAL, "moments: %d dimensions, must be 1 to %d", dims,
                       VG_MOMENTS_MAX_DIMS);

    vg_moments *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    size_t columns = (size_t)dims;
    opened->dims = dims;
    vg_status status = vg_kernels_choose(&opened->kernels, NULL, error);
    if (status != VG_OK) {
        vg_moments_close(&opened);
        return status;
    }
    opened->mean = vg_alloc_aligned(columns, sizeof(double));
    opened->scatter = vg_alloc_aligned(columns * columns, sizeof(double));
    opened->pending = vg_alloc_aligned((VG_MOMENTS_BLOCK + 1) * columns, sizeof(double));
    opened->panels = vg_alloc_aligned((VG_MOMENTS_BLOCK + 1) * panel_count(dims) * VG_GRAM_PANEL,
                                      sizeof(double));
    if (opened->mean == NULL || opened->scatter == NULL || opened->pending == NULL ||
        opened->panels == NULL) {
        vg_moments_close(&opened);
        return vg_fail_memory(error,
                              (columns + 2 * VG_MOMENTS_BLOCK + 3) * columns * sizeof(double));
    }
    *moments = opened;
    return VG_OK;
}

void vg_moments_close(vg_moments **moments)
{
    if (moments == NULL || *moments == NULL) return;
    free((*moments)->mean);
    free((*moments)->scatter);
    free((*moments)->pending);
    free((*moments)->panels);
    free(*moments);
    *moments = NULL;
}

int vg_moments_dims(const vg_moments *moments)
{
    return moments != NULL ? moments->dims : 0;
}

uint64_t vg_moments_count(const vg_moments *moments)
{
    return moments != NULL ? moments->count + (uint64_t)moments->pending_count : 0;
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

/* rows [n][dims] to panels [n][VG_GRAM_PANEL], the last padded with zeros. */
static void pack_panels(double *panels, const double *rows, int n, int dims)
{
    for (int first = 0; first < dims; first += VG_GRAM_PANEL) {
        int width = dims - first < VG_GRAM_PANEL ? dims - first : VG_GRAM_PANEL;
        for (int i = 0; i < n; i++, panels += VG_GRAM_PANEL) {
            memcpy(panels, rows + (ptrdiff_t)i * dims + first, (size_t)width * sizeof *rows);
            for (int j = width; j < VG_GRAM_PANEL; j++) panels[j] = 0.0;
        }
    }
}

/* Adds a tile to the upper triangle at [row][column]. */
static void add_tile(vg_moments *moments, const double *tile, int row, int column)
{
    int dims = moments->dims;
    for (int i = row; i < row + VG_GRAM_PANEL && i < dims; i++, tile += VG_GRAM_PANEL)
        for (int j = column; j < column + VG_GRAM_PANEL && j < dims; j++)
            if (j >= i) moments->scatter[(ptrdiff_t)i * dims + j] += tile[j - column];
}

/* Adds the products of all pairs of columns of `n` rows. The order of the sums is
 * our own, and the same on every machine. */
static void add_products(vg_moments *moments, const double *rows, int n)
{
    double tile[VG_GRAM_PANEL * VG_GRAM_PANEL];
    ptrdiff_t panel_size = (ptrdiff_t)n * VG_GRAM_PANEL;
    pack_panels(moments->panels, rows, n, moments->dims);
    const double *left = moments->panels;
    for (int i = 0; i < moments->dims; i += VG_GRAM_PANEL, left += panel_size) {
        const double *right = left;
        for (int j = i; j < moments->dims; j += VG_GRAM_PANEL, right += panel_size) {
            moments->kernels.gram(tile, left, right, n);
            add_tile(moments, tile, i, j);
        }
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
    add_products(moments, moments->pending, n + 1);
    moments->count += (uint64_t)n;
    moments->pending_count = 0;
}

void vg_moments_settle(const vg_moments *moments)
{
    add_block((vg_moments *)moments);
}

const double *vg_moments_mean(const vg_moments *moments)
{
    vg_moments_settle(moments);
    return moments->mean;
}

vg_status vg_moments_add(vg_moments *moments, size_t n, const float *rows, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_moments_add", "moments");
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
    if (moments == NULL || other == NULL)
        return vg_fail_null(error, "vg_moments_merge", moments == NULL ? "moments" : "other");
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
