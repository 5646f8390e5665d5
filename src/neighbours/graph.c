/* The nearest rows of every row: pairs of blocks of rows, each pair of rows once, for both.
 *
 * A tile's scores (sketch.h) come from the pointwise kernel; where one reaches what either of
 * its rows has as the k-th nearest so far, the key of the two is computed and offered to
 * both. Which rows are the nearest depends on keys alone, so neither the order of the blocks
 * nor the number of threads changes the result, and a task may be done twice: a list takes a row
 * once. So what is saved of a call need not be of one moment. */
#include <float.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/usable_cpus.h"
#include "neighbours/graph.h"
#include "neighbours/scan.h"
#include "neighbours/shares.h"

enum {
    BLOCK_ROWS = 1344,     /* a multiple of any tile's rows and of any panel: 84 * 16 */
    TILE_ROWS = 84,        /* of which a part of a block is a multiple */
    PART_FLOATS = 1 << 17, /* of its sketches: half a megabyte, for the level 2 cache */
    PAIRS = 4096,          /* kept before their keys are computed */
    PROBES = 32,           /* rows that tell whether components pay */
};

/* What a pair's key costs over one of its products: that of a row of 1280 takes as long as
 * 7 such rows in the pointwise kernel, and blocks in flight know older thresholds. */
static const double key_cost = 15.0;

/* Multiply-adds of all pairs that are worth looking for components: about a second. */
static const double worth_components = 5e10;

/* Of its time a call saves for one part in so many, whatever it was told. */
static const double save_share = 100.0;

typedef struct pair {
    uint16_t left, right; /* rows within their blocks */
    float score;
    double key;
} pair;

typedef struct graph {
    vg_rowset rows;
    vg_sketch sketch;
    const vg_neighbours_options *options;
    const vg_graph_choices *choices;
    int k;
    int64_t *ids; /* [count][k], the caller's, as keys are */
    double *keys;
    size_t blocks, tasks, part_rows;
    size_t first_pair;      /* of different blocks, that this share has */
    pthread_mutex_t *locks; /* [locked], one a block, over what is found for its rows */
    size_t locked;
    struct worker *workers; /* [threads] */
    size_t working;         /* of them */
    atomic_size_t next, done;
    atomic_bool is_cancelled;
    int32_t *saved;  /* [count][k], room for what is saved */
    double saved_at; /* seconds, and how long it took: */
    double save_seconds;
    size_t saved_tasks;
    vg_status status; /* of saving */
    vg_error error;
} graph;

/* One side of a task: a block, and what a score must reach for its rows to be of use. */
typedef struct side {
    size_t block, first, count;
    float thresholds[BLOCK_ROWS];
} side;

typedef struct worker {
    graph *graph;
    atomic_size_t task; /* that it is at; those before that it had are done */
    side left, right;
    size_t packed; /* the block whose left sides lie in `block`; SIZE_MAX for none */
    float *block;  /* [channels / panel][count][panel] */
    float *room, *scores;
    double *work;
    uint64_t *hits;
    pair *pairs;
    size_t pair_count;
} worker;

/* --- Blocks ---------------------------------------------------------------------- */

static vg_best best_of(const graph *g, size_t row)
{
    size_t k = (size_t)g->k;
    return (vg_best){.keys = g->keys + row * k, .ids = g->ids + row * k, .k = g->k};
}

static void take_block(graph *g, side *to, size_t block)
{
    to->block = block;
    to->first = block * BLOCK_ROWS;
    size_t left = g->rows.count - to->first;
    to->count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
    pthread_mutex_lock(&g->locks[block]);
    for (size_t i = 0; i < to->count; i++)
        to->thresholds[i] =
            vg_sketch_threshold(&g->sketch, vg_best_worst(best_of(g, to->first + i)));
    pthread_mutex_unlock(&g->locks[block]);
    /* Sketches past the last row reach nothing, and a panel's thresholds are read whole. */
    for (size_t i = to->count; i < BLOCK_ROWS; i++) to->thresholds[i] = FLT_MAX;
}

