/* How well rows lie in their clusters (Rousseeuw 1987). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/error.h"
#include "kernels/kernels.h"

/* Of one row: its mean distance to its own cluster's others against that to the nearest other
 * cluster's; 0 where it is alone. */
static double width_of(const double *sums, const uint64_t *sizes, int clusters, int own)
{
    double nearest = INFINITY;
    if (sizes[own] < 2) return 0.0;
    for (int c = 0; c < clusters; c++)
        if (c != own && sizes[c] > 0) nearest = fmin(nearest, sums[c] / (double)sizes[c]);
    double inside = sums[own] / (double)(sizes[own] - 1), larger = fmax(inside, nearest);
    return larger > 0.0 ? (nearest - inside) / larger : 0.0;
}

static double mean_width(const vg_kernels *kernels, const float *rows, size_t n, size_t dims,
                         const int32_t *labels, int clusters, const uint64_t *sizes, double *sums)
{
    double total = 0.0;
    for (size_t i = 0; i < n; i++) {
        memset(sums, 0, (size_t)clusters * sizeof *sums);
        for (size_t j = 0; j < n; j++)
            sums[labels[j]] +=
                sqrt(kernels->square_distance(rows + i * dims, rows + j * dims, dims));
        total += width_of(sums, sizes, clusters, labels[i]);
    }
    return total / (double)n;
}

vg_status vg_silhouette(const float *rows, size_t n, int dims, const int32_t *labels, int clusters,
                        double *silhouette, vg_error *error)
{
    if (rows == NULL || labels == NULL || silhouette == NULL)
        return vg_fail_null(error, "vg_silhouette", "rows, labels or result's place");
    if (n == 0 || dims < 1 || clusters < 1)
        return vg_fail(error, VG_EINVAL, "silhouette: there are no rows or no clusters");
    vg_kernels kernels;
    vg_status status = vg_kernels_choose(&kernels, NULL, error);
    if (status != VG_OK) return status;
    int found = 0;
    uint64_t *sizes = calloc((size_t)clusters, sizeof *sizes);
    double *sums = calloc((size_t)clusters, sizeof *sums);
    if (sizes == NULL || sums == NULL)
        status = vg_fail_memory(error, (size_t)clusters * (sizeof *sizes + sizeof *sums));
    for (size_t i = 0; i < n && status == VG_OK; i++) {
        if (labels[i] < 0 || labels[i] >= clusters)
            status =
                vg_fail(error, VG_EINVAL, "row %zu: cluster %d is out of range", i, (int)labels[i]);
        else
            sizes[labels[i]]++;
    }
    for (int c = 0; c < clusters && status == VG_OK; c++) found += sizes[c] > 0;
    if (status == VG_OK && found < 2)
        status = vg_fail(error, VG_EINVAL, "silhouette: all rows are in one cluster");
    if (status == VG_OK)
        *silhouette = mean_width(&kernels, rows, n, (size_t)dims, labels, clusters, sizes, sums);
    free(sizes);
    free(sums);
    return status;
}
