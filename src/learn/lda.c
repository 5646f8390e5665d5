/* Linear discriminant analysis from class moments, with shrinkage. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/elementary.h"
#include "base/error.h"
#include "base/memory.h"
#include "learn/cholesky.h"
#include "learn/class_moments.h"

static double total_count(const vg_class_moments *moments)
{
    return (double)vg_moments_count(moments->all);
}

/* --- Shrinkage ------------------------------------------------------------------ */

double vg_class_moments_fourth_power(const vg_class_moments *moments, const float *row,
                                     int class_index)
{
    const double *mean = vg_class_mean(moments, class_index);
    double square = 0.0;
    for (int d = 0; d < moments->dims; d++) {
        double distance = (double)row[d] - mean[d];
        square += distance * distance;
    }
    return square * square;
}

/* Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance
 * matrices", of rows whose means are known: what scikit-learn's ledoit_wolf_shrinkage gives
 * with assume_centered. */
static double ledoit_wolf(const double *within, double n, size_t dims, double fourth_powers)
{
    double trace = 0.0, squares = 0.0;
    for (size_t i = 0; i < dims; i++) {
        trace += within[i * dims + i] / n;
        for (size_t j = 0; j < dims; j++) {
            double covariance = within[i * dims + j] / n;
            squares += covariance * covariance;
        }
    }
    double size = (double)dims, mu = trace / size;
    double beta = (fourth_powers / n - squares) / (size * n);
    double delta = (squares - 2.0 * mu * trace + size * mu * mu) / size;
    if (beta > delta) beta = delta;
    return beta > 0.0 ? beta / delta : 0.0;
}

vg_status vg_class_moments_shrinkage_of(const vg_class_moments *moments, double fourth_powers,
                                        double *shrinkage, vg_error *error)
{
    if (moments == NULL || shrinkage == NULL)
        return vg_fail_null(error, "vg_class_moments_shrinkage_of",
                            moments == NULL ? "moments" : "shrinkage's place");
    if (total_count(moments) == 0.0 || !(fourth_powers >= 0.0))
        return vg_fail(error, VG_EINVAL, "shrinkage of %.0f rows whose fourth powers are %g",
                       total_count(moments), fourth_powers);
    size_t dims = (size_t)moments->dims;
    double *within = vg_alloc_aligned(dims * dims, sizeof *within);
    if (within == NULL) return vg_fail_memory(error, dims * dims * sizeof *within);
    vg_status status = vg_class_moments_scatter(moments, within, error);
    if (status == VG_OK)
        *shrinkage = ledoit_wolf(within, total_count(moments), dims, fourth_powers);
    free(within);
    return status;
}

vg_status vg_class_moments_add_fourth_powers(const vg_class_moments *moments, size_t n,
                                             const float *rows, const int32_t *classes, double *sum,
                                             vg_error *error)
{
    if (moments == NULL || sum == NULL)
        return vg_fail_null(error, "vg_class_moments_add_fourth_powers",
                            moments == NULL ? "moments" : "sum");
    if (n > 0 && (rows == NULL || classes == NULL))
        return vg_fail(error, VG_EINVAL, "shrinkage: rows and classes are needed");
    for (size_t i = 0; i < n; i++)
        if (vg_class_moments_count(moments, classes[i]) == 0)
            return vg_fail(error, VG_EINVAL, "row %zu: class %d is not in the moments", i,
                           (int)classes[i]);
    for (size_t i = 0; i < n; i++)
        *sum +=
            vg_class_moments_fourth_power(moments, rows + i * (size_t)moments->dims, classes[i]);
    return VG_OK;
}

vg_status vg_class_moments_shrinkage(const vg_class_moments *moments, size_t n, const float *rows,
                                     const int32_t *classes, double *shrinkage, vg_error *error)
{
    double sum = 0.0;
    if (moments != NULL && (n == 0 || n != vg_moments_count(moments->all)))
        return vg_fail(error, VG_EINVAL, "shrinkage of %zu rows, but the moments are of %llu", n,
                       (unsigned long long)vg_moments_count(moments->all));
    vg_status status = vg_class_moments_add_fourth_powers(moments, n, rows, classes, &sum, error);
    if (status == VG_OK) status = vg_class_moments_shrinkage_of(moments, sum, shrinkage, error);
    return status;
}

