/* Lists of neighbours after rows have come and gone.
 *
 * What a row's k nearest were among the rows that stay, they still are: only new rows can come
 * between. So such a row is compared with the new ones alone, and the nearest of both are
 * kept. New rows, and rows of whose neighbours one is no more, are searched among all. Keys
 * are computed anew, for no table holds them, and decide as in graph.c. */
#include "neighbours/graph_update.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "neighbours/best.h"
#include "neighbours/index.h"
#include "neighbours/rowset.h"

enum { BATCH_ROWS = 512 }; /* that are searched between two looks at whether to stop */

typedef struct update {
    const float *values; /* [count][dims], the caller's */
    size_t count;
    int dims, k;
    const vg_neighbours_options *options;
    const unsigned char *is_new; /* [count] */
    int64_t *ids;                /* [count][k], the caller's, as keys are */
    double *keys;
    float *new_values; /* [new_count][dims] */
    int64_t *new_rows; /* [new_count], their numbers */
    size_t new_count;
    size_t done; /* rows that have their lists */
} update;

static vg_best list_of(const update *u, size_t row)
{
    size_t k = (size_t)u->k;
    return (vg_best){.keys = u->keys + row * k, .ids = u->ids + row * k, .k = u->k};
}

static const float *row_of(const update *u, size_t row)
{
    return u->values + row * (size_t)u->dims;
}

/* --- Lists that are known --------------------------------------------------------------- */

/* Clears a list that has not k rows which stay. */
static void take_list(const update *u, const vg_rowset *set, size_t row, int64_t *known)
{
    vg_best list = list_of(u, row);
    memcpy(known, list.ids, (size_t)u->k * sizeof *known);
    vg_best_clear(list);
    if (u->is_new[row]) return;
    double square = set->squares != NULL ? set->squares[row] : 0.0;
    for (int i = 0; i < u->k; i++) {
        size_t other = (size_t)known[i];
        if (known[i] < 0 || other >= u->count || other == row || u->is_new[other]) break;
        vg_best_offer(list, vg_rowset_key(set, row_of(u, row), square, other), known[i]);
    }
    if (list.ids[u->k - 1] < 0) vg_best_clear(list);
}

typedef struct taking {
    const update *u;
    const vg_rowset *set;
    size_t threads;
    int64_t *known; /* [threads][k] */
} taking;

static void take_share(void *argument, int part)
{
    const taking *work = argument;
    size_t thread = (size_t)part, count = work->u->count;
    int64_t *known = work->known + thread * (size_t)work->u->k;
    size_t end = count * (thread + 1) / work->threads;
    for (size_t row = count * thread / work->threads; row < end; row++)
        take_list(work->u, work->set, row, known);
}

static vg_status take_lists(const update *u, vg_error *error)
{
    vg_team *team = NULL;
    vg_rowset set = {0};
    taking work = {.u = u, .set = &set, .threads = (size_t)u->options->threads};
    size_t entries = work.threads * (size_t)u->k;
    work.known = malloc(entries * sizeof *work.known);
    vg_status status = work.known == NULL ? vg_fail_memory(error, entries * sizeof *work.known)
                                          : vg_team_open(&team, u->options->threads, error);
    if (status == VG_OK)
        status = vg_rowset_open(&set, u->values, u->count, u->dims, u->options->metric,
                                u->options->kernels, team, error);
    if (status == VG_OK) vg_team_run(team, take_share, &work);
    vg_rowset_close(&set);
    vg_team_close(&team);
    free(work.known);
    return status;
}

/* --- Searches --------------------------------------------------------------------------- */

/* Rows that are searched at once, and what is found for each. */
typedef struct batch {
    size_t rows[BATCH_ROWS], count;
    float *queries; /* [BATCH_ROWS][dims] */
    int found;      /* a row */
    int64_t *ids;   /* [BATCH_ROWS][found] */
    double *keys;
} batch;

static vg_status open_batch(batch *opened, const update *u, int found, vg_error *error)
{
    size_t floats = BATCH_ROWS * (size_t)u->dims, entries = BATCH_ROWS * (size_t)found;
    *opened = (batch){.found = found};
    opened->queries = vg_alloc_aligned(floats, sizeof *opened->queries);
    opened->ids = vg_alloc_aligned(entries, sizeof *opened->ids);
    opened->keys = vg_alloc_aligned(entries, sizeof *opened->keys);
    if (opened->queries != NULL && opened->ids != NULL && opened->keys != NULL) return VG_OK;
    return vg_fail_memory(error, floats * sizeof *opened->queries);
}

static void close_batch(batch *closed)
{
    free(closed->queries);
    free(closed->ids);
    free(closed->keys);
}

static void add_row(batch *to, const update *u, size_t row)
{
    size_t dims = (size_t)u->dims;
    memcpy(to->queries + to->count * dims, row_of(u, row), dims * sizeof *to->queries);
    to->rows[to->count++] = row;
}