/* Of the pairs, what a block's rows gain. */
static void offer(worker *w, side *to, bool is_left)
{
    graph *g = w->graph;
    const side *other = is_left ? &w->right : &w->left;
    pthread_mutex_lock(&g->locks[to->block]);
    for (size_t i = 0; i < w->pair_count; i++) {
        const pair *found = &w->pairs[i];
        size_t mine = is_left ? found->left : found->right;
        size_t row = to->first + mine;
        size_t neighbour = other->first + (is_left ? found->right : found->left);
        if (vg_best_offer(best_of(g, row), found->key, (int64_t)neighbour))
            to->thresholds[mine] = vg_sketch_threshold(&g->sketch, vg_best_worst(best_of(g, row)));
    }
    pthread_mutex_unlock(&g->locks[to->block]);
}

static void settle(worker *w)
{
    graph *g = w->graph;
    size_t kept = 0;
    for (size_t i = 0; i < w->pair_count; i++) {
        pair found = w->pairs[i];
        if (found.score < w->left.thresholds[found.left] &&
            found.score < w->right.thresholds[found.right])
            continue;
        size_t row = w->left.first + found.left;
        double square = g->rows.squares != NULL ? g->rows.squares[row] : 0.0;
        found.key = vg_rowset_key(&g->rows, vg_rowset_row(&g->rows, row), square,
                                  w->right.first + found.right);
        w->pairs[kept++] = found;
    }
    w->pair_count = kept;
    offer(w, &w->left, true);
    offer(w, &w->right, false);
    w->pair_count = 0;
}

/* --- Tiles ------------------------------------------------------------------------ */

/* The pairs of a tile that reach a threshold; on the diagonal those alone whose right row
 * comes after the left one. */
static void collect(worker *w, size_t first, size_t count, size_t column)
{
    size_t width = (size_t)w->graph->sketch.panel;
    bool is_diagonal = w->left.block == w->right.block;
    for (size_t i = 0; i < count; i++) {
        for (uint64_t hits = w->hits[i]; hits != 0; hits &= hits - 1) {
            size_t j = (size_t)__builtin_ctzll(hits), left = first + i, right = column + j;
            if (right >= w->right.count || (is_diagonal && right <= left)) continue;
            w->pairs[w->pair_count++] = (pair){.left = (uint16_t)left,
                                               .right = (uint16_t)right,
                                               .score = w->scores[i * width + j]};
            if (w->pair_count == PAIRS) settle(w);
        }
    }
}

static void match_panel(worker *w, size_t column)
{
    static const float no_bias[64] = {0};
    graph *g = w->graph;
    const vg_sketch *sketch = &g->sketch;
    size_t width = (size_t)sketch->panel, last = w->left.count;
    bool is_diagonal = w->left.block == w->right.block;
    const float *panel =
        vg_sketch_panel(sketch, (w->right.first + column) / width, w->room, w->work);
    if (is_diagonal && last > column + width) last = column + width;
    for (size_t first = 0; first < last; first += g->part_rows) {
        int count = (int)(last - first < g->part_rows ? last - first : g->part_rows);
        vg_pointwise_input input = {.values = w->block,
                                    .panel_stride = (ptrdiff_t)(w->left.count * width),
                                    .channels = sketch->channels,
                                    .first = (int)first};
        g->rows.kernels.pointwise(w->scores, &input, panel, no_bias, NULL, count, sketch->panel,
                                  VG_LINEAR);
        if (g->rows.kernels.reach(w->hits, w->scores, count, sketch->panel,
                                  w->left.thresholds + first, w->right.thresholds + column))
            collect(w, first, (size_t)count, column);
    }
}

