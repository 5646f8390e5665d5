/* A map of rows from their nearest ones: UMAP's objective (McInnes, Healy, Melville, 2018,
 * arXiv 1802.03426), with the same bits on any number of threads and any CPU.
 *
 * Weights of edges, their fuzzy union, and the sampled moves of attraction and repulsion are
 * the paper's. Three things differ. A row moves itself alone: it reads where the others were
 * when the epoch began, so that no order of rows or threads is seen. The rows that repel are
 * drawn by a hash of row, epoch and draw, not by a generator whose state the order would
 * change. And the curve that turns distances into membership is 1 / (1 + a d^2): with the
 * paper's exponent of 0.9 it would need pow, whose last bit is each C library's own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/elementary.h"
#include "base/error.h"
#include "base/team.h"
#include "verger/verger.h"

enum {
    REPULSIONS = 5,    /* a moved edge, the paper's */
    MANY_ROWS = 10000, /* from here on fewer epochs are enough, as in umap-learn */
    EPOCHS_OF_FEW = 500,
    EPOCHS_OF_MANY = 200,
    BISECTIONS = 64,
};

/* The a of 1 / (1 + a d^2) that is nearest, in least squares over 300 distances from 0 to 3, to
 * the curve the paper asks for: 1 up to 0.1, then exp(0.1 - d). */
static const float curve = 1.5581f;
static const float longest_move = 4.0f; /* of one gradient, the paper's */
static const float start_reach = 10.0f; /* of the starting places */
static const float start_noise = 1e-3f; /* rows that are equal must part */

typedef struct edge {
    uint32_t other;
    float share; /* of the epochs in which it is moved: its weight over the largest */
} edge;

typedef struct layout {
    size_t rows;
    size_t *starts; /* [rows + 1], of each row's edges */
    edge *edges;
    float (*now)[2], (*next)[2]; /* [rows] */
    int epoch, epochs, threads;
} layout;

void vg_layout_options_default(vg_layout_options *options)
{
    *options = (vg_layout_options){.threads = 1};
}

/* --- Weights ------------------------------------------------------------------------ */

