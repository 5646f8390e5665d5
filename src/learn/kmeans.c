/* k-means by Lloyd's iterations from greedy k-means++ seeds. A row's nearest centre is the one of
 * least distance in float64; float32's products, whose error is bounded, only say which centres may
 * be it. So labels are the same on any number of threads and any CPU. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/elementary.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/team.h"
#include "base/usable_cpus.h"
#include "learn/linear_scores.h"
#include "pca/moments.h"

typedef struct kmeans {
    const vg_kmeans_options *options;
    vg_team *team;
    vg_kernels kernels;
    vg_picked_rows rows;
    size_t *picks;
    float *mean;     /* of the rows: centred, they lose fewer digits */
    double *squares; /* [rows], of the centred rows */
    vg_linear_scores scores;
    int k;
    float *room; /* [threads][room_size] */
    size_t room_size;
    double *centres, *next;   /* [k][dims], of centred rows */
    double *halves;           /* [k]: minus half the square of a centre */
    double *distances;        /* [rows], squares, to the centre of its label */
    int32_t *labels, *before; /* [rows] */
    uint64_t *sizes;          /* [k] */
    double error_share;       /* of the product of two lengths */
} kmeans;

void vg_kmeans_options_default(vg_kmeans_options *options)
{
    *options =
        (vg_kmeans_options){.restarts = 10, .max_iterations = 300, .tolerance = 1e-4, .threads = 1};
}

static size_t dims_of(const kmeans *state)
{
    return (size_t)state->rows.dims;
}

static const float *row_of(const kmeans *state, size_t row)
{
    return state->rows.values + row * dims_of(state);
}

/* --- Distances ------------------------------------------------------------------------ */

static double square_to(const kmeans *state, size_t row, const double *centre)
{
    const float *values = row_of(state, row);
    double sum = 0.0;
    for (size_t d = 0; d < dims_of(state); d++) {
        double distance = (double)values[d] - (double)state->mean[d] - centre[d];
        sum += distance * distance;
    }
    return sum;
}

/* Of the centres whose score may be the highest, the nearest; of equal ones the first. */
static void choose(kmeans *state, size_t row, const float *scores, double longest)
{
    double highest = -INFINITY, least = INFINITY;
    int32_t label = 0;
    for (int c = 0; c < state->k; c++)
        if ((double)scores[c] > highest) highest = (double)scores[c];
    double margin =
        2.0 * state->error_share * (sqrt(state->squares[row]) * longest + longest * longest);
    for (int c = 0; c < state->k; c++) {
        if ((double)scores[c] < highest - margin) continue;
        double square = square_to(state, row, state->centres + (size_t)c * dims_of(state));
        if (square >= least) continue;
        least = square;
        label = c;
    }
    state->labels[row] = label;
    state->distances[row] = least;
}

static double longest_centre(const kmeans *state)
{
    double longest = 0.0;
    for (int c = 0; c < state->k; c++) longest = fmax(longest, -2.0 * state->halves[c]);
    return sqrt(longest);
}

static void assign_share(void *argument, int part)
{
    kmeans *state = argument;
    size_t threads = (size_t)vg_team_size(state->team);
    float *room = state->room + (size_t)part * state->room_size;
    float *scores = room + vg_linear_scores_room(&state->scores);
    double longest = longest_centre(state);
    for (size_t block = (size_t)part; block < vg_picked_blocks(&state->rows); block += threads) {
        size_t count = vg_picked_block_size(&state->rows, block);
        vg_linear_scores_block(&state->scores, &state->rows, block, room, scores);
        for (size_t i = 0; i < count; i++)
            choose(state, block * VG_PICKED_BLOCK + i, scores + i * (size_t)state->k, longest);
    }
}

/* Labels of all rows under the centres. */
static void assign(kmeans *state)
{
    size_t dims = dims_of(state);
    for (int c = 0; c < state->k; c++) {
        double square = 0.0;
        for (size_t d = 0; d < dims; d++) {
            double value = state->centres[(size_t)c * dims + d];
            square += value * value;
        }
        state->halves[c] = -0.5 * square;
    }
    vg_linear_scores_set(&state->scores, state->centres, state->halves);
    vg_team_run(state->team, assign_share, state);
}