/* names [rows of the index] are their numbers among all; NULL where they are the same. */
static vg_status search_batch(update *u, batch *from, vg_index *index, const int64_t *names,
                              vg_error *error)
{
    const vg_neighbours_options *options = u->options;
    size_t found = (size_t)from->found;
    vg_status status = vg_index_search_keys(index, from->count, from->queries, from->found, NULL,
                                            from->ids, from->keys, error);
    if (status != VG_OK) return status;
    for (size_t i = 0; i < from->count * found; i++) {
        size_t row = from->rows[i / found];
        int64_t other = names != NULL ? names[from->ids[i]] : from->ids[i];
        if (other != (int64_t)row) vg_best_offer(list_of(u, row), from->keys[i], other);
    }
    u->done += from->count;
    from->count = 0;
    if (options->progress != NULL &&
        options->progress(options->context, (double)u->done / (double)u->count) != 0)
        return vg_fail(error, VG_ECANCELLED, "neighbours: stopped by the caller");
    return VG_OK;
}

/* Of the rows that have a list, or of those that have none. */
static vg_status search_rows(update *u, vg_index *index, const int64_t *names, bool have_list,
                             vg_error *error)
{
    /* Among all rows each finds itself too, or would but for others that are as near. */
    size_t wanted = (size_t)u->k + (names == NULL), there = vg_index_count(index);
    batch rows;
    vg_status status = open_batch(&rows, u, (int)(wanted < there ? wanted : there), error);
    for (size_t row = 0; row < u->count && status == VG_OK; row++) {
        if ((list_of(u, row).ids[0] >= 0) != have_list) continue;
        add_row(&rows, u, row);
        if (rows.count == BATCH_ROWS) status = search_batch(u, &rows, index, names, error);
    }
    if (status == VG_OK && rows.count > 0) status = search_batch(u, &rows, index, names, error);
    close_batch(&rows);
    return status;
}

static vg_status open_index(vg_index **index, const update *u, const float *values, size_t count,
                            vg_error *error)
{
    vg_index_options options;
    vg_index_options_default(&options);
    options.metric = u->options->metric;
    options.threads = u->options->threads;
    options.kernels = u->options->kernels;
    return vg_index_open(index, values, count, u->dims, &options, error);
}

static vg_status copy_new_rows(update *u, vg_error *error)
{
    size_t dims = (size_t)u->dims;
    for (size_t row = 0; row < u->count; row++) u->new_count += u->is_new[row] != 0;
    if (u->new_count == 0) return VG_OK;
    u->new_values = vg_alloc_aligned(u->new_count * dims, sizeof *u->new_values);
    u->new_rows = vg_alloc_aligned(u->new_count, sizeof *u->new_rows);
    if (u->new_values == NULL || u->new_rows == NULL)
        return vg_fail_memory(error, u->new_count * dims * sizeof *u->new_values);
    size_t at = 0;
    for (size_t row = 0; row < u->count; row++) {
        if (!u->is_new[row]) continue;
        memcpy(u->new_values + at * dims, row_of(u, row), dims * sizeof *u->new_values);
        u->new_rows[at++] = (int64_t)row;
    }
    return VG_OK;
}

static vg_status compare_with_new(update *u, vg_error *error)
{
    vg_index *index = NULL;
    vg_status status = copy_new_rows(u, error);
    if (status != VG_OK || u->new_count == 0) return status;
    status = open_index(&index, u, u->new_values, u->new_count, error);
    if (status == VG_OK) status = search_rows(u, index, u->new_rows, true, error);
    vg_index_close(&index);
    return status;
}

static vg_status search_all(update *u, vg_error *error)
{
    vg_index *index = NULL;
    size_t row = 0;
    while (row < u->count && list_of(u, row).ids[0] >= 0) row++;
    if (row == u->count) return VG_OK;
    vg_status status = open_index(&index, u, u->values, u->count, error);
    if (status == VG_OK) status = search_rows(u, index, NULL, false, error);
    vg_index_close(&index);
    return status;
}

/* --- The whole -------------------------------------------------------------------------- */

static void turn_into_distances(const update *u)
{
    const vg_rowset metric = {.metric = u->options->metric};
    for (size_t i = 0; i < u->count * (size_t)u->k; i++)
        u->keys[i] = vg_rowset_distance(&metric, u->keys[i]);
}

vg_status vg_graph_update(const float *rows, size_t n, int dims, int k,
                          const vg_neighbours_options *options, const unsigned char *is_new,
                          int64_t *indices, double *distances, vg_error *error)
{
    assert(k >= 1 && (size_t)k < n && options->threads >= 1);
    update u = {.values = rows,
                .count = n,
                .dims = dims,
                .k = k,
                .options = options,
                .is_new = is_new,
                .ids = indices,
                .keys = distances};
    vg_status status = take_lists(&u, error);
    if (status == VG_OK) status = compare_with_new(&u, error);
    if (status == VG_OK) status = search_all(&u, error);
    if (status == VG_OK) turn_into_distances(&u);
    free(u.new_values);
    free(u.new_rows);
    return status;
}
