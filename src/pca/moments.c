/* Count, mean and scatter matrix, in blocks of rows. Blocks and whole moments are
 * brought together by the pairwise update of Chan, Golub and LeVeque 1983,
 * "Algorithms for computing the sample variance": no sum of squares is taken
 * about anything but a mean, so a large mean costs no digits of the variance. */
#include "pca/moments.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/team.h"
#include "base/usable_cpus.h"

vg_status vg_moments_open(vg_moments **moments, int dims, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_moments_open", "moments' place");
    *moments = NULL;
    if (dims < 1 || dims > VG_MOMENTS_MAX_DIMS)
        return vg_fail(error, VG_EINVAL, "moments: %d dimensions, must be 1 to %d", dims,
                       VG_MOMENTS_MAX_DIMS);

    vg_moments *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    size_t stride = ((size_t)dims + VG_GRAM_PANEL - 1) / VG_GRAM_PANEL * VG_GRAM_PANEL;
    opened->dims = dims;
    opened->threads = 1;
    opened->stride = stride;
    vg_status status = vg_kernels_choose(&opened->kernels, NULL, error);
    if (status != VG_OK) {
        vg_moments_close(&opened);
        return status;
    }
    opened->mean = vg_alloc_aligned(stride, sizeof(double));
    opened->scatter = vg_alloc_aligned(stride * stride, sizeof(double));
    opened->pending = vg_alloc_aligned(VG_MOMENTS_BLOCK * stride, sizeof(float));
    opened->panels = vg_alloc_aligned((VG_MOMENTS_BLOCK + 1) * stride, sizeof(double));
    if (opened->mean == NULL || opened->scatter == NULL || opened->pending == NULL ||
        opened->panels == NULL) {
        vg_moments_close(&opened);
        return vg_fail_memory(error, (stride + 2 * VG_MOMENTS_BLOCK + 2) * stride * sizeof(double));
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

vg_status vg_moments_set_threads(vg_moments *moments, int threads, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_moments_set_threads", "moments");
    if (threads < 1 || threads > VG_MOST_THREADS)
        return vg_fail(error, VG_EINVAL, "moments: %d threads, must be 1 to %d", threads,
                       VG_MOST_THREADS);
    moments->threads = threads;
    return VG_OK;
}

/* Without a branch, so that compilers use vectors: all ones of the exponent. */
static bool are_finite(const float *values, size_t n)
{
    const uint32_t exponent = UINT32_C(0x7f800000);
    uint32_t found = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        found |= (bits & exponent) == exponent;
    }
    return found == 0;
}

vg_status vg_check_finite(const float *values, size_t n, uint64_t row, vg_error *error)
{
    if (are_finite(values, n)) return VG_OK;
    size_t i = 0;
    while (isfinite(values[i])) i++;
    return vg_fail(error, VG_EINVAL,
                   "row %llu: value %zu is not a finite number (both counted from 0): "
                   "leave the row out",
                   (unsigned long long)row, i);
}

/* --- A block of rows -------------------------------------------------------------- */

/* Columns are centred panel by panel, then panels multiplied in pairs. Whichever thread does
 * one, its sums have the same order. */
typedef struct block {
    vg_moments *moments;
    vg_team *team;
    const float *values; /* [rows][stride] */
    int rows;
    double share, weight; /* of the block's mean in the mean of all, and in the scatter matrix */
    atomic_int centred, multiplied; /* panels and runs of tiles that a thread has taken */
} block;

/* Leaves in the panel's rows their distances from the mean of the block, and in one more row
 * sqrt(weight) times that mean's distance from the mean so far: as a row of the product it
 * adds weight * distance * distance'. Brings that mean up to date. */
static void centre_panel(const block *work, size_t panel)
{
    vg_moments *moments = work->moments;
    size_t stride = moments->stride, column = panel * VG_GRAM_PANEL;
    const float *first = work->values + column, *row = first;
    double *mean = moments->mean + column;
    double *to = moments->panels + column * (size_t)(work->rows + 1);

    /* About the first row before about the mean: the sums stay small, and equal
     * rows give exactly zero. */
    double from_first[VG_GRAM_PANEL] = {0};
    for (int i = 1; i < work->rows; i++) {
        row += stride;
        for (int j = 0; j < VG_GRAM_PANEL; j++) from_first[j] += (double)row[j] - (double)first[j];
    }
    for (int j = 0; j < VG_GRAM_PANEL; j++) from_first[j] /= work->rows;
    for (int j = 0; j < VG_GRAM_PANEL; j++) to[j] = -from_first[j];
    row = first;
    for (int i = 1; i < work->rows; i++) {
        row += stride;
        to += VG_GRAM_PANEL;
        for (int j = 0; j < VG_GRAM_PANEL; j++)
            to[j] = (double)row[j] - (double)first[j] - from_first[j];
    }
    to += VG_GRAM_PANEL;
    for (int j = 0; j < VG_GRAM_PANEL; j++) {
        double distance = (double)first[j] - mean[j] + from_first[j];
        mean[j] += distance * work->share;
        to[j] = distance * sqrt(work->weight);
    }
}

/* The tiles of one panel of columns with those of `top` to `end`. */
static void multiply_panels(const block *work, size_t top, size_t end, size_t panel)
{
    vg_moments *moments = work->moments;
    int rows = work->rows + 1;
    size_t panel_size = (size_t)rows * VG_GRAM_PANEL;
    for (size_t i = top; i < end; i++)
        moments->kernels.gram(moments->scatter + (i * moments->stride + panel) * VG_GRAM_PANEL,
                              (ptrdiff_t)moments->stride, moments->panels + i * panel_size,
                              moments->panels + panel * panel_size, rows);
}

static void work_on_block(void *argument, int part)
{
    (void)part;
    /* So many panels stay in level 2 while all others pass. */
    enum { HELD = 8 };
    block *work = argument;
    size_t panels = work->moments->stride / VG_GRAM_PANEL;
    for (size_t panel; (panel = (size_t)atomic_fetch_add(&work->centred, 1)) < panels;)
        centre_panel(work, panel);
    if (work->team != NULL) vg_team_meet(work->team);

    int run = 0, mine = atomic_fetch_add(&work->multiplied, 1);
    for (size_t top = 0; top < panels; top += HELD) {
        for (size_t panel = top; panel < panels; panel++) {
            if (run++ != mine) continue;
            size_t end = panel + 1 < top + HELD ? panel + 1 : top + HELD;
            multiply_panels(work, top, end, panel);
            mine = atomic_fetch_add(&work->multiplied, 1);
        }
    }
}

/* `team`: NULL for the calling thread alone. values: [rows][stride]. */
static void add_block(vg_moments *moments, vg_team *team, const float *values, int rows)
{
    if (rows == 0) return;
    double before = (double)moments->count, after = before + rows;
    block work = {.moments = moments,
                  .team = team,
                  .values = values,
                  .rows = rows,
                  .share = rows / after,
                  .weight = before * rows / after};
    if (team != NULL)
        vg_team_run(team, work_on_block, &work);
    else
        work_on_block(&work, 0);
    moments->count += (uint64_t)rows;
}

static void add_pending(vg_moments *moments, vg_team *team)
{
    add_block(moments, team, moments->pending, moments->pending_count);
    moments->pending_count = 0;
}

void vg_moments_settle(const vg_moments *moments)
{
    add_pending((vg_moments *)moments, NULL);
}

const double *vg_moments_mean(const vg_moments *moments)
{
    vg_moments_settle(moments);
    return moments->mean;
}

/* Threads for one call, so that moments can be forked while they wait; NULL where the calling
 * thread does it alone, which it also does where no others are to be had. */
static vg_team *open_team(const vg_moments *moments, size_t rows)
{
    vg_team *team = NULL;
    bool fills_block = rows >= (size_t)(VG_MOMENTS_BLOCK - moments->pending_count);
    if (moments->threads > 1 && fills_block && vg_team_open(&team, moments->threads, NULL) != VG_OK)
        return NULL;
    return team;
}

double vg_moments_total_variance(const vg_moments *moments)
{
    size_t columns = (size_t)moments->dims;
    double total = 0.0;
    vg_moments_settle(moments);
    if (moments->count < 2) return 0.0;
    for (size_t i = 0; i < columns; i++) total += moments->scatter[i * moments->stride + i];
    return total / (double)(moments->count - 1);
}

/* --- Rows before they are added ---------------------------------------------------- */

typedef struct look {
    const float *rows;
    size_t n, columns;
    int parts;
    size_t sound[VG_MOST_THREADS]; /* of a part: rows before the first that is not finite */
} look;

static size_t share_of(const look *work, int part)
{
    return work->n / (size_t)work->parts * (size_t)part +
           work->n % (size_t)work->parts * (size_t)part / (size_t)work->parts;
}

static void look_at_part(void *argument, int part)
{
    look *work = argument;
    size_t row = share_of(work, part), end = share_of(work, part + 1);
    while (row < end && are_finite(work->rows + row * work->columns, work->columns)) row++;
    work->sound[part] = row;
}

/* How many rows there are before the first that is not finite. */
static size_t find_sound(vg_team *team, const float *rows, size_t n, size_t columns)
{
    look work = {
        .rows = rows, .n = n, .columns = columns, .parts = team != NULL ? vg_team_size(team) : 1};
    if (team != NULL)
        vg_team_run(team, look_at_part, &work);
    else
        look_at_part(&work, 0);
    int part = 0;
    while (part + 1 < work.parts && work.sound[part] == share_of(&work, part + 1)) part++;
    return work.sound[part];
}

vg_status vg_moments_add(vg_moments *moments, size_t n, const float *rows, vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_moments_add", "moments");
    if (n > 0 && rows == NULL) return vg_fail(error, VG_EINVAL, "vg_moments_add: rows are needed");
    if (n > UINT64_MAX - vg_moments_count(moments))
        return vg_fail(error, VG_ELIMIT, "moments: more rows than can be counted");
    size_t columns = (size_t)moments->dims, stride = moments->stride;
    vg_team *team = open_team(moments, n);
    const size_t sound = find_sound(team, rows, n, columns);
    if (sound == n) {
        for (size_t i = 0; i < n;) {
            bool is_block = moments->pending_count == 0 && n - i >= VG_MOMENTS_BLOCK;
            if (is_block && columns == stride) {
                add_block(moments, team, rows + i * columns, VG_MOMENTS_BLOCK);
                i += VG_MOMENTS_BLOCK;
                continue;
            }
            memcpy(moments->pending + (size_t)moments->pending_count * stride, rows + i * columns,
                   columns * sizeof *rows);
            moments->pending_count++;
            i++;
            if (moments->pending_count == VG_MOMENTS_BLOCK) add_pending(moments, team);
        }
    }
    vg_team_close(&team);
    return sound == n ? VG_OK : vg_check_finite(rows + sound * columns, columns, sound, error);
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
    add_pending(moments, NULL);
    if (other->count == 0) return VG_OK;

    size_t columns = (size_t)moments->dims;
    double before = (double)moments->count, added = (double)other->count;
    double share = added / (before + added), weight = before * share;
    double *distance = moments->panels; /* free now that the pending rows are in */
    for (size_t j = 0; j < columns; j++) {
        distance[j] = other->mean[j] - moments->mean[j];
        moments->mean[j] += distance[j] * share;
    }
    for (size_t i = 0; i < columns; i++) {
        double *to = moments->scatter + i * moments->stride;
        const double *from = other->scatter + i * moments->stride;
        double weighted = weight * distance[i];
        for (size_t j = i; j < columns; j++) to[j] += from[j] + weighted * distance[j];
    }
    moments->count += other->count;
    return VG_OK;
}