static void match_blocks(worker *w, size_t left, size_t right)
{
    graph *g = w->graph;
    take_block(g, &w->left, left);
    take_block(g, &w->right, right);
    if (w->packed != left)
        vg_sketch_block(&g->sketch, w->left.first, w->left.count, w->block, w->room, w->work);
    w->packed = left;
    for (size_t column = 0; column < w->right.count; column += (size_t)g->sketch.panel)
        match_panel(w, column);
    settle(w);
}

/* --- What is kept of a call ----------------------------------------------------------- */

/* Takes lists in that were found before. Their keys are computed anew: no file holds them. */
static void take_known(graph *g, const int32_t *lists)
{
    size_t k = (size_t)g->k;
    for (size_t row = 0; row < g->rows.count; row++) {
        double square = g->rows.squares != NULL ? g->rows.squares[row] : 0.0;
        for (size_t i = 0; i < k && lists[row * k + i] >= 0; i++) {
            size_t other = (size_t)lists[row * k + i];
            if (other >= g->rows.count || other == row) continue;
            double key = vg_rowset_key(&g->rows, vg_rowset_row(&g->rows, row), square, other);
            vg_best_offer(best_of(g, row), key, (int64_t)other);
        }
    }
}

/* Tasks of which all are done. */
static size_t count_done(const graph *g)
{
    size_t done = g->tasks;
    for (size_t i = 0; i < g->working; i++) {
        size_t task = atomic_load(&g->workers[i].task);
        if (task < done) done = task;
    }
    return done;
}

/* The tasks are counted first: the lists may have more than those found, and not less. */
static void save(graph *g)
{
    size_t k = (size_t)g->k, done = count_done(g);
    double start = vg_seconds();
    for (size_t block = 0; block < g->blocks; block++) {
        size_t first = block * BLOCK_ROWS * k, end = first + BLOCK_ROWS * k;
        if (end > g->rows.count * k) end = g->rows.count * k;
        pthread_mutex_lock(&g->locks[block]);
        for (size_t i = first; i < end; i++) g->saved[i] = (int32_t)g->ids[i];
        pthread_mutex_unlock(&g->locks[block]);
    }
    g->status = g->choices->save(g->choices->context, g->saved, done, &g->error);
    if (g->status != VG_OK) atomic_store(&g->is_cancelled, true);
    g->saved_tasks = done;
    g->saved_at = vg_seconds();
    g->save_seconds = g->saved_at - start;
}

static bool is_time_to_save(const graph *g)
{
    const vg_graph_choices *choices = g->choices;
    if (choices->save == NULL || atomic_load(&g->is_cancelled)) return false;
    double passed = vg_seconds() - g->saved_at;
    return choices->seconds <= 0.0 ||
           (passed >= choices->seconds && passed >= save_share * g->save_seconds);
}

/* --- Tasks -------------------------------------------------------------------------- */

/* First every block with itself, where neighbours that lie together find one another and
 * leave thresholds that few others reach; then the pairs, by rows. */
static void find_task(const graph *g, size_t task, size_t *left, size_t *right)
{
    *left = *right = task;
    if (task < g->blocks) return;
    task += g->first_pair - g->blocks;
    for (*left = 0; task >= g->blocks - 1 - *left; ++*left) task -= g->blocks - 1 - *left;
    *right = *left + 1 + task;
}

static void tell_progress(graph *g)
{
    const vg_neighbours_options *options = g->options;
    if (options->progress == NULL) return;
    double share = (double)atomic_load(&g->done) / (double)g->tasks;
    if (options->progress(options->context, share) != 0) atomic_store(&g->is_cancelled, true);
}

/* What it is at before it knows is no later than what it will be at: so nobody takes a task for
 * done that has just been handed out. */
static size_t take_task(graph *g, worker *w)
{
    atomic_store(&w->task, atomic_load(&g->next));
    size_t task = atomic_fetch_add(&g->next, 1);
    atomic_store(&w->task, task);
    return task;
}