/* --- Centres -------------------------------------------------------------------------------- */

/* Each thread sums its own columns over all rows, in their order. */
static void sum_share(void *argument, int part)
{
    kmeans *state = argument;
    size_t dims = dims_of(state), threads = (size_t)vg_team_size(state->team);
    size_t first = dims * (size_t)part / threads, end = dims * ((size_t)part + 1) / threads;
    for (size_t i = 0; i < state->rows.count; i++) {
        const float *values = row_of(state, i);
        double *centre = state->next + (size_t)state->labels[i] * dims;
        for (size_t d = first; d < end; d++)
            centre[d] += (double)values[d] - (double)state->mean[d];
    }
}

/* The row farthest from its centre that no empty cluster has yet. */
static size_t farthest(const kmeans *state)
{
    size_t found = 0;
    for (size_t i = 1; i < state->rows.count; i++)
        if (state->distances[i] > state->distances[found]) found = i;
    return found;
}

/* A cluster without rows gets the row that is farthest from its own. */
static void fill_empty(kmeans *state)
{
    size_t dims = dims_of(state);
    for (int c = 0; c < state->k; c++) {
        if (state->sizes[c] > 0) continue;
        size_t row = farthest(state);
        double *from = state->next + (size_t)state->labels[row] * dims;
        double *to = state->next + (size_t)c * dims;
        for (size_t d = 0; d < dims; d++) {
            to[d] = (double)row_of(state, row)[d] - (double)state->mean[d];
            from[d] -= to[d];
        }
        state->sizes[state->labels[row]]--;
        state->sizes[c] = 1;
        state->distances[row] = -1.0;
    }
}

/* Means of the clusters; how far the centres went, squared. */
static double move_centres(kmeans *state)
{
    size_t dims = dims_of(state), k = (size_t)state->k;
    double shift = 0.0;
    memset(state->next, 0, k * dims * sizeof *state->next);
    memset(state->sizes, 0, k * sizeof *state->sizes);
    for (size_t i = 0; i < state->rows.count; i++) state->sizes[state->labels[i]]++;
    vg_team_run(state->team, sum_share, state);
    fill_empty(state);
    for (size_t c = 0; c < k; c++)
        for (size_t d = 0; d < dims; d++) {
            double *value = &state->next[c * dims + d];
            if (state->sizes[c] > 0) *value /= (double)state->sizes[c];
            double step = *value - state->centres[c * dims + d];
            shift += step * step;
        }
    double *swapped = state->centres;
    state->centres = state->next;
    state->next = swapped;
    return shift;
}

/* --- Seeds ------------------------------------------------------------------------------------ */

/* A number from 0 up to 1 (splitmix64, Steele, Lea and Flood 2014). */
static double draw(uint64_t *random)
{
    uint64_t z = *random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* The row at which the sum of the distances so far passes the share. */
static size_t pick(const double *distances, size_t n, double share)
{
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (distances[i] <= 0.0) continue;
        share -= distances[i];
        last = i;
        if (share < 0.0) break;
    }
    return last;
}

typedef struct seeding {
    kmeans *state;
    vg_linear_scores scores;  /* of the candidates */
    const size_t *candidates; /* [count], rows */
    int count;
    double *places, *halves; /* [trials][dims], [trials]: as centres are */
    double *distances;       /* [count][rows]: squares, no more than those so far */
} seeding;

/* Squares by float32's products: what is drawn by them need not be exact, and is the same bits
 * everywhere all the same. */
