/* How two ways to part the same rows agree. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/elementary.h"
#include "base/error.h"
#include "base/memory.h"
#include "verger/verger.h"

typedef struct crossing {
    size_t rows;
    int classes, clusters;
    uint64_t *cells;         /* [classes][clusters] */
    uint64_t *class_sizes;   /* [classes] */
    uint64_t *cluster_sizes; /* [clusters] */
    double *highs, *lows;    /* [rows + 1]: ln(n!), in two parts, for one has too few digits */
} crossing;

/* --- Counts ------------------------------------------------------------------------ */

static void close_crossing(crossing *both)
{
    free(both->cells);
    free(both->class_sizes);
    free(both->cluster_sizes);
    free(both->highs);
    free(both->lows);
}

/* a + b exactly, as a sum and what it lost (Knuth's two-sum). */
static double add_exactly(double a, double b, double *lost)
{
    double sum = a + b, part = sum - a;
    *lost = (a - (sum - part)) + (b - part);
    return sum;
}

static void fill_factorials(crossing *both)
{
    for (size_t n = 2; n <= both->rows; n++) {
        double lost;
        both->highs[n] = add_exactly(both->highs[n - 1], vg_logarithm((double)n), &lost);
        both->lows[n] = both->lows[n - 1] + lost;
    }
}

static vg_status open_crossing(crossing *both, const int32_t *classes, int class_count,
                               const int32_t *clusters, int cluster_count, size_t n,
                               vg_error *error)
{
    *both = (crossing){.rows = n, .classes = class_count, .clusters = cluster_count};
    size_t cells = (size_t)class_count * (size_t)cluster_count;
    both->cells = calloc(cells, sizeof *both->cells);
    both->class_sizes = calloc((size_t)class_count, sizeof *both->class_sizes);
    both->cluster_sizes = calloc((size_t)cluster_count, sizeof *both->cluster_sizes);
    both->highs = calloc(n + 2, sizeof *both->highs);
    both->lows = calloc(n + 2, sizeof *both->lows);
    if (both->cells == NULL || both->class_sizes == NULL || both->cluster_sizes == NULL ||
        both->highs == NULL || both->lows == NULL)
        return vg_fail_memory(error, cells * sizeof *both->cells);
    for (size_t i = 0; i < n; i++) {
        if (classes[i] < 0 || classes[i] >= class_count || clusters[i] < 0 ||
            clusters[i] >= cluster_count)
            return vg_fail(error, VG_EINVAL, "row %zu: class %d or cluster %d is out of range", i,
                           (int)classes[i], (int)clusters[i]);
        both->cells[(size_t)classes[i] * (size_t)cluster_count + (size_t)clusters[i]]++;
        both->class_sizes[classes[i]]++;
        both->cluster_sizes[clusters[i]]++;
    }
    fill_factorials(both);
    return VG_OK;
}

/* --- Measures ------------------------------------------------------------------------ */

static double purity(const crossing *both)
{
    uint64_t sum = 0;
    for (int k = 0; k < both->clusters; k++) {
        uint64_t most = 0;
        for (int c = 0; c < both->classes; c++) {
            uint64_t cell = both->cells[(size_t)c * (size_t)both->clusters + (size_t)k];
            if (cell > most) most = cell;
        }
        sum += most;
    }
    return (double)sum / (double)both->rows;
}

static double sum_squares(const uint64_t *values, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)values[i] * (double)values[i];
    return sum;
}

/* Hubert and Arabie 1985, by the counts of pairs. */
static double adjusted_rand(const crossing *both)
{
    double n = (double)both->rows;
    double together = sum_squares(both->cells, (size_t)both->classes * (size_t)both->clusters);
    double in_classes = sum_squares(both->class_sizes, (size_t)both->classes);
    double in_clusters = sum_squares(both->cluster_sizes, (size_t)both->clusters);
    double tp = together - n, fp = in_clusters - together, fn = in_classes - together;
    double tn = n * n - fp - fn - together;
    if (fp == 0.0 && fn == 0.0) return 1.0;
    return 2.0 * (tp * tn - fn * fp) / ((tp + fn) * (fn + tn) + (tp + fp) * (fp + tn));
}

static double entropy(const uint64_t *sizes, int count, double n)
{
    double sum = 0.0;
    for (int i = 0; i < count; i++)
        if (sizes[i] > 0)
            sum -= (double)sizes[i] / n * (vg_logarithm((double)sizes[i]) - vg_logarithm(n));
    return sum;
}