static void match_share(void *argument, int part)
{
    graph *g = argument;
    worker *w = &g->workers[part];
    size_t left, right;
    for (size_t task; (task = take_task(g, w)) < g->tasks;) {
        if (atomic_load(&g->is_cancelled)) return;
        find_task(g, task, &left, &right);
        match_blocks(w, left, right);
        atomic_fetch_add(&g->done, 1);
        if (part != 0) continue;
        atomic_store(&w->task, atomic_load(&g->next));
        tell_progress(g);
        if (is_time_to_save(g)) save(g);
    }
}

/* --- Whether components pay ------------------------------------------------------------ */

/* Opens a sketch by components and looks how many rows it leaves to be looked at for a few
 * of them; closes it again where looking would cost more than products of whole rows. */
static vg_status try_components(graph *g, vg_team *team, bool *pays, vg_error *error)
{
    size_t dims = (size_t)g->rows.dims, count = g->rows.count;
    vg_scan scan = {0};
    vg_best best[VG_SCAN_QUERIES];
    uint64_t examined = 0;
    float *probes = vg_alloc_aligned(VG_SCAN_QUERIES * dims, sizeof(float));
    vg_status status = probes == NULL ? vg_fail_memory(error, VG_SCAN_QUERIES * dims) : VG_OK;
    if (status == VG_OK)
        status = vg_sketch_open(&g->sketch, &g->rows, VG_SKETCH_COMPONENTS, team, error);
    if (status == VG_OK) status = vg_scan_open(&scan, &g->rows, &g->sketch, team, error);
    for (size_t i = 0; i < PROBES && status == VG_OK; i += VG_SCAN_QUERIES) {
        for (size_t j = 0; j < VG_SCAN_QUERIES; j++) {
            const float *row = vg_rowset_row(&g->rows, (i + j) * count / PROBES);
            for (size_t d = 0; d < dims; d++) probes[j * dims + d] = row[d];
            best[j] = best_of(g, j); /* the result is nothing yet */
        }
        status = vg_scan_run(&scan, probes, VG_SCAN_QUERIES, NULL, best, &examined, error);
    }
    for (size_t j = 0; j < VG_SCAN_QUERIES; j++) vg_best_clear(best_of(g, j));
    vg_scan_close(&scan);
    free(probes);
    double share = (double)examined / PROBES / (double)count;
    *pays = (double)g->sketch.channels / (double)dims + key_cost * share < 1.0;
    if (status != VG_OK || !*pays) vg_sketch_close(&g->sketch);
    return status;
}

static vg_status open_sketch(graph *g, vg_team *team, vg_error *error)
{
    double count = (double)g->rows.count;
    bool pays = false;
    if (g->choices->components != VG_GRAPH_CHOOSE)
        return vg_sketch_open(&g->sketch, &g->rows, g->choices->components, team, error);
    if (g->rows.dims > 2 * VG_SKETCH_COMPONENTS &&
        count * count * g->rows.dims / 2 > worth_components) {
        vg_status status = try_components(g, team, &pays, error);
        if (status != VG_OK || pays) return status;
    }
    return vg_sketch_open(&g->sketch, &g->rows, 0, team, error);
}

/* --- The whole ----------------------------------------------------------------------- */

static vg_status open_locks(graph *g, vg_error *error)
{
    g->locks = calloc(g->blocks, sizeof *g->locks);
    if (g->locks == NULL) return vg_fail_memory(error, g->blocks * sizeof *g->locks);
    for (; g->locked < g->blocks; g->locked++)
        if (pthread_mutex_init(&g->locks[g->locked], NULL) != 0)
            return vg_fail(error, VG_ENOMEM, "neighbours: no room for %zu locks", g->blocks);
    return VG_OK;
}