static void measure_share(void *argument, int part)
{
    seeding *work = argument;
    kmeans *state = work->state;
    size_t n = state->rows.count, threads = (size_t)vg_team_size(state->team);
    size_t trials = (size_t)work->scores.classes;
    float *room = state->room + (size_t)part * state->room_size;
    float *scores = room + vg_linear_scores_room(&work->scores);
    for (size_t block = (size_t)part; block < vg_picked_blocks(&state->rows); block += threads) {
        vg_linear_scores_block(&work->scores, &state->rows, block, room, scores);
        for (size_t i = 0; i < vg_picked_block_size(&state->rows, block); i++) {
            size_t row = block * VG_PICKED_BLOCK + i;
            for (size_t c = 0; c < (size_t)work->count; c++) {
                double square = state->squares[row] - 2.0 * (double)scores[i * trials + c];
                if (row == work->candidates[c]) square = 0.0;
                work->distances[c * n + row] = fmin(fmax(square, 0.0), state->distances[row]);
            }
        }
    }
}

static void load_candidates(seeding *work)
{
    const kmeans *state = work->state;
    size_t dims = dims_of(state);
    for (int c = 0; c < work->count; c++) {
        const float *row = row_of(state, work->candidates[c]);
        for (size_t d = 0; d < dims; d++)
            work->places[(size_t)c * dims + d] = (double)row[d] - (double)state->mean[d];
        work->halves[c] = -0.5 * state->squares[work->candidates[c]];
    }
    vg_linear_scores_set(&work->scores, work->places, work->halves);
}

static double sum_of(const double *values, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return sum;
}

/* Of some rows drawn by their squared distance from the centres so far, the one that brings the sum
 * of those down most (Arthur and Vassilvitskii 2007, with the trials of its section 6; 2 + ln k of
 * them as in scikit-learn). */
static void seed_centres(kmeans *state, uint64_t *random, seeding *work, size_t *candidates)
{
    size_t n = state->rows.count, dims = dims_of(state);
    int trials = 2 + (int)vg_logarithm((double)state->k);
    for (size_t i = 0; i < n; i++) state->distances[i] = INFINITY;
    for (int c = 0; c < state->k; c++) {
        double total = c > 0 ? sum_of(state->distances, n) : 0.0, least = INFINITY;
        int best = 0;
        work->count = c > 0 ? trials : 1;
        for (int t = 0; t < work->count; t++)
            candidates[t] = c > 0 ? pick(state->distances, n, draw(random) * total)
                                  : (size_t)(draw(random) * (double)n);
        load_candidates(work);
        vg_team_run(state->team, measure_share, work);
        for (int t = 0; t < work->count; t++) {
            double sum = sum_of(work->distances + (size_t)t * n, n);
            if (sum >= least) continue;
            least = sum;
            best = t;
        }
        memcpy(state->distances, work->distances + (size_t)best * n, n * sizeof(double));
        memcpy(state->centres + (size_t)c * dims, work->places + (size_t)best * dims,
               dims * sizeof(double));
    }
}

static vg_status seed(kmeans *state, uint64_t *random, vg_error *error)
{
    size_t trials = 2 + (size_t)vg_logarithm((double)state->k), n = state->rows.count;
    size_t *candidates = malloc(trials * sizeof *candidates);
    seeding work = {.state = state, .candidates = candidates};
    vg_status status =
        vg_linear_scores_open(&work.scores, &state->kernels, state->rows.dims, (int)trials, error);
    work.places = vg_alloc_aligned(trials * dims_of(state), sizeof(double));
    work.halves = malloc(trials * sizeof(double));
    work.distances = vg_alloc_aligned(trials * n, sizeof(double));
    if (status == VG_OK && (candidates == NULL || work.places == NULL || work.halves == NULL ||
                            work.distances == NULL))
        status = vg_fail_memory(error, trials * n * sizeof(double));
    if (status == VG_OK) seed_centres(state, random, &work, candidates);
    vg_linear_scores_close(&work.scores);
    free(candidates);
    free(work.places);
    free(work.halves);
    free(work.distances);
    return status;
}

/* --- Iterations ------------------------------------------------------------------------------ */

