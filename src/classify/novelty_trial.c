#include "classify/novelty_trial.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "learn/class_moments.h"

static const double quantile = 0.999;

/* --- Distances -------------------------------------------------------------------------- */

typedef struct measuring {
    vg_picked_rows rows;
    vg_novelty_gauge gauge;
    int threads;
    float *room;
    double *distances;
} measuring;

static void measure_share(void *argument, int part)
{
    measuring *work = argument;
    float *room = work->room + (size_t)part * vg_novelty_room(&work->gauge);
    for (size_t block = (size_t)part; block < vg_picked_blocks(&work->rows);
         block += (size_t)work->threads)
        vg_novelty_block(&work->gauge, &work->rows, block, room,
                         work->distances + block * VG_PICKED_BLOCK);
}

vg_status vg_novelty_distances(const vg_novelty *novelty, const vg_learning *learning,
                               const float *mean, const size_t *picks, size_t n, double *distances,
                               vg_error *error)
{
    measuring work = {.rows = {.values = learning->rows,
                               .picks = picks,
                               .count = n,
                               .dims = novelty->dims,
                               .mean = mean},
                      .threads = vg_team_size(learning->team),
                      .distances = distances};
    vg_status status = vg_novelty_gauge_open(&work.gauge, novelty, &learning->kernels, error);
    if (status != VG_OK) return status;
    size_t room = vg_novelty_room(&work.gauge) * (size_t)work.threads;
    work.room = vg_alloc_aligned(room, sizeof(float));
    if (work.room == NULL)
        status = vg_fail_memory(error, room * sizeof(float));
    else
        vg_team_run(learning->team, measure_share, &work);
    free(work.room);
    vg_novelty_gauge_close(&work.gauge);
    return status;
}

/* --- Folds --------------------------------------------------------------------------------- */

/* That of the rows picks [n], of which `moments` are; `mean` [dims] is set to theirs. */
static vg_status fit(vg_novelty *novelty, const vg_trial *trial, const size_t *picks, size_t n,
                     const vg_class_moments *moments, float *mean, vg_error *error)
{
    const vg_learning *learning = trial->learning;
    double shrinkage, sum = 0.0;
    vg_status status = vg_check_cancel(learning->cancel, error);
    if (status != VG_OK) return status;
    for (int d = 0; d < learning->dims; d++) mean[d] = (float)vg_moments_mean(moments->all)[d];
    for (size_t i = 0; i < n; i++)
        sum += vg_class_moments_fourth_power(moments,
                                             learning->rows + picks[i] * (size_t)learning->dims,
                                             learning->labels[picks[i]]);
    status = vg_class_moments_shrinkage_of(moments, sum, &shrinkage, error);
    if (status == VG_OK)
        status = vg_novelty_fit(novelty, moments, shrinkage, mean, &learning->kernels, error);
    return status;
}

/* What a fit and its measures need, for as many rows as the trial has. */
typedef struct rooms {
    size_t *train, *held; /* picks */
    float *mean;
    double *distances; /* of held rows of all folds so far */
    size_t count;
} rooms;

static void close_rooms(rooms *state)
{
    free(state->train);
    free(state->held);
    free(state->mean);
    free(state->distances);
}

static vg_status open_rooms(rooms *state, const vg_trial *trial, vg_error *error)
{
    size_t count = trial->count;
    *state = (rooms){.train = malloc(count * sizeof(size_t)),
                     .held = malloc(count * sizeof(size_t)),
                     .mean = vg_alloc_aligned((size_t)trial->learning->dims, sizeof(float)),
                     .distances = malloc(count * sizeof(double))};
    if (state->train != NULL && state->held != NULL && state->mean != NULL &&
        state->distances != NULL)
        return VG_OK;
    return vg_fail_memory(error, count * (2 * sizeof(size_t) + sizeof(double)));
}

static vg_status measure_fold(rooms *state, const vg_trial *trial, int fold, vg_error *error)
{
    const vg_learning *learning = trial->learning;
    size_t train = 0, held = 0;
    vg_class_moments *moments = NULL;
    vg_novelty novelty = {0};
    vg_status status = vg_trial_moments(trial, fold, &moments, error);
    for (size_t i = 0; i < trial->count && status == VG_OK; i++) {
        size_t row = trial->picks[i];
        if (trial->folds->of_row[row] != fold)
            state->train[train++] = row;
        else if (vg_class_moments_count(moments, learning->labels[row]) > 0)
            state->held[held++] = row;
    }
    if (status == VG_OK)
        status = fit(&novelty, trial, state->train, train, moments, state->mean, error);
    if (status == VG_OK)
        status = vg_novelty_distances(&novelty, learning, state->mean, state->held, held,
                                      state->distances + state->count, error);
    state->count += held;
    vg_novelty_close(&novelty);
    vg_class_moments_close(&moments);
    return status;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static vg_status fit_all(vg_novelty *novelty, rooms *state, const vg_trial *trial, vg_error *error)
{
    vg_class_moments *moments = NULL;
    vg_status status = vg_trial_moments(trial, -1, &moments, error);
    if (status == VG_OK)
        status = fit(novelty, trial, trial->picks, trial->count, moments, state->mean, error);
    vg_class_moments_close(&moments);
    if (status != VG_OK) return status;
    qsort(state->distances, state->count, sizeof *state->distances, by_size);
    size_t place = (size_t)ceil(quantile * (double)state->count);
    novelty->limit = state->distances[place > 0 ? place - 1 : 0];
    return VG_OK;
}

vg_status vg_novelty_of_trial(vg_novelty *novelty, const vg_trial *trial, vg_error *error)
{
    rooms state;
    *novelty = (vg_novelty){0};
    vg_status status = open_rooms(&state, trial, error);
    for (int fold = 0; fold < trial->folds->count && status == VG_OK; fold++)
        status = measure_fold(&state, trial, fold, error);
    if (status == VG_OK && state.count > 0) status = fit_all(novelty, &state, trial, error);
    close_rooms(&state);
    return status == VG_EFORMAT ? VG_OK : status;
}
