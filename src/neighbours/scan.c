#include "neighbours/scan.h"

#include <float.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "neighbours/shares.h"

/* Rows with the highest scores that are looked at first, beside k of them: their keys give a
 * threshold that few others reach. */
enum { FIRST_LOOK = 22 };

typedef struct candidate {
    float score;
    int32_t row;
} candidate;

/* One call: who does what of it is decided by `next`. */
typedef struct scanning {
    vg_scan *scan;
    size_t threads; /* that score */
    const float *queries;
    size_t count;
    const unsigned char *allowed;
    const vg_best *best;
    atomic_size_t next;
    atomic_bool is_short_of_memory;
    _Atomic uint64_t examined;
} scanning;

/* --- Open and close ------------------------------------------------------------- */

vg_status vg_scan_open(vg_scan *scan, const vg_rowset *rows, const vg_sketch *sketch, vg_team *team,
                       vg_error *error)
{
    *scan = (vg_scan){.rows = rows, .sketch = sketch, .team = team};
    if (sketch == NULL) return VG_OK;
    size_t queries = VG_SCAN_QUERIES * (size_t)sketch->channels;
    size_t scores = vg_sketch_panel_count(sketch) * (size_t)sketch->panel * VG_SCAN_QUERIES;
    size_t threads = (size_t)vg_team_size(team);
    scan->queries = vg_alloc_aligned(queries, sizeof(float));
    scan->blocks = vg_alloc_aligned(queries, sizeof(float));
    scan->scores = vg_alloc_aligned(scores, sizeof(float));
    scan->work = vg_alloc_aligned(vg_sketch_work_size(sketch), sizeof(double));
    scan->rooms = vg_alloc_aligned(threads * vg_sketch_room_size(sketch), sizeof(float));
    scan->works = vg_alloc_aligned(threads * vg_sketch_work_size(sketch), sizeof(double));
    if (scan->queries != NULL && scan->blocks != NULL && scan->scores != NULL &&
        scan->work != NULL && scan->rooms != NULL && scan->works != NULL)
        return VG_OK;
    vg_scan_close(scan);
    return vg_fail_memory(error, scores * sizeof(float));
}

void vg_scan_close(vg_scan *scan)
{
    free(scan->queries);
    free(scan->blocks);
    free(scan->scores);
    free(scan->work);
    free(scan->rooms);
    free(scan->works);
    *scan = (vg_scan){0};
}

/* --- Scores of all rows ------------------------------------------------------------ */

static void prepare_queries(vg_scan *scan, const float *queries, size_t count)
{
    const vg_sketch *sketch = scan->sketch;
    size_t channels = (size_t)sketch->channels, width = (size_t)sketch->panel;
    vg_sketch_queries(sketch, queries, count, scan->queries, scan->work);
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < channels; c++)
            scan->blocks[(c / width * count + i) * width + c % width] =
                scan->queries[i * channels + c];
}

static void score_share(void *argument, int part)
{
    scanning *call = argument;
    vg_scan *scan = call->scan;
    const vg_sketch *sketch = scan->sketch;
    size_t threads = call->threads, thread = (size_t)part;
    size_t panels = vg_sketch_panel_count(sketch), width = (size_t)sketch->panel;
    static const float no_bias[64] = {0};
    vg_pointwise_input input = {.values = scan->blocks,
                                .panel_stride = (ptrdiff_t)(call->count * width),
                                .channels = sketch->channels};
    float *room = scan->rooms + thread * vg_sketch_room_size(sketch);
    double *work = scan->works + thread * vg_sketch_work_size(sketch);
    for (size_t i = panels * thread / threads; i < panels * (thread + 1) / threads; i++)
        sketch->rows->kernels.pointwise(scan->scores + i * call->count * width, &input,
                                        vg_sketch_panel(sketch, i, room, work), no_bias, NULL,
                                        (int)call->count, sketch->panel, VG_LINEAR);
}

/* --- The nearest of one query ---------------------------------------------------------- */

/* A query while its rows are looked at. */
typedef struct looking {
    const scanning *call;
    size_t query;
    double square;
    vg_best best;
    candidate *candidates;
    size_t count, capacity;
    uint64_t examined;
} looking;

static void examine(looking *look, int32_t row)
{
    const vg_rowset *set = look->call->scan->rows;
    const float *query = look->call->queries + look->query * (size_t)set->dims;
    look->examined++;
    vg_best_offer(look->best, vg_rowset_key(set, query, look->square, (size_t)row), row);
}