/* As scikit-learn: the mean of the columns' variances times the tolerance. */
static double shift_limit(const kmeans *state)
{
    double n = (double)state->rows.count;
    return state->options->tolerance * sum_of(state->squares, state->rows.count) / n /
           (double)dims_of(state);
}

static vg_status iterate(kmeans *state, vg_kmeans_result *result, vg_error *error)
{
    size_t bytes = state->rows.count * sizeof *state->labels;
    double limit = shift_limit(state);
    bool is_strict = false;
    memset(state->before, 0xff, bytes);
    for (int i = 0; i < state->options->max_iterations && !is_strict; i++) {
        assign(state);
        double shift = move_centres(state);
        result->iterations = i + 1;
        if (state->options->progress != NULL && state->options->progress(state->options->context))
            return vg_fail(error, VG_ECANCELLED, "cancelled");
        is_strict = memcmp(state->labels, state->before, bytes) == 0;
        if (!is_strict && shift <= limit) break;
        memcpy(state->before, state->labels, bytes);
    }
    assign(state); /* labels and distances of these centres */
    result->inertia = sum_of(state->distances, state->rows.count);
    return VG_OK;
}

static void keep(const kmeans *state, int32_t *labels, double *centres)
{
    size_t dims = dims_of(state);
    memcpy(labels, state->labels, state->rows.count * sizeof *labels);
    for (size_t c = 0; c < (size_t)state->k; c++)
        for (size_t d = 0; d < dims; d++)
            centres[c * dims + d] = state->centres[c * dims + d] + (double)state->mean[d];
}

static vg_status run(kmeans *state, int32_t *labels, double *centres, vg_kmeans_result *result,
                     vg_error *error)
{
    size_t dims = dims_of(state), k = (size_t)state->k;
    const double *start = state->options->start;
    uint64_t random = state->options->seed;
    vg_status status = VG_OK;
    result->inertia = INFINITY;
    for (int i = 0; i < (start != NULL ? 1 : state->options->restarts) && status == VG_OK; i++) {
        vg_kmeans_result one = {0};
        for (size_t j = 0; start != NULL && j < k * dims; j++)
            state->centres[j] = start[j] - (double)state->mean[j % dims];
        if (start == NULL) status = seed(state, &random, error);
        if (status == VG_OK) status = iterate(state, &one, error);
        if (status != VG_OK || one.inertia >= result->inertia) continue;
        *result = one;
        keep(state, labels, centres);
    }
    return status;
}

/* --- Open and close ----------------------------------------------------------------------------
 */

static vg_status allocate(kmeans *state, size_t n, vg_error *error)
{
    size_t dims = dims_of(state), k = (size_t)state->k;
    size_t threads = (size_t)vg_team_size(state->team);
    /* Of the centres, or of the candidates for one: 2 + ln k. */
    state->room_size = vg_linear_scores_room(&state->scores) + VG_PICKED_BLOCK * (k + 2);
    state->picks = malloc(n * sizeof *state->picks);
    state->mean = vg_alloc_aligned(dims, sizeof(float));
    state->squares = malloc(n * sizeof(double));
    state->room = vg_alloc_aligned(threads * state->room_size, sizeof(float));
    state->centres = vg_alloc_aligned(k * dims, sizeof(double));
    state->next = vg_alloc_aligned(k * dims, sizeof(double));
    state->halves = malloc(k * sizeof(double));
    state->distances = malloc(n * sizeof(double));
    state->labels = malloc(n * sizeof(int32_t));
    state->before = malloc(n * sizeof(int32_t));
    state->sizes = malloc(k * sizeof *state->sizes);
    if (state->picks != NULL && state->mean != NULL && state->squares != NULL &&
        state->room != NULL && state->centres != NULL && state->next != NULL &&
        state->halves != NULL && state->distances != NULL && state->labels != NULL &&
        state->before != NULL && state->sizes != NULL)
        return VG_OK;
    return vg_fail_memory(error, k * dims * 2 * sizeof(double));
}

