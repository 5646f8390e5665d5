/* k-means by Lloyd's iterations from greedy k-means++ seeds. A row's nearest centre is the one of
 * least distance in float64; float32's products, whose error is bounded, only say which centres may
 * be it, and bounds on how far centres went say of which rows it cannot have changed. So labels are
 * the same on any number of threads and any CPU, and those of all distances in float64. */
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
    vg_picked_rows rows, open; /* all, and those whose nearest centre is not known */
    size_t *picks, *open_picks;
    float *mean;     /* of the rows: centred, they lose fewer digits */
    double *squares; /* [rows], of the centred rows */
    vg_linear_scores scores;
    int k;
    float *room; /* [threads][room_size] */
    size_t room_size;
    double *centres, *next;   /* [k][dims], of centred rows */
    double *halves;           /* [k]: minus half the square of a centre */
    double *sums;             /* [k][dims], of the rows of the clusters as `before` has them */
    double *moves;            /* [k], how far the centres went */
    double *distances;        /* [rows], squares, to the centre of its label */
    double *upper, *lower;    /* [rows]: bounds of the distances to that and to every other */
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

/* In eight sums, which do not wait for one another. */
static double square_to(const kmeans *state, size_t row, const double *centre)
{
    enum { SUMS = 8 };
    const float *values = row_of(state, row);
    size_t dims = dims_of(state), whole = dims / SUMS * SUMS;
    double sums[SUMS] = {0.0};
    for (size_t d = 0; d < whole; d += SUMS)
        for (size_t s = 0; s < SUMS; s++) {
            double distance = (double)values[d + s] - (double)state->mean[d + s] - centre[d + s];
            sums[s] += distance * distance;
        }
    for (size_t d = whole; d < dims; d++) {
        double distance = (double)values[d] - (double)state->mean[d] - centre[d];
        sums[d - whole] += distance * distance;
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
           ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static double square_to_own(const kmeans *state, size_t row)
{
    return square_to(state, row, state->centres + (size_t)state->labels[row] * dims_of(state));
}

/* The square root of what rounding may have made less than 0. */
static double length_of(double square)
{
    return sqrt(fmax(square, 0.0));
}

/* Of the centres whose score may be the highest, the nearest; of equal ones the first. The score
 * of a centre at distance d is (|x|^2 - d^2) / 2. */
static void choose(kmeans *state, size_t row, const float *scores, double longest)
{
    double highest = -INFINITY, second = -INFINITY, least = INFINITY;
    int32_t label = 0;
    for (int32_t c = 0; c < state->k; c++) {
        double score = (double)scores[c];
        if (score > highest) {
            second = highest;
            highest = score;
            label = c;
        } else if (score > second) {
            second = score;
        }
    }
    double square = state->squares[row];
    double margin = 2.0 * state->error_share * (sqrt(square) * longest + longest * longest);
    if (second < highest - margin) {
        state->labels[row] = label;
        state->upper[row] = length_of(square - 2.0 * highest + margin);
        state->lower[row] = length_of(square - 2.0 * second - margin);
        return;
    }
    for (int32_t c = 0; c < state->k; c++) {
        if ((double)scores[c] < highest - margin) continue;
        double exact = square_to(state, row, state->centres + (size_t)c * dims_of(state));
        if (exact >= least) continue;
        least = exact;
        label = c;
    }
    state->labels[row] = label;
    state->upper[row] = state->lower[row] = sqrt(least);
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
    for (size_t block = (size_t)part; block < vg_picked_blocks(&state->open); block += threads) {
        size_t count = vg_picked_block_size(&state->open, block);
        vg_linear_scores_block(&state->scores, &state->open, block, room, scores);
        for (size_t i = 0; i < count; i++)
            choose(state, state->open_picks[block * VG_PICKED_BLOCK + i],
                   scores + i * (size_t)state->k, longest);
    }
}

/* Whether the row's centre is nearer than all others by more than rounding could hide. */
static bool is_settled(const kmeans *state, size_t row)
{
    const double slack = 1.0 + 1e-9;
    return state->upper[row] * slack < state->lower[row];
}

/* Bounds after the centres have moved (Hamerly 2010, "Making k-means even faster"): a row that is
 * settled by them needs no look. Its distance from its own centre, by which he then asks again,
 * costs a third of the look at all of them, and settles a fourteenth of the rows. */
static void bound_share(void *argument, int part)
{
    kmeans *state = argument;
    size_t n = state->rows.count, threads = (size_t)vg_team_size(state->team);
    double farthest = 0.0, next = 0.0; /* moves, the largest first */
    int32_t mover = 0;
    for (int32_t c = 0; c < state->k; c++) {
        next = fmax(next, fmin(farthest, state->moves[c]));
        if (state->moves[c] <= farthest) continue;
        farthest = state->moves[c];
        mover = c;
    }
    for (size_t i = n * (size_t)part / threads; i < n * ((size_t)part + 1) / threads; i++) {
        int32_t label = state->labels[i];
        state->upper[i] += state->moves[label];
        state->lower[i] -= label == mover ? next : farthest;
    }
}

/* Labels of all rows under the centres; from nothing, or after labels under centres that have
 * moved by `moves` since. */
static void assign(kmeans *state, bool from_nothing)
{
    size_t dims = dims_of(state), count = 0;
    for (int c = 0; c < state->k; c++) {
        double square = 0.0;
        for (size_t d = 0; d < dims; d++) {
            double value = state->centres[(size_t)c * dims + d];
            square += value * value;
        }
        state->halves[c] = -0.5 * square;
    }
    vg_linear_scores_set(&state->scores, state->centres, state->halves);
    if (!from_nothing) vg_team_run(state->team, bound_share, state);
    for (size_t i = 0; i < state->rows.count; i++)
        if (from_nothing || !is_settled(state, i)) state->open_picks[count++] = i;
    state->open.count = count;
    vg_team_run(state->team, assign_share, state);
}

static void measure_own_share(void *argument, int part)
{
    kmeans *state = argument;
    size_t n = state->rows.count, threads = (size_t)vg_team_size(state->team);
    for (size_t i = n * (size_t)part / threads; i < n * ((size_t)part + 1) / threads; i++)
        state->distances[i] = square_to_own(state, i);
}

/* --- Centres -------------------------------------------------------------------------------- */

/* Each thread sums its own columns, in the order of the rows: what rows that went elsewhere take
 * along. */
static void sum_share(void *argument, int part)
{
    kmeans *state = argument;
    size_t dims = dims_of(state), threads = (size_t)vg_team_size(state->team);
    size_t first = dims * (size_t)part / threads, end = dims * ((size_t)part + 1) / threads;
    for (size_t i = 0; i < state->rows.count; i++) {
        const float *values = row_of(state, i);
        int32_t old = state->before[i], label = state->labels[i];
        if (old == label) continue;
        double *to = state->sums + (size_t)label * dims;
        for (size_t d = first; d < end; d++) to[d] += (double)values[d] - (double)state->mean[d];
        if (old < 0) continue;
        double *from = state->sums + (size_t)old * dims;
        for (size_t d = first; d < end; d++) from[d] -= (double)values[d] - (double)state->mean[d];
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
    bool is_measured = false;
    for (int c = 0; c < state->k; c++) {
        if (state->sizes[c] > 0) continue;
        if (!is_measured) vg_team_run(state->team, measure_own_share, state);
        is_measured = true;
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

/* Means of the clusters, and how far they are from where the centres were; the sum of the
 * squares. */
static double move_centres(kmeans *state)
{
    size_t dims = dims_of(state), k = (size_t)state->k;
    double shift = 0.0;
    memset(state->sizes, 0, k * sizeof *state->sizes);
    for (size_t i = 0; i < state->rows.count; i++) state->sizes[state->labels[i]]++;
    vg_team_run(state->team, sum_share, state);
    memcpy(state->next, state->sums, k * dims * sizeof *state->next);
    fill_empty(state);
    for (size_t c = 0; c < k; c++) {
        double square = 0.0;
        for (size_t d = 0; d < dims; d++) {
            double *value = &state->next[c * dims + d];
            if (state->sizes[c] > 0) *value /= (double)state->sizes[c];
            double step = *value - state->centres[c * dims + d];
            square += step * step;
        }
        state->moves[c] = sqrt(square);
        shift += square;
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
    double *places, *halves; /* [padded][dims], [padded]: as centres are */
    double *distances;       /* [count][rows]: squares, no more than those so far */
    double *apart;           /* [k]: squares between a centre and the nearest candidate */
} seeding;

/* Squares by float32's products: what is drawn by them need not be exact, and is the same bits
 * everywhere all the same. */
static void measure_share(void *argument, int part)
{
    seeding *work = argument;
    kmeans *state = work->state;
    size_t n = state->rows.count, threads = (size_t)vg_team_size(state->team);
    size_t stride = (size_t)work->scores.classes;
    float *room = state->room + (size_t)part * state->room_size;
    float *scores = room + vg_linear_scores_room(&work->scores);
    for (size_t block = (size_t)part; block < vg_picked_blocks(&state->open); block += threads) {
        vg_linear_scores_block(&work->scores, &state->open, block, room, scores);
        for (size_t i = 0; i < vg_picked_block_size(&state->open, block); i++) {
            size_t row = state->open_picks[block * VG_PICKED_BLOCK + i];
            for (size_t c = 0; c < (size_t)work->count; c++) {
                double square = state->squares[row] - 2.0 * (double)scores[i * stride + c];
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

/* Opens the rows that a candidate may be nearer to than the nearest of `centres` centres, their
 * label: by the triangle inequality those that are farther from that than half of what lies between
 * it and the candidate (Elkan 2003). */
static void open_rows(seeding *work, int centres)
{
    kmeans *state = work->state;
    size_t n = state->rows.count, dims = dims_of(state), count = 0;
    for (int c = 0; c < centres; c++) {
        const double *centre = state->centres + (size_t)c * dims;
        work->apart[c] = INFINITY;
        for (int t = 0; t < work->count; t++)
            work->apart[c] = fmin(work->apart[c], square_to(state, work->candidates[t], centre));
    }
    for (size_t i = 0; i < n; i++)
        if (centres == 0 || 4.0 * state->distances[i] > work->apart[state->labels[i]])
            state->open_picks[count++] = i;
    state->open.count = count;
    for (int t = 0; t < work->count; t++)
        memcpy(work->distances + (size_t)t * n, state->distances, n * sizeof(double));
}

/* The candidate becomes the centre `c`. */
static void take_candidate(seeding *work, int candidate, int c)
{
    kmeans *state = work->state;
    size_t n = state->rows.count, dims = dims_of(state);
    const double *distances = work->distances + (size_t)candidate * n;
    for (size_t i = 0; i < n; i++) {
        if (distances[i] >= state->distances[i]) continue;
        state->distances[i] = distances[i];
        state->labels[i] = c;
    }
    memcpy(state->centres + (size_t)c * dims, work->places + (size_t)candidate * dims,
           dims * sizeof(double));
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
    size_t n = state->rows.count;
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
        open_rows(work, c);
        vg_team_run(state->team, measure_share, work);
        for (int t = 0; t < work->count; t++) {
            double sum = sum_of(work->distances + (size_t)t * n, n);
            if (sum >= least) continue;
            least = sum;
            best = t;
        }
        take_candidate(work, best, c);
    }
}

/* Candidates with those of zeros that make a whole panel: narrower ones have slow tiles. */
static size_t padded_trials(const kmeans *state)
{
    size_t trials = 2 + (size_t)vg_logarithm((double)state->k);
    size_t panel = (size_t)state->kernels.panel;
    return trials > panel ? trials : panel;
}

static vg_status seed(kmeans *state, uint64_t *random, vg_error *error)
{
    size_t trials = 2 + (size_t)vg_logarithm((double)state->k), n = state->rows.count;
    size_t padded = padded_trials(state);
    size_t *candidates = malloc(trials * sizeof *candidates);
    seeding work = {.state = state, .candidates = candidates};
    vg_status status =
        vg_linear_scores_open(&work.scores, &state->kernels, state->rows.dims, (int)padded, error);
    work.places = vg_alloc_aligned(padded * dims_of(state), sizeof(double));
    work.halves = calloc(padded, sizeof(double));
    work.distances = vg_alloc_aligned(trials * n, sizeof(double));
    work.apart = malloc((size_t)state->k * sizeof(double));
    if (status == VG_OK && (candidates == NULL || work.places == NULL || work.halves == NULL ||
                            work.distances == NULL || work.apart == NULL))
        status = vg_fail_memory(error, trials * n * sizeof(double));
    if (status == VG_OK) seed_centres(state, random, &work, candidates);
    vg_linear_scores_close(&work.scores);
    free(candidates);
    free(work.places);
    free(work.halves);
    free(work.distances);
    free(work.apart);
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
    memset(state->sums, 0, (size_t)state->k * dims_of(state) * sizeof *state->sums);
    for (int i = 0; i < state->options->max_iterations && !is_strict; i++) {
        assign(state, i == 0);
        double shift = move_centres(state);
        result->iterations = i + 1;
        if (state->options->progress != NULL && state->options->progress(state->options->context))
            return vg_fail(error, VG_ECANCELLED, "cancelled");
        is_strict = memcmp(state->labels, state->before, bytes) == 0;
        if (!is_strict && shift <= limit) break;
        memcpy(state->before, state->labels, bytes);
    }
    assign(state, false); /* labels of these centres */
    vg_team_run(state->team, measure_own_share, state);
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
    size_t threads = (size_t)vg_team_size(state->team), padded = padded_trials(state);
    /* Scores of the centres, or of the candidates for one. */
    state->room_size =
        vg_linear_scores_room(&state->scores) + VG_PICKED_BLOCK * (k > padded ? k : padded);
    state->picks = malloc(n * sizeof *state->picks);
    state->open_picks = malloc(n * sizeof *state->open_picks);
    state->sums = vg_alloc_aligned(k * dims, sizeof(double));
    state->moves = malloc(k * sizeof(double));
    state->upper = malloc(n * sizeof(double));
    state->lower = malloc(n * sizeof(double));
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
    if (state->picks != NULL && state->open_picks != NULL && state->sums != NULL &&
        state->moves != NULL && state->upper != NULL && state->lower != NULL &&
        state->mean != NULL && state->squares != NULL && state->room != NULL &&
        state->centres != NULL && state->next != NULL && state->halves != NULL &&
        state->distances != NULL && state->labels != NULL && state->before != NULL &&
        state->sizes != NULL)
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
    state->open = state->rows;
    state->open.picks = state->open_picks;
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
    free(state->open_picks);
    free(state->sums);
    free(state->moves);
    free(state->upper);
    free(state->lower);
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
