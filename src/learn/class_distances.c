#include "learn/class_distances.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "learn/cholesky.h"
#include "learn/class_moments.h"

typedef struct measuring {
    vg_class_moments *moments;
    vg_cholesky factor;
    size_t n;
    const float *rows;
    const int32_t *classes;
    double *distances;
} measuring;

/* The covariance, U'U: the distance is the length of y with U'y = x - m. A panel of rows at a
 * time. */
static vg_status measure_panels(const measuring *state, vg_error *error)
{
    const vg_cholesky *factor = &state->factor;
    size_t dims = (size_t)factor->dims, size = (size_t)factor->padded * VG_GRAM_PANEL;
    double *panel = vg_alloc_aligned(size, sizeof *panel);
    if (panel == NULL) return vg_fail_memory(error, size * sizeof *panel);
    for (size_t first = 0; first < state->n; first += VG_GRAM_PANEL) {
        size_t left = state->n - first, count = left < VG_GRAM_PANEL ? left : VG_GRAM_PANEL;
        memset(panel, 0, size * sizeof *panel);
        for (size_t i = 0; i < count; i++) {
            const float *row = state->rows + (first + i) * dims;
            const double *mean = vg_class_mean(state->moments, state->classes[first + i]);
            for (size_t d = 0; d < dims; d++)
                panel[d * VG_GRAM_PANEL + i] = (double)row[d] - mean[d];
        }
        vg_cholesky_solve_lower(factor, panel);
        for (size_t i = 0; i < count; i++) {
            double square = 0.0;
            for (size_t d = 0; d < dims; d++) {
                double y = panel[d * VG_GRAM_PANEL + i];
                square += y * y;
            }
            state->distances[first + i] = sqrt(square);
        }
    }
    free(panel);
    return VG_OK;
}

/* The covariance within the classes as its factor. */
static vg_status factorise(measuring *state, const vg_kernels *kernels, vg_error *error)
{
    const vg_class_moments *moments = state->moments;
    size_t dims = (size_t)vg_class_moments_dims(moments);
    double shrinkage, *covariance = vg_alloc_aligned(dims * dims, sizeof *covariance);
    if (covariance == NULL) return vg_fail_memory(error, dims * dims * sizeof *covariance);
    vg_status status = vg_class_moments_shrinkage(moments, state->n, state->rows, state->classes,
                                                  &shrinkage, error);
    if (status == VG_OK)
        status = vg_class_moments_covariance(moments, shrinkage, covariance, error);
    if (status == VG_OK)
        status = vg_cholesky_open(&state->factor, covariance, (int)dims, kernels, error);
    free(covariance);
    return status == VG_EFORMAT ? VG_EINVAL : status;
}

vg_status vg_class_distances(size_t n, int dims, const float *rows, const int32_t *classes,
                             int class_count, double *distances, vg_error *error)
{
    measuring state = {.n = n, .rows = rows, .classes = classes, .distances = distances};
    vg_kernels kernels;
    vg_status status = vg_kernels_choose(&kernels, NULL, error);
    if (status == VG_OK) status = vg_class_moments_open(&state.moments, dims, class_count, error);
    if (status == VG_OK) status = vg_class_moments_add(state.moments, n, rows, classes, error);
    if (status == VG_OK) status = factorise(&state, &kernels, error);
    if (status == VG_OK) status = measure_panels(&state, error);
    vg_cholesky_close(&state.factor);
    vg_class_moments_close(&state.moments);
    return status;
}