/* log2(k), with the same bits everywhere. */
static double log2_count(int k)
{
    double low = 0.0, high = 32.0;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = 0.5 * (low + high);
        if (1.0 / vg_exp_negative(-middle * 0.6931471805599453) < k)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Neighbours of a row, which end at the first that is none. */
static int count_neighbours(const int64_t *indices, int k)
{
    int count = 0;
    while (count < k && indices[count] >= 0) count++;
    return count;
}

/* The paper's smooth distances: weights [count] whose sum is log2(k), the nearest 1. */
static void weigh(float *weights, const double *distances, int count, int k, double target)
{
    double nearest = 0.0, mean = 0.0, low = 0.0, high = INFINITY, width = 1.0;
    for (int i = count; i-- > 0;)
        if (distances[i] > 0.0) nearest = distances[i];
    for (int i = 0; i < count; i++) mean += distances[i] / k;
    for (int step = 0; step < BISECTIONS; step++) {
        double sum = 0.0;
        for (int i = 0; i < count; i++)
            sum += distances[i] > nearest ? vg_exp_negative((nearest - distances[i]) / width) : 1.0;
        if (sum > target)
            high = width;
        else
            low = width;
        width = isinf(high) ? 2.0 * width : 0.5 * (low + high);
    }
    if (width < 1e-3 * mean) width = 1e-3 * mean;
    for (int i = 0; i < count; i++)
        weights[i] = distances[i] > nearest
                         ? (float)vg_exp_negative((nearest - distances[i]) / width)
                         : 1.0f;
}

/* --- Edges -------------------------------------------------------------------------- */

static int by_other(const void *left, const void *right)
{
    const edge *a = left, *b = right;
    return (a->other > b->other) - (a->other < b->other);
}

/* Each row's own edges and, in what is left of its room, those of the rows that name it. */
static void put_edges(layout *map, size_t *filled, const int64_t *indices, const double *distances,
                      int k, float *weights)
{
    double target = log2_count(k);
    for (size_t row = 0; row < map->rows; row++) {
        const int64_t *others = indices + row * (size_t)k;
        int count = count_neighbours(others, k);
        weigh(weights, distances + row * (size_t)k, count, k, target);
        for (int i = 0; i < count; i++) {
            size_t other = (size_t)others[i];
            map->edges[filled[row]++] = (edge){(uint32_t)other, weights[i]};
            map->edges[filled[other]++] = (edge){(uint32_t)row, weights[i]};
        }
    }
}

/* a + b - a b of the two weights of a pair, in place; returns the largest. */
static float unite(layout *map)
{
    size_t kept = 0;
    float largest = 0.0f;
    for (size_t row = 0; row < map->rows; row++) {
        size_t first = map->starts[row], end = map->starts[row + 1];
        qsort(map->edges + first, end - first, sizeof *map->edges, by_other);
        map->starts[row] = kept;
        for (size_t i = first; i < end; i++) {
            edge one = map->edges[i];
            if (i + 1 < end && map->edges[i + 1].other == one.other) {
                float a = one.share, b = map->edges[++i].share;
                /* Which of the two comes first is the sort's choice. */
                one.share = a + b - a * b;
            }
            if (one.share > largest) largest = one.share;
            map->edges[kept++] = one;
        }
    }
    map->starts[map->rows] = kept;
    return largest;
}

static vg_status connect(layout *map, const int64_t *indices, const double *distances, int k,
                         vg_error *error)
{
    size_t cells = map->rows * (size_t)k;
    size_t *filled = calloc(map->rows + 1, sizeof *filled);
    float *weights = calloc((size_t)k, sizeof *weights);
    map->starts = calloc(map->rows + 1, sizeof *map->starts);
    map->edges = malloc(2 * cells * sizeof *map->edges);
    vg_status status = VG_OK;
    if (filled == NULL || weights == NULL || map->starts == NULL || map->edges == NULL) {
        status = vg_fail_memory(error, 2 * cells * sizeof *map->edges);
        goto end;
    }
    for (size_t row = 0; row < map->rows; row++) {
        const int64_t *others = indices + row * (size_t)k;
        for (int i = 0; i < count_neighbours(others, k); i++) {
            map->starts[row + 1]++;
            map->starts[others[i] + 1]++;
        }
    }
    for (size_t row = 0; row < map->rows; row++) map->starts[row + 1] += map->starts[row];
    memcpy(filled, map->starts, map->rows * sizeof *filled);
    put_edges(map, filled, indices, distances, k, weights);
    float largest = unite(map);
    for (size_t i = 0; i < map->starts[map->rows]; i++) map->edges[i].share /= largest;
end:
    free(filled);
    free(weights);
    return status;
}

/* --- Moves -------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood, 2014): every bit of the result depends on all of x. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t draw(uint64_t *state)
{
    return mix(*state += 0x9e3779b97f4a7c15u);
}

static float clip(float move)
{
    return move > longest_move ? longest_move : move < -longest_move ? -longest_move : move;
}

static void move_from(float place[2], const float other[2], float pull, float rate)
{
    place[0] += rate * clip(pull * (place[0] - other[0]));
    place[1] += rate * clip(pull * (place[1] - other[1]));
}

static float square_distance(const float a[2], const float b[2])
{
    float x = a[0] - b[0], y = a[1] - b[1];
    return x * x + y * y;
}

/* An edge is moved in as many epochs as its share says, evenly spread. */
static int is_due(const edge *one, int epoch)
{
    double share = (double)one->share;
    return floor(share * (epoch + 1)) > floor(share * epoch);
}

static void move_row(const layout *map, size_t row, float rate)
{
    float place[2] = {map->now[row][0], map->now[row][1]};
    uint64_t random = mix((uint64_t)row << 20 ^ (uint64_t)map->epoch);
    for (size_t i = map->starts[row]; i < map->starts[row + 1]; i++) {
        if (!is_due(&map->edges[i], map->epoch)) continue;
        const float *other = map->now[map->edges[i].other];
        float square = square_distance(place, other);
        /* Twice: the paper moves both ends of an edge, and has each edge in both directions. */
        move_from(place, other, -2.0f * curve / (1.0f + curve * square), 2.0f * rate);
        for (int repulsion = 0; repulsion < REPULSIONS; repulsion++) {
            size_t far = (size_t)((draw(&random) >> 32) * map->rows >> 32);
            square = square_distance(place, map->now[far]);
            if (far == row || square == 0.0f) continue;
            move_from(place, map->now[far], 2.0f / ((0.001f + square) * (1.0f + curve * square)),
                      rate);
        }
    }
    map->next[row][0] = place[0];
    map->next[row][1] = place[1];
}

static void move_part(void *context, int part)
{
    const layout *map = context;
    size_t threads = (size_t)map->threads;
    size_t first = map->rows * (size_t)part / threads,
           end = map->rows * (size_t)(part + 1) / threads;
    float rate = 1.0f - (float)map->epoch / (float)map->epochs;
    for (size_t row = first; row < end; row++) move_row(map, row, rate);
}

static vg_status move(layout *map, const vg_layout_options *options, vg_error *error)
{
    vg_team *team;
    vg_status status = vg_team_open(&team, map->threads, error);
    if (status != VG_OK) return status;
    for (map->epoch = 0; map->epoch < map->epochs && status == VG_OK; map->epoch++) {
        vg_team_run(team, move_part, map);
        float(*before)[2] = map->now;
        map->now = map->next;
        map->next = before;
        if (options->progress != NULL &&
            options->progress(options->context, (double)(map->epoch + 1) / map->epochs) != 0)
            status = vg_fail(error, VG_ECANCELLED, "stopped");
    }
    vg_team_close(&team);
    return status;
}

/* --- The whole ---------------------------------------------------------------------- */

/* The start, its middle at 0 and its furthest place at `start_reach`, and a little noise. */
static void place_start(layout *map, const float *start)
{
    double middle[2] = {0.0, 0.0};
    float reach = 0.0f;
    for (size_t i = 0; i < 2 * map->rows; i++) middle[i % 2] += (double)start[i];
    for (size_t i = 0; i < 2 * map->rows; i++) {
        float place = start[i] - (float)(middle[i % 2] / (double)map->rows);
        map->now[i / 2][i % 2] = place;
        if (fabsf(place) > reach) reach = fabsf(place);
    }
    uint64_t random = 0;
    for (size_t i = 0; i < 2 * map->rows; i++) {
        float *place = &map->now[i / 2][i % 2];
        float noise = (float)(int32_t)(draw(&random) >> 32) / 2147483648.0f;
        *place = (reach > 0.0f ? *place / reach * start_reach : 0.0f) + start_noise * noise;
    }
}

static vg_status check(const int64_t *indices, const double *distances, size_t n, int k,
                       const float *start, const vg_layout_options *options, vg_error *error)
{
    if (indices == NULL || distances == NULL || start == NULL)
        return vg_fail(error, VG_EINVAL, "neighbours, their distances and a start are needed");
    if (n < 2 || n > INT32_MAX || k < 2)
        return vg_fail(error, VG_EINVAL, "%zu rows with %d neighbours each: at least 2 of both", n,
                       k);
    if (options->threads < 1 || options->epochs < 0)
        return vg_fail(error, VG_EINVAL,
                       "%d threads, %d epochs: at least one thread, and none "
                       "less than 0 epochs",
                       options->threads, options->epochs);
    for (size_t i = 0; i < n * (size_t)k; i++)
        if (indices[i] >= (int64_t)n || (indices[i] >= 0 && !(distances[i] >= 0.0)))
            return vg_fail(error, VG_EINVAL, "row %zu has a neighbour that is none", i / (size_t)k);
    for (size_t i = 0; i < 2 * n; i++)
        if (!isfinite(start[i]))
            return vg_fail(error, VG_EINVAL, "the start of row %zu is not finite", i / 2);
    return VG_OK;
}

vg_status vg_layout(const int64_t *indices, const double *distances, size_t n, int k,
                    const float *start, const vg_layout_options *options, float *places,
                    vg_error *error)
{
    vg_layout_options defaults;
    vg_layout_options_default(&defaults);
    if (options == NULL) options = &defaults;
    vg_status status = check(indices, distances, n, k, start, options, error);
    if (status == VG_OK)
        status = vg_check_reserved(options->reserved, VG_RESERVED_OF(options), "vg_layout_options",
                                   error);
    if (status != VG_OK) return status;
    layout map = {.rows = n, .threads = options->threads, .epochs = options->epochs};
    if (map.epochs == 0) map.epochs = n < MANY_ROWS ? EPOCHS_OF_FEW : EPOCHS_OF_MANY;
    map.now = malloc(n * sizeof *map.now);
    map.next = malloc(n * sizeof *map.next);
    if (map.now == NULL || map.next == NULL) status = vg_fail_memory(error, n * sizeof *map.now);
    if (status == VG_OK) status = connect(&map, indices, distances, k, error);
    if (status == VG_OK) {
        place_start(&map, start);
        status = move(&map, options, error);
    }
    if (status == VG_OK) memcpy(places, map.now, n * sizeof *map.now);
    free(map.now);
    free(map.next);
    free(map.starts);
    free(map.edges);
    return status;
}