static void prepare_rows(kmeans *state, size_t n)
{
    size_t dims = dims_of(state);
    double *sums = state->next; /* as long, and free yet */
    for (size_t i = 0; i < n; i++) {
        state->picks[i] = i;
        for (size_t d = 0; d < dims; d++) sums[d] += (double)row_of(state, i)[d];
    }
    for (size_t d = 0; d < dims; d++) state->mean[d] = (float)(sums[d] / (double)n);
    for (size_t i = 0; i < n; i++) {
        state->squares[i] = 0.0;
        for (size_t d = 0; d < dims; d++) {
            double value = (double)row_of(state, i)[d] - (double)state->mean[d];
            state->squares[i] += value * value;
        }
    }
    state->rows.picks = state->picks;
    state->rows.mean = state->mean;
    /* A sum of float32 products is off by no more than this share of the lengths' product
     * (Higham, "Accuracy and Stability of Numerical Algorithms", 3.1), twice for what rows and
     * centres lose when they become float32. */
    state->error_share = 2.0 * ((double)dims + 4.0) * (FLT_EPSILON / 2.0);
}

static void close_parts(kmeans *state)
{
    vg_linear_scores_close(&state->scores);
    vg_team_close(&state->team);
    free(state->picks);
    free(state->mean);
    free(state->squares);
    free(state->room);
    free(state->centres);
    free(state->next);
    free(state->halves);
    free(state->distances);
    free(state->labels);
    free(state->before);
    free(state->sizes);
}

static vg_status check(const float *rows, size_t n, int dims, int k,
                       const vg_kmeans_options *options, vg_error *error)
{
    vg_status status =
        vg_check_reserved(options->reserved, VG_RESERVED_OF(options), "vg_kmeans_options", error);
    if (status != VG_OK) return status;
    if (rows == NULL || n == 0) return vg_fail(error, VG_EINVAL, "k-means: there are no rows");
    if (dims < 1 || dims > VG_MOMENTS_MAX_DIMS)
        return vg_fail(error, VG_EINVAL, "k-means: %d values a row, must be 1 to %d", dims,
                       VG_MOMENTS_MAX_DIMS);
    if (k < 1 || (size_t)k > n || k > VG_MOST_CLASSES)
        return vg_fail(error, VG_EINVAL, "%d clusters of %zu rows: ask for 1 to as many as rows", k,
                       n);
    if (options->threads < 1 || options->threads > VG_MOST_THREADS || options->restarts < 1 ||
        options->max_iterations < 1 || !(options->tolerance >= 0.0))
        return vg_fail(error, VG_EINVAL,
                       "k-means: threads, restarts and iterations have to be 1 or more, the "
                       "tolerance 0 or more");
    for (size_t i = 0; i < n && status == VG_OK; i++)
        status = vg_check_finite(rows + i * (size_t)dims, (size_t)dims, i, error);
    return status;
}

vg_status vg_kmeans(const float *rows, size_t n, int dims, int k, const vg_kmeans_options *options,
                    int32_t *labels, double *centres, vg_kmeans_result *result, vg_error *error)
{
    vg_kmeans_options defaults;
    vg_kmeans_options_default(&defaults);
    if (options == NULL) options = &defaults;
    if (labels == NULL || centres == NULL || result == NULL)
        return vg_fail_null(error, "vg_kmeans", "place of labels, centres or result");
    *result = (vg_kmeans_result){0};
    vg_status status = check(rows, n, dims, k, options, error);
    if (status != VG_OK) return status;
    kmeans state = {.options = options, .k = k, .rows = {.values = rows, .count = n, .dims = dims}};
    status = vg_kernels_choose(&state.kernels, NULL, error);
    if (status == VG_OK) status = vg_team_open(&state.team, options->threads, error);
    if (status == VG_OK)
        status = vg_linear_scores_open(&state.scores, &state.kernels, dims, k, error);
    if (status == VG_OK) status = allocate(&state, n, error);
    if (status == VG_OK) {
        prepare_rows(&state, n);
        status = run(&state, labels, centres, result, error);
    }
    close_parts(&state);
    return status;
}