static int by_score(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

typedef bool candidate_taker(looking *look, candidate found, float *least);

/* Hands on the rows whose score is at least *least, which the taker may raise. */
static bool for_each_reaching(looking *look, float least, candidate_taker *take)
{
    const scanning *call = look->call;
    const vg_sketch *sketch = call->scan->sketch;
    size_t panels = vg_sketch_panel_count(sketch), width = (size_t)sketch->panel;
    float never[64];
    for (int j = 0; j < 64; j++) never[j] = INFINITY;
    for (size_t p = 0; p < panels; p++) {
        const float *scores = call->scan->scores + (p * call->count + look->query) * width;
        uint64_t hits;
        if (!sketch->rows->kernels.reach(&hits, scores, 1, sketch->panel, &least, never)) continue;
        for (; hits != 0; hits &= hits - 1) {
            int j = __builtin_ctzll(hits);
            candidate found = {scores[j], (int32_t)(p * width) + j};
            if (found.score < least || (call->allowed != NULL && !call->allowed[found.row]))
                continue;
            if (!take(look, found, &least)) return false;
        }
    }
    return true;
}

/* The first look: a heap whose root has the lowest score. */
static bool take_highest(looking *look, candidate found, float *least)
{
    candidate *heap = look->candidates;
    size_t size = (size_t)look->best.k + FIRST_LOOK, at;
    if (look->count < size) {
        for (at = look->count++; at > 0 && heap[(at - 1) / 2].score > found.score;
             at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
        heap[at] = found;
    } else {
        for (at = 0;;) {
            size_t child = 2 * at + 1;
            if (child + 1 < size && heap[child + 1].score < heap[child].score) child++;
            if (child >= size || heap[child].score >= found.score) break;
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = found;
    }
    if (look->count == size) *least = heap[0].score;
    return true;
}

static bool take_all(looking *look, candidate found, float *least)
{
    (void)least;
    if (look->count == look->capacity) {
        candidate *grown = vg_grow(look->candidates, &look->capacity, sizeof *grown);
        if (grown == NULL) return false;
        look->candidates = grown;
    }
    look->candidates[look->count++] = found;
    return true;
}

/* By descending score, until no more can be near enough. */
static void examine_candidates(looking *look)
{
    const vg_sketch *sketch = look->call->scan->sketch;
    qsort(look->candidates, look->count, sizeof *look->candidates, by_score);
    for (size_t i = 0; i < look->count; i++) {
        float least = vg_sketch_threshold(sketch, vg_best_worst(look->best));
        if (look->candidates[i].score < least) break;
        examine(look, look->candidates[i].row);
    }
}

static bool look_by_scores(looking *look)
{
    look->capacity = (size_t)look->best.k + FIRST_LOOK;
    look->candidates = malloc(look->capacity * sizeof *look->candidates);
    if (look->candidates == NULL) return false;
    for_each_reaching(look, -FLT_MAX, take_highest);
    examine_candidates(look);
    look->count = 0;
    float least = vg_sketch_threshold(look->call->scan->sketch, vg_best_worst(look->best));
    bool is_done = for_each_reaching(look, least, take_all);
    if (is_done) examine_candidates(look);
    free(look->candidates);
    return is_done;
}

static void look_at_all(looking *look)
{
    const unsigned char *allowed = look->call->allowed;
    for (size_t row = 0; row < look->call->scan->rows->count; row++)
        if (allowed == NULL || allowed[row]) examine(look, (int32_t)row);
}

/* A query far outside the rows has a sketch that float32 cannot hold. */
static bool has_scores(const vg_scan *scan, size_t query)
{
    const float largest = 1e30F;
    if (scan->sketch == NULL) return false;
    const float *sketch = scan->queries + query * (size_t)scan->sketch->channels;
    return -sketch[scan->sketch->components + 2] <= largest;
}

static void find_share(void *argument, int part)
{
    (void)part;
    scanning *call = argument;
    const vg_rowset *set = call->scan->rows;
    for (size_t query; (query = atomic_fetch_add(&call->next, 1)) < call->count;) {
        const float *row = call->queries + query * (size_t)set->dims;
        looking look = {.call = call,
                        .query = query,
                        .square = vg_rowset_square(set, row),
                        .best = call->best[query]};
        vg_best_clear(look.best);
        if (!has_scores(call->scan, query))
            look_at_all(&look);
        else if (!look_by_scores(&look))
            atomic_store(&call->is_short_of_memory, true);
        atomic_fetch_add(&call->examined, look.examined);
    }
}

vg_status vg_scan_run(vg_scan *scan, const float *queries, size_t count,
                      const unsigned char *allowed, const vg_best *best, uint64_t *examined,
                      vg_error *error)
{
    scanning call = {
        .scan = scan, .queries = queries, .count = count, .allowed = allowed, .best = best};
    if (scan->sketch != NULL) {
        double products = (double)scan->rows->count * scan->sketch->channels * (double)count;
        prepare_queries(scan, queries, count);
        call.threads = (size_t)vg_share_count(scan->team, products);
        vg_run_shares(scan->team, (int)call.threads, score_share, &call);
    }
    vg_run_shares(scan->team, count == 1 ? 1 : vg_team_size(scan->team), find_share, &call);
    *examined += atomic_load(&call.examined);
    if (atomic_load(&call.is_short_of_memory))
        return vg_fail_memory(error, scan->rows->count * sizeof(candidate));
    return VG_OK;
}