static vg_status open_workers(graph *g, size_t threads, vg_error *error)
{
    size_t channels = (size_t)g->sketch.channels, panel = (size_t)g->sketch.panel;
    g->part_rows = PART_FLOATS / channels / TILE_ROWS * TILE_ROWS;
    if (g->part_rows < TILE_ROWS) g->part_rows = TILE_ROWS;
    if (g->part_rows > BLOCK_ROWS) g->part_rows = BLOCK_ROWS;
    g->workers = vg_alloc_aligned(threads, sizeof *g->workers);
    if (g->workers == NULL) return vg_fail_memory(error, threads * sizeof *g->workers);
    for (size_t i = 0; i < threads; i++) {
        worker *w = &g->workers[i];
        w->graph = g;
        w->packed = SIZE_MAX;
        w->block = vg_alloc_aligned(BLOCK_ROWS * channels, sizeof(float));
        w->room = vg_alloc_aligned(vg_sketch_room_size(&g->sketch), sizeof(float));
        w->scores = vg_alloc_aligned(g->part_rows * panel, sizeof(float));
        w->work = vg_alloc_aligned(vg_sketch_work_size(&g->sketch), sizeof(double));
        w->hits = vg_alloc_aligned(g->part_rows, sizeof *w->hits);
        w->pairs = vg_alloc_aligned(PAIRS, sizeof *w->pairs);
        if (w->block == NULL || w->room == NULL || w->scores == NULL || w->work == NULL ||
            w->hits == NULL || w->pairs == NULL)
            return vg_fail_memory(error, BLOCK_ROWS * channels * sizeof(float));
    }
    return VG_OK;
}

static void close_graph(graph *g, size_t threads)
{
    for (size_t i = 0; g->workers != NULL && i < threads; i++) {
        worker *w = &g->workers[i];
        free(w->block);
        free(w->room);
        free(w->scores);
        free(w->work);
        free(w->hits);
        free(w->pairs);
    }
    free(g->workers);
    free(g->saved);
    while (g->locked > 0) pthread_mutex_destroy(&g->locks[--g->locked]);
    free(g->locks);
    vg_sketch_close(&g->sketch);
    vg_rowset_close(&g->rows);
}

/* Room for what is saved, and what earlier calls have saved. */
static vg_status open_saved(graph *g, vg_error *error)
{
    const vg_graph_choices *choices = g->choices;
    size_t values = g->rows.count * (size_t)g->k;
    for (size_t i = 0; i < choices->known_count; i++) take_known(g, choices->known[i]);
    atomic_store(&g->next, choices->done);
    atomic_store(&g->done, choices->done);
    g->saved_tasks = choices->done;
    g->saved_at = vg_seconds();
    if (choices->save == NULL) return VG_OK;
    g->saved = vg_alloc_aligned(values, sizeof *g->saved);
    return g->saved != NULL ? VG_OK : vg_fail_memory(error, values * sizeof *g->saved);
}

static vg_status match_all(graph *g, vg_team *team, vg_error *error)
{
    const vg_graph_choices *choices = g->choices;
    double start = vg_seconds();
    vg_status status = open_sketch(g, team, error);
    if (status == VG_OK) status = open_locks(g, error);
    if (status == VG_OK) status = open_workers(g, (size_t)vg_team_size(team), error);
    if (status == VG_OK) status = open_saved(g, error);
    if (status != VG_OK) return status;
    /* A block with itself is one task. */
    g->working = g->tasks - choices->done == 1 ? 1 : (size_t)vg_team_size(team);
    for (size_t i = 0; i < g->working; i++) atomic_store(&g->workers[i].task, choices->done);
    vg_run_shares(team, (int)g->working, match_share, g);
    bool is_ended = atomic_load(&g->is_cancelled);
    /* What comes after may be broken off too. */
    bool is_worth_it = is_ended || choices->shares > 1 || vg_seconds() - start >= choices->seconds;
    bool is_whole = !is_ended || choices->shares <= 1; /* a share is kept whole or not at all */
    if (choices->save != NULL && g->status == VG_OK && is_worth_it && is_whole &&
        g->saved_tasks < count_done(g))
        save(g);
    if (g->status != VG_OK) return vg_fail(error, g->status, "%s", g->error.message);
    if (is_ended) return vg_fail(error, VG_ECANCELLED, "neighbours: stopped by the caller");
    return VG_OK;
}