static double mutual_information(const crossing *both)
{
    double sum = 0.0, n = (double)both->rows;
    for (int c = 0; c < both->classes; c++)
        for (int k = 0; k < both->clusters; k++) {
            uint64_t cell = both->cells[(size_t)c * (size_t)both->clusters + (size_t)k];
            if (cell == 0) continue;
            sum += (double)cell / n *
                   (vg_logarithm((double)cell) + vg_logarithm(n) -
                    vg_logarithm((double)both->class_sizes[c]) -
                    vg_logarithm((double)both->cluster_sizes[k]));
        }
    return sum > 0.0 ? sum : 0.0;
}

static void add_factorial(const crossing *both, uint64_t n, double sign, double *high, double *low)
{
    double lost;
    *high = add_exactly(*high, sign * both->highs[n], &lost);
    *low += lost + sign * both->lows[n];
}

/* What classes and clusters of these sizes share by chance, for one pair of them: the sum over
 * the hypergeometric distribution (Vinh, Epps and Bailey 2010). */
static double expected_of_pair(const crossing *both, uint64_t a, uint64_t b)
{
    uint64_t n = both->rows, end = a < b ? a : b;
    uint64_t first = a + b > n ? a + b - n : 1;
    double sum = 0.0, fixed_high = 0.0, fixed_low = 0.0;
    add_factorial(both, a, 1.0, &fixed_high, &fixed_low);
    add_factorial(both, b, 1.0, &fixed_high, &fixed_low);
    add_factorial(both, n - a, 1.0, &fixed_high, &fixed_low);
    add_factorial(both, n - b, 1.0, &fixed_high, &fixed_low);
    add_factorial(both, n, -1.0, &fixed_high, &fixed_low);
    for (uint64_t cell = first; cell <= end; cell++) {
        double high = fixed_high, low = fixed_low;
        add_factorial(both, cell, -1.0, &high, &low);
        add_factorial(both, a - cell, -1.0, &high, &low);
        add_factorial(both, b - cell, -1.0, &high, &low);
        add_factorial(both, n + cell - a - b, -1.0, &high, &low);
        double shared = vg_logarithm((double)n) + vg_logarithm((double)cell) -
                        vg_logarithm((double)a) - vg_logarithm((double)b);
        sum += (double)cell / (double)n * shared * vg_exp_negative(high + low);
    }
    return sum;
}

static double expected_information(const crossing *both)
{
    double sum = 0.0;
    for (int c = 0; c < both->classes; c++)
        for (int k = 0; k < both->clusters; k++)
            if (both->class_sizes[c] > 0 && both->cluster_sizes[k] > 0)
                sum += expected_of_pair(both, both->class_sizes[c], both->cluster_sizes[k]);
    return sum;
}

static int used(const uint64_t *sizes, int count)
{
    int found = 0;
    for (int i = 0; i < count; i++) found += sizes[i] > 0;
    return found;
}

static double adjusted_information(const crossing *both, double shared, double mean_entropy)
{
    if (used(both->class_sizes, both->classes) == 1 &&
        used(both->cluster_sizes, both->clusters) == 1)
        return 1.0;
    double expected = expected_information(both), room = mean_entropy - expected;
    if (room < 0.0)
        room = fmin(room, -DBL_EPSILON);
    else
        room = fmax(room, DBL_EPSILON);
    return (shared - expected) / room;
}

vg_status vg_agreement_measure(const int32_t *classes, int class_count, const int32_t *clusters,
                               int cluster_count, size_t n, vg_agreement *agreement,
                               vg_error *error)
{
    if (classes == NULL || clusters == NULL || agreement == NULL)
        return vg_fail_null(error, "vg_agreement_measure",
                            agreement == NULL ? "result's place" : "classes or clusters");
    *agreement = (vg_agreement){0};
    if (n == 0 || class_count < 1 || cluster_count < 1)
        return vg_fail(error, VG_EINVAL, "agreement: there are no rows, classes or clusters");
    crossing both;
    vg_status status =
        open_crossing(&both, classes, class_count, clusters, cluster_count, n, error);
    if (status == VG_OK) {
        double of_classes = entropy(both.class_sizes, class_count, (double)n);
        double of_clusters = entropy(both.cluster_sizes, cluster_count, (double)n);
        double shared = mutual_information(&both);
        double h = of_classes > 0.0 ? shared / of_classes : 1.0;
        double c = of_clusters > 0.0 ? shared / of_clusters : 1.0;
        *agreement = (vg_agreement){.purity = purity(&both),
                                    .adjusted_rand = adjusted_rand(&both),
                                    .adjusted_information = adjusted_information(
                                        &both, shared, 0.5 * (of_classes + of_clusters)),
                                    .homogeneity = h,
                                    .completeness = c,
                                    .v_measure = h + c > 0.0 ? 2.0 * h * c / (h + c) : 0.0};
    }
    close_crossing(&both);
    return status;
}
