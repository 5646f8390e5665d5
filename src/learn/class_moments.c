/* Moments of rows that have classes: those of all rows, and count and mean a class. The scatter
 * within the classes follows from them, for the scatter of all rows is that within and that of
 * the classes' means (Fisher 1936). */
#include "learn/class_moments.h"

#include <limits.h>
#include <stdlib.h>

#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "pca/moments.h"

vg_status vg_class_moments_open(vg_class_moments **moments, int dims, int classes, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_class_moments_open", "moments' place");
    *moments = NULL;
    if (classes < 1 || classes > VG_MOST_CLASSES)
        return vg_fail(error, VG_EINVAL, "class moments: %d classes, must be 1 to %d", classes,
                       VG_MOST_CLASSES);
    vg_class_moments *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    vg_status status = vg_moments_open(&opened->all, dims, error);
    if (status == VG_OK) {
        opened->dims = dims;
        opened->classes = classes;
        opened->counts = calloc((size_t)classes, sizeof *opened->counts);
        opened->means = vg_alloc_aligned((size_t)classes * (size_t)dims, sizeof(double));
        if (opened->counts == NULL || opened->means == NULL)
            status = vg_fail_memory(error, (size_t)classes * (size_t)dims * sizeof(double));
    }
    if (status != VG_OK) vg_class_moments_close(&opened);
    *moments = opened;
    return status;
}

void vg_class_moments_close(vg_class_moments **moments)
{
    if (moments == NULL || *moments == NULL) return;
    vg_moments_close(&(*moments)->all);
    free((*moments)->counts);
    free((*moments)->means);
    free(*moments);
    *moments = NULL;
}

static vg_status check_classes(const vg_class_moments *moments, size_t n, const int32_t *classes,
                               vg_error *error)
{
    for (size_t i = 0; i < n; i++)
        if (classes[i] < 0 || classes[i] >= moments->classes)
            return vg_fail(error, VG_EINVAL, "row %zu: class %d, must be 0 to %d", i,
                           (int)classes[i], moments->classes - 1);
    return VG_OK;
}

vg_status vg_class_moments_add(vg_class_moments *moments, size_t n, const float *rows,
                               const int32_t *classes, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_class_moments_add", "moments");
    if (n > 0 && (rows == NULL || classes == NULL))
        return vg_fail(error, VG_EINVAL, "vg_class_moments_add: rows and classes are needed");
    vg_status status = check_classes(moments, n, classes, error);
    if (status == VG_OK) status = vg_moments_add(moments->all, n, rows, error);
    if (status != VG_OK) return status;
    size_t dims = (size_t)moments->dims;
    for (size_t i = 0; i < n; i++) {
        double *mean = moments->means + (size_t)classes[i] * dims;
        double share = 1.0 / (double)++moments->counts[classes[i]];
        for (size_t d = 0; d < dims; d++) mean[d] += ((double)rows[i * dims + d] - mean[d]) * share;
    }
    return VG_OK;
}

vg_status vg_class_moments_merge(vg_class_moments *moments, const vg_class_moments *other,
                                 vg_error *error)
{
    if (moments == NULL || other == NULL)
        return vg_fail_null(error, "vg_class_moments_merge", moments == NULL ? "moments" : "other");
    if (moments->classes != other->classes)
        return vg_fail(error, VG_EINVAL, "moments of %d classes cannot be merged with %d",
                       moments->classes, other->classes);
    vg_status status = vg_moments_merge(moments->all, other->all, error);
    if (status != VG_OK) return status;
    size_t dims = (size_t)moments->dims;
    for (int c = 0; c < moments->classes; c++) {
        uint64_t added = other->counts[c];
        if (added == 0) continue;
        moments->counts[c] += added;
        double share = (double)added / (double)moments->counts[c];
        double *mean = moments->means + (size_t)c * dims;
        const double *from = vg_class_mean(other, c);
        for (size_t d = 0; d < dims; d++) mean[d] += (from[d] - mean[d]) * share;
    }
    return VG_OK;
}

int vg_class_moments_dims(const vg_class_moments *moments)
{
    return moments != NULL ? moments->dims : 0;
}

int vg_class_moments_classes(const vg_class_moments *moments)
{
    return moments != NULL ? moments->classes : 0;
}

uint64_t vg_class_moments_count(const vg_class_moments *moments, int class_index)
{
    if (moments == NULL || class_index < 0 || class_index >= moments->classes) return 0;
    return moments->counts[class_index];
}

const double *vg_class_moments_mean(const vg_class_moments *moments, int class_index)
{
    if (moments == NULL || class_index < 0 || class_index >= moments->classes) return NULL;
    return vg_class_mean(moments, class_index);
}

const vg_moments *vg_class_moments_all(const vg_class_moments *moments)
{
    return moments != NULL ? moments->all : NULL;
}

vg_status vg_class_moments_scatter(const vg_class_moments *moments, double *within, vg_error *error)
{
    if (moments == NULL || within == NULL)
        return vg_fail_null(error, "vg_class_moments_scatter",
                            moments == NULL ? "moments" : "scatter");
    size_t dims = (size_t)moments->dims, stride = moments->all->stride;
    double *distance = malloc(dims * sizeof *distance);
    if (distance == NULL) return vg_fail_memory(error, dims * sizeof *distance);
    const double *mean = vg_moments_mean(moments->all);
    for (size_t i = 0; i < dims; i++)
        for (size_t j = i; j < dims; j++)
            within[i * dims + j] = moments->all->scatter[i * stride + j];
    for (int c = 0; c < moments->classes; c++) {
        double count = (double)moments->counts[c];
        if (moments->counts[c] == 0) continue;
        for (size_t d = 0; d < dims; d++) distance[d] = vg_class_mean(moments, c)[d] - mean[d];
        for (size_t i = 0; i < dims; i++) {
            double weighted = count * distance[i];
            for (size_t j = i; j < dims; j++) within[i * dims + j] -= weighted * distance[j];
        }
    }
    for (size_t i = 0; i < dims; i++) {
        /* What is left of a column that does not differ within classes may be below zero. */
        if (within[i * dims + i] < 0.0) within[i * dims + i] = 0.0;
        for (size_t j = 0; j < i; j++) within[i * dims + j] = within[j * dims + i];
    }
    free(distance);
    return VG_OK;
}
