#include "neighbours/rowset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "neighbours/shares.h"
#include "pca/moments.h"

/* Rows of a thread: what it found. */
typedef struct check {
    vg_rowset *set;
    int threads;
    struct finding {
        vg_status status;
        vg_error error;
        float largest;
    } * findings; /* [threads] */
} check;

/* Largest magnitude of a row, as its bits: they order as whole numbers do, infinity and what is no
 * number above all others, and their maximum has as many lanes as the compiler likes. */
static int32_t largest_bits(const float *row, size_t dims)
{
    int32_t largest = 0;
    for (size_t d = 0; d < dims; d++) {
        int32_t bits;
        memcpy(&bits, row + d, sizeof bits);
        bits &= INT32_MAX;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

static void check_rows(void *argument, int part)
{
    check *work = argument;
    vg_rowset *set = work->set;
    struct finding *finding = &work->findings[part];
    size_t threads = (size_t)work->threads, dims = (size_t)set->dims;
    size_t first = set->count * (size_t)part / threads;
    size_t end = set->count * ((size_t)part + 1) / threads;
    for (size_t i = first; i < end && finding->status == VG_OK; i++) {
        const float *row = vg_rowset_row(set, i);
        int32_t bits = largest_bits(row, dims);
        float largest;
        memcpy(&largest, &bits, sizeof largest);
        if (!isfinite(largest)) finding->status = vg_check_finite(row, dims, i, &finding->error);
        finding->largest = fmaxf(finding->largest, largest);
        if (set->squares != NULL) set->squares[i] = set->kernels.dot(row, row, dims);
    }
}

static vg_status examine(vg_rowset *set, vg_team *team, vg_error *error)
{
    double products = (double)set->count * set->dims;
    check work = {.set = set, .threads = vg_share_count(team, products)};
    size_t threads = (size_t)work.threads;
    work.findings = calloc(threads, sizeof *work.findings);
    if (work.findings == NULL) return vg_fail_memory(error, threads * sizeof *work.findings);
    vg_run_shares(team, work.threads, check_rows, &work);
    vg_status status = VG_OK;
    for (size_t i = 0; i < threads && status == VG_OK; i++) {
        status = work.findings[i].status;
        if (status != VG_OK) vg_fail(error, status, "%s", work.findings[i].error.message);
        set->largest_value = fmaxf(set->largest_value, work.findings[i].largest);
    }
    free(work.findings);
    return status;
}

vg_status vg_rowset_open(vg_rowset *set, const float *rows, size_t count, int dims,
                         vg_metric metric, const char *kernels, vg_team *team, vg_error *error)
{
    *set = (vg_rowset){.values = rows, .count = count, .dims = dims, .metric = metric};
    if (rows == NULL || count == 0)
        return vg_fail(error, VG_EINVAL, "neighbours: there are no rows");
    if (count > INT32_MAX)
        return vg_fail(error, VG_ELIMIT, "neighbours: %zu rows, at most %d can be taken", count,
                       INT32_MAX);
    if (dims < 1 || dims > VG_MOMENTS_MAX_DIMS)
        return vg_fail(error, VG_EINVAL, "neighbours: %d values a row, must be 1 to %d", dims,
                       VG_MOMENTS_MAX_DIMS);
    if (metric != VG_COSINE && metric != VG_L2)
        return vg_fail(error, VG_EINVAL, "neighbours: no metric %d", (int)metric);
    vg_status status = vg_kernels_choose(&set->kernels, kernels, error);
    if (status == VG_OK && metric == VG_COSINE) {
        set->squares = vg_alloc_aligned(count, sizeof *set->squares);
        if (set->squares == NULL) status = vg_fail_memory(error, count * sizeof *set->squares);
    }
    if (status == VG_OK) status = examine(set, team, error);
    if (status != VG_OK) vg_rowset_close(set);
    return status;
}

void vg_rowset_close(vg_rowset *set)
{
    free(set->squares);
    set->squares = NULL;
}

double vg_rowset_square(const vg_rowset *set, const float *row)
{
    return set->metric == VG_COSINE ? set->kernels.dot(row, row, (size_t)set->dims) : 0.0;
}

/* The root of the product of the squares, not the product of roots: a row is then at 0 from
 * itself, for the root of a rounded square is the number. */
double vg_rowset_key(const vg_rowset *set, const float *row, double square, size_t other)
{
    const float *values = vg_rowset_row(set, other);
    size_t dims = (size_t)set->dims;
    if (set->metric == VG_L2) return set->kernels.square_distance(row, values, dims);
    double lengths = sqrt(square * set->squares[other]);
    if (lengths == 0.0) return 1.0;
    double key = 1.0 - set->kernels.dot(row, values, dims) / lengths;
    return key > 0.0 ? key : 0.0;
}

double vg_rowset_distance(const vg_rowset *set, double key)
{
    return set->metric == VG_L2 ? sqrt(key) : key;
}