vg_status vg_class_moments_covariance(const vg_class_moments *moments, double shrinkage,
                                      double *covariance, vg_error *error)
{
    if (moments == NULL || covariance == NULL)
        return vg_fail_null(error, "vg_class_moments_covariance",
                            moments == NULL ? "moments" : "covariance");
    if (!(shrinkage >= 0.0 && shrinkage <= 1.0))
        return vg_fail(error, VG_EINVAL, "a shrinkage of %g, must be 0 to 1", shrinkage);
    double n = total_count(moments), trace = 0.0;
    if (n == 0.0) return vg_fail(error, VG_EINVAL, "class moments: there are no rows");
    vg_status status = vg_class_moments_scatter(moments, covariance, error);
    if (status != VG_OK) return status;
    size_t dims = (size_t)moments->dims;
    for (size_t i = 0; i < dims; i++) trace += covariance[i * dims + i] / n;
    for (size_t i = 0; i < dims * dims; i++) covariance[i] *= (1.0 - shrinkage) / n;
    for (size_t i = 0; i < dims; i++) covariance[i * dims + i] += shrinkage * trace / (double)dims;
    return VG_OK;
}

/* --- Weights ----------------------------------------------------------------------- */

/* Weights and biases of the classes from `first` on: a panel of right sides. */
static void solve_panel(const vg_class_moments *moments, const vg_cholesky *factor, int first,
                        double *panel, double *weights, double *bias)
{
    size_t dims = (size_t)moments->dims;
    int left = moments->classes - first, count = left < VG_GRAM_PANEL ? left : VG_GRAM_PANEL;
    memset(panel, 0, (size_t)factor->padded * VG_GRAM_PANEL * sizeof *panel);
    for (int c = 0; c < count; c++)
        for (size_t d = 0; d < dims; d++)
            panel[d * VG_GRAM_PANEL + (size_t)c] = vg_class_mean(moments, first + c)[d];
    vg_cholesky_solve_lower(factor, panel);
    vg_cholesky_solve_upper(factor, panel);
    for (int c = first; c < first + count; c++) {
        const double *mean = vg_class_mean(moments, c);
        double product = 0.0, share = (double)moments->counts[c] / total_count(moments);
        double *row = weights + (size_t)c * dims;
        for (size_t d = 0; d < dims; d++) {
            row[d] = panel[d * VG_GRAM_PANEL + (size_t)(c - first)];
            product += row[d] * mean[d];
        }
        bias[c] = share > 0.0 ? vg_logarithm(share) - 0.5 * product : -INFINITY;
    }
}

static vg_status solve(const vg_class_moments *moments, const double *covariance, double *weights,
                       double *bias, vg_error *error)
{
    vg_kernels kernels;
    vg_cholesky factor = {0};
    double *panel = NULL;
    vg_status status = vg_kernels_choose(&kernels, NULL, error);
    if (status != VG_OK) return status;
    status = vg_cholesky_open(&factor, covariance, moments->dims, &kernels, error);
    if (status == VG_EFORMAT)
        return vg_fail_prefix(error, VG_EINVAL,
                              "the scatter within classes is singular (give a shrinkage above 0)");
    if (status != VG_OK) return status;
    panel = vg_alloc_aligned((size_t)factor.padded * VG_GRAM_PANEL, sizeof *panel);
    if (panel == NULL)
        status = vg_fail_memory(error, (size_t)factor.padded * VG_GRAM_PANEL * sizeof *panel);
    for (int c = 0; c < moments->classes && status == VG_OK; c += VG_GRAM_PANEL)
        solve_panel(moments, &factor, c, panel, weights, bias);
    free(panel);
    vg_cholesky_close(&factor);
    return status;
}

vg_status vg_lda_fit(const vg_class_moments *moments, double shrinkage, double *weights,
                     double *bias, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_lda_fit", "moments");
    if (weights == NULL || bias == NULL)
        return vg_fail(error, VG_EINVAL, "vg_lda_fit: weights and bias are needed");
    int present = 0;
    for (int c = 0; c < moments->classes; c++) present += moments->counts[c] > 0;
    if (present < 2)
        return vg_fail(error, VG_EINVAL, "there is one class alone: nothing to tell apart");
    size_t dims = (size_t)moments->dims;
    double *covariance = vg_alloc_aligned(dims * dims, sizeof *covariance);
    if (covariance == NULL) return vg_fail_memory(error, dims * dims * sizeof *covariance);
    vg_status status = vg_class_moments_covariance(moments, shrinkage, covariance, error);
    if (status == VG_OK) status = solve(moments, covariance, weights, bias, error);
    free(covariance);
    return status;
}