static void count_tasks(graph *g)
{
    size_t pairs = g->blocks * (g->blocks - 1) / 2, shares = g->choices->shares;
    if (shares == 0) shares = 1;
    g->first_pair = pairs * g->choices->share / shares;
    g->tasks = g->blocks + pairs * (g->choices->share + 1) / shares - g->first_pair;
}

static vg_status find_all(graph *g, vg_team *team, vg_error *error)
{
    size_t count = g->rows.count, values = count * (size_t)g->k;
    g->blocks = (count + BLOCK_ROWS - 1) / BLOCK_ROWS;
    count_tasks(g);
    size_t done = g->choices->done == VG_GRAPH_DONE ? g->tasks : g->choices->done;
    if (done > g->tasks)
        return vg_fail(error, VG_EINVAL, "neighbours: %zu of %zu tasks are done", done, g->tasks);
    for (size_t row = 0; row < count; row++) vg_best_clear(best_of(g, row));
    if (done < g->tasks) {
        vg_status status = match_all(g, team, error);
        if (status != VG_OK) return status;
    } else {
        for (size_t i = 0; i < g->choices->known_count; i++) take_known(g, g->choices->known[i]);
    }
    if (g->choices->shares > 1) return VG_OK;
    for (size_t i = 0; i < values; i++) {
        if (g->ids[i] < 0)
            return vg_fail(error, VG_EINVAL, "neighbours: lists that were found before lack rows");
        g->keys[i] = vg_rowset_distance(&g->rows, g->keys[i]);
    }
    return VG_OK;
}

void vg_neighbours_options_default(vg_neighbours_options *options)
{
    *options = (vg_neighbours_options){.metric = VG_COSINE, .threads = 1};
}

vg_status vg_graph_find(const float *rows, size_t n, int dims, int k,
                        const vg_neighbours_options *options, const vg_graph_choices *choices,
                        int64_t *indices, double *distances, vg_error *error)
{
    vg_neighbours_options defaults;
    vg_neighbours_options_default(&defaults);
    if (options == NULL) options = &defaults;
    if (indices == NULL || distances == NULL)
        return vg_fail(error, VG_EINVAL, "vg_neighbours: indices and distances are needed");
    if (k < 1 || (size_t)k >= n)
        return vg_fail(error, VG_EINVAL,
                       "%d neighbours of %zu row%s: ask for 1 to one less than there are rows", k,
                       n, n == 1 ? "" : "s");
    vg_status reserved = vg_check_reserved(options->reserved, VG_RESERVED_OF(options),
                                           "vg_neighbours_options", error);
    if (reserved != VG_OK) return reserved;
    if (options->threads < 1 || options->threads > VG_MOST_THREADS)
        return vg_fail(error, VG_EINVAL, "neighbours: %d threads, must be 1 to %d",
                       options->threads, VG_MOST_THREADS);
    graph g = {.options = options, .choices = choices, .k = k, .ids = indices, .keys = distances};
    vg_team *team = NULL;
    vg_status status = vg_team_open(&team, options->threads, error);
    if (status == VG_OK)
        status =
            vg_rowset_open(&g.rows, rows, n, dims, options->metric, options->kernels, team, error);
    if (status == VG_OK) status = find_all(&g, team, error);
    close_graph(&g, (size_t)options->threads);
    vg_team_close(&team);
    return status;
}

vg_status vg_neighbours(const float *rows, size_t n, int dims, int k,
                        const vg_neighbours_options *options, int64_t *indices, double *distances,
                        vg_error *error)
{
    const vg_graph_choices choices = {.components = VG_GRAPH_CHOOSE};
    return vg_graph_find(rows, n, dims, k, options, &choices, indices, distances, error);
}
