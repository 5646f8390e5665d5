/* Neighbours against all distances computed one by one, bit for bit, on rows that cluster,
 * repeat and tie; with any kernels, threads and sketches. The seed is printed; VERGER_SEED
 * repeats it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "kernels/harness.h"
#include "neighbours/graph.h"
#include "neighbours/graph_update.h"
#include "neighbours/sketch.h"

/* --- Rows --------------------------------------------------------------------------- */

typedef struct rows {
    float *values; /* [n][dims] */
    size_t n;
    int dims;
} rows;

static float *floats(size_t count)
{
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    return values;
}

static float uniform(void)
{
    return (float)random_int(-1000000, 1000000) / 1e6F;
}

/* In clusters, so that some rows are near. One in ten repeats an earlier row, one in forty is
 * zero; `offset` is far from what tells rows apart. */
static rows make_rows(size_t n, int dims, float offset)
{
    enum { CLUSTERS = 8 };
    size_t width = (size_t)dims;
    rows made = {floats(n * width), n, dims};
    float *centres = floats(CLUSTERS * width);
    for (size_t i = 0; i < CLUSTERS * width; i++) centres[i] = 3.0F * uniform();
    for (size_t i = 0; i < n; i++) {
        float *row = made.values + i * width;
        const float *centre = centres + (size_t)random_int(0, CLUSTERS - 1) * width;
        int kind = random_int(0, 39);
        if (kind < 4 && i > 0)
            memcpy(row, made.values + (size_t)random_int(0, (int)i - 1) * width,
                   width * sizeof *row);
        else
            for (size_t d = 0; d < width && kind != 39; d++)
                row[d] = offset + centre[d] + 0.3F * uniform();
    }
    free(centres);
    return made;
}

/* --- The oracle ----------------------------------------------------------------------- */

/* Sums in the order that the kernels promise (kernels/distance.h). */
static vg_kernels reference;

static double key_of(const float *a, const float *b, int dims, vg_metric metric)
{
    size_t n = (size_t)dims;
    if (metric == VG_L2) return reference.square_distance(a, b, n);
    double lengths = sqrt(reference.dot(a, a, n) * reference.dot(b, b, n));
    return lengths > 0.0 ? fmax(1.0 - reference.dot(a, b, n) / lengths, 0.0) : 1.0;
}

/* Selection of the k least, one after the other; row `self` is left out. */
static void expect_nearest(const rows *from, const float *query, int k, vg_metric metric,
                           size_t self, int64_t *indices, double *distances)
{
    double *keys = calloc(from->n, sizeof *keys);
    for (size_t i = 0; i < from->n; i++)
        keys[i] = i == self
                      ? INFINITY
                      : key_of(query, from->values + i * (size_t)from->dims, from->dims, metric);
    for (int place = 0; place < k; place++) {
        size_t nearest = 0;
        for (size_t i = 1; i < from->n; i++)
            if (keys[i] < keys[nearest]) nearest = i;
        indices[place] = (int64_t)nearest;
        distances[place] = metric == VG_L2 ? sqrt(keys[nearest]) : keys[nearest];
        keys[nearest] = INFINITY;
    }
    free(keys);
}

typedef struct answer {
    int64_t *indices;
    double *distances;
    size_t count;
} answer;

static answer open_answer(size_t count)
{
    answer opened = {calloc(count, sizeof(int64_t)), calloc(count, sizeof(double)), count};
    assert_non_null(opened.indices);
    assert_non_null(opened.distances);
    return opened;
}

static void close_answer(answer *from)
{
    free(from->indices);
    free(from->distances);
}

static void assert_same(const answer *got, const answer *expected)
{
    assert_memory_equal(got->indices, expected->indices, expected->count * sizeof(int64_t));
    assert_memory_equal(got->distances, expected->distances, expected->count * sizeof(double));
}

static answer expect_graph(const rows *from, int k, vg_metric metric)
{
    answer expected = open_answer(from->n * (size_t)k);
    for (size_t i = 0; i < from->n; i++)
        expect_nearest(from, from->values + i * (size_t)from->dims, k, metric, i,
                       expected.indices + i * (size_t)k, expected.distances + i * (size_t)k);
    return expected;
}

/* --- All rows --------------------------------------------------------------------------- */

static void check_graph(const rows *from, int k, const vg_neighbours_options *options,
                        int components, const answer *expected)
{
    answer got = open_answer(expected->count);
    vg_error error = {""};
    case_begin("%s, %d threads, %zu rows of %d, k %d, metric %d, %d components", options->kernels,
               options->threads, from->n, from->dims, k, (int)options->metric, components);
    const vg_graph_choices choices = {.components = components};
    vg_status status = vg_graph_find(from->values, from->n, from->dims, k, options, &choices,
                                     got.indices, got.distances, &error);
    if (status != VG_OK) fail_msg("%s: %s", case_name(), error.message);
    assert_same(&got, expected);
    close_answer(&got);
}

/* With every kernel set, on one thread and on several, by whole rows and by components. */
static void check_rows(const rows *from, int k, vg_metric metric)
{
    answer expected = expect_graph(from, k, metric);
    const char *name;
    /* Plain C takes its time. */
    for (size_t i = from->n > 1000; (name = vg_kernels_name(vg_cpu_features(), i)) != NULL; i++) {
        vg_neighbours_options options;
        vg_neighbours_options_default(&options);
        options.metric = metric;
        options.kernels = name;
        for (options.threads = 1; options.threads <= 3; options.threads += 2) {
            check_graph(from, k, &options, VG_GRAPH_CHOOSE, &expected);
            if (from->n > 2 && from->dims > 16) check_graph(from, k, &options, 16, &expected);
        }
    }
    close_answer(&expected);
}

static void test_every_row(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int dims, k;
        float offset;
    } cases[] = {
        {2, 1, 1, 0.0F},     {3, 5, 2, 0.0F},      {40, 3, 39, 0.0F},
        {100, 70, 10, 0.0F}, {300, 33, 5, 100.0F}, {1400, 20, 3, 0.0F},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rows from = make_rows(cases[i].n, cases[i].dims, cases[i].offset);
        check_rows(&from, cases[i].k, VG_COSINE);
        check_rows(&from, cases[i].k, VG_L2);
        free(from.values);
    }
}

/* Nothing but the order of the rows tells them apart. */
static void test_equal_rows(void **state)
{
    (void)state;
    rows from = {floats(90 * 20), 90, 20};
    check_rows(&from, 4, VG_COSINE);
    check_rows(&from, 4, VG_L2);
    for (size_t i = 0; i < 90 * 20; i++) from.values[i] = 0.1F;
    check_rows(&from, 4, VG_COSINE);
    check_rows(&from, 4, VG_L2);
    free(from.values);
}

/* Squares that float32 does not hold. */
static void test_extreme_rows(void **state)
{
    (void)state;
    static const float factors[] = {1e30F, 1e-30F, 1e-42F};
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        rows from = make_rows(120, 24, 0.0F);
        for (size_t i = 0; i < 120 * 24; i++) from.values[i] *= factors[f];
        check_rows(&from, 6, VG_COSINE);
        check_rows(&from, 6, VG_L2);
        free(from.values);
    }
}

/* --- Calls that go on ----------------------------------------------------------------------- */

/* What a call kept before it was ended by the save of that number. */
typedef struct kept {
    int32_t *lists;
    size_t values, done;
    int saves, last;
} kept;

static vg_status keep(void *context, const int32_t *lists, size_t done, vg_error *error)
{
    (void)error;
    kept *to = context;
    memcpy(to->lists, lists, to->values * sizeof *lists);
    to->done = done;
    return ++to->saves == to->last ? VG_EIO : VG_OK;
}

/* A call that is ended by its save number `last` and gone on with on other threads; returns
 * whether it came as far. */
static bool check_resumed(const rows *from, int k, const vg_neighbours_options *options, int last,
                          const answer *expected)
{
    answer got = open_answer(expected->count);
    kept saved = {.values = expected->count, .last = last};
    saved.lists = calloc(saved.values, sizeof *saved.lists);
    vg_graph_choices choices = {.components = 0, .save = keep, .context = &saved};
    case_begin("%d threads, %zu rows, metric %d, save %d", options->threads, from->n,
               (int)options->metric, last);
    vg_status status = vg_graph_find(from->values, from->n, from->dims, k, options, &choices,
                                     got.indices, got.distances, NULL);
    bool was_ended = status == VG_EIO;
    if (!was_ended) assert_int_equal(status, VG_OK);
    const int32_t *known = saved.lists;
    vg_neighbours_options others = *options;
    others.threads = 4 - options->threads;
    choices = (vg_graph_choices){
        .components = VG_GRAPH_CHOOSE, .known = &known, .known_count = 1, .done = saved.done};
    memset(got.indices, 0, got.count * sizeof *got.indices);
    assert_int_equal(vg_graph_find(from->values, from->n, from->dims, k, &others, &choices,
                                   got.indices, got.distances, NULL),
                     VG_OK);
    assert_same(&got, expected);
    /* Nothing was done in vain: on one thread each save has a task more than the one before. */
    if (options->threads == 1) assert_int_equal(saved.done, was_ended ? last : saved.saves);
    free(saved.lists);
    close_answer(&got);
    return was_ended;
}

static void test_resumed(void **state)
{
    (void)state;
    rows from = make_rows(4200, 6, 0.0F); /* four blocks: ten tasks */
    vg_neighbours_options options;
    vg_neighbours_options_default(&options);
    for (int metric = VG_COSINE; metric <= VG_L2; metric++) {
        options.metric = (vg_metric)metric;
        answer expected = open_answer(from.n * 7);
        assert_int_equal(vg_neighbours(from.values, from.n, from.dims, 7, &options,
                                       expected.indices, expected.distances, NULL),
                         VG_OK);
        for (options.threads = 1; options.threads <= 3; options.threads += 2) {
            int last = 1;
            while (check_resumed(&from, 7, &options, last, &expected)) last++;
            /* Beside others the calling thread may have few tasks, and saves after its own. */
            if (options.threads == 1) assert_true(last > 3);
        }
        close_answer(&expected);
    }
    free(from.values);
}

/* Shares by others, put together, are the whole; also where there are more than pairs of blocks. */
static void test_shares(void **state)
{
    (void)state;
    enum { MOST = 8, K = 5 };
    rows from = make_rows(4200, 6, 0.0F); /* four blocks: six pairs */
    vg_neighbours_options options;
    vg_neighbours_options_default(&options);
    answer expected = open_answer(from.n * K), got = open_answer(from.n * K);
    assert_int_equal(vg_neighbours(from.values, from.n, from.dims, K, &options, expected.indices,
                                   expected.distances, NULL),
                     VG_OK);
    for (size_t shares = 2; shares <= MOST; shares += 3) {
        const int32_t *known[MOST];
        kept made[MOST];
        for (size_t i = 0; i < shares; i++) {
            options.threads = i % 2 == 0 ? 1 : 3;
            made[i] = (kept){.values = expected.count};
            known[i] = made[i].lists = calloc(expected.count, sizeof(int32_t));
            const vg_graph_choices choices = {.components = 0,
                                              .share = i,
                                              .shares = shares,
                                              .save = keep,
                                              .context = &made[i],
                                              .seconds = INFINITY};
            assert_int_equal(vg_graph_find(from.values, from.n, from.dims, K, &options, &choices,
                                           got.indices, got.distances, NULL),
                             VG_OK);
            assert_int_equal(made[i].saves, 1);
        }
        const vg_graph_choices choices = {
            .known = known, .known_count = shares, .done = VG_GRAPH_DONE};
        assert_int_equal(vg_graph_find(from.values, from.n, from.dims, K, &options, &choices,
                                       got.indices, got.distances, NULL),
                         VG_OK);
        assert_same(&got, &expected);
        for (size_t i = 0; i < shares; i++) free(made[i].lists);
    }
    close_answer(&got);
    close_answer(&expected);
    free(from.values);
}

/* Lists of too few tasks are an error, and no result with holes. */
static void test_lists_that_lack_rows(void **state)
{
    (void)state;
    rows from = make_rows(40, 6, 0.0F);
    answer got = open_answer(40 * 3);
    int32_t *lists = malloc(40 * 3 * sizeof *lists);
    memset(lists, 0xff, 40 * 3 * sizeof *lists);
    const int32_t *known = lists;
    vg_graph_choices choices = {.components = 0, .known = &known, .known_count = 1, .done = 1};
    assert_int_equal(
        vg_graph_find(from.values, 40, 6, 3, NULL, &choices, got.indices, got.distances, NULL),
        VG_EINVAL);
    choices.done = 2; /* of one */
    assert_int_equal(
        vg_graph_find(from.values, 40, 6, 3, NULL, &choices, got.indices, got.distances, NULL),
        VG_EINVAL);
    free(lists);
    close_answer(&got);
    free(from.values);
}

/* --- Lists that are brought up to date ------------------------------------------------------ */

enum { STAYS, IS_NEW, IS_GONE };

/* Some rows of all, in their order: those that are of no `other` kind. */
typedef struct some_rows {
    rows taken;
    int64_t *number_of; /* [rows of all]; -1 */
    size_t *row_of;     /* [taken.n] */
} some_rows;

static some_rows take_rows(const rows *all, const int *kinds, int other)
{
    size_t width = (size_t)all->dims;
    some_rows some = {{floats(all->n * width), 0, all->dims},
                      calloc(all->n, sizeof(int64_t)),
                      calloc(all->n, sizeof(size_t))};
    for (size_t i = 0; i < all->n; i++) {
        some.number_of[i] = -1;
        if (kinds[i] == other) continue;
        memcpy(some.taken.values + some.taken.n * width, all->values + i * width,
               width * sizeof(float));
        some.number_of[i] = (int64_t)some.taken.n;
        some.row_of[some.taken.n++] = i;
    }
    return some;
}

static void free_rows(some_rows *some)
{
    free(some->taken.values);
    free(some->number_of);
    free(some->row_of);
}

/* The lists of rows that were there before, with the numbers that neighbours have now. */
static void know_lists(const some_rows *before, const some_rows *now, const int *kinds, int k,
                       const vg_neighbours_options *options, answer *known, unsigned char *is_new)
{
    size_t width = (size_t)k;
    answer old = open_answer(before->taken.n * width);
    assert_int_equal(vg_neighbours(before->taken.values, before->taken.n, before->taken.dims, k,
                                   options, old.indices, old.distances, NULL),
                     VG_OK);
    for (size_t row = 0; row < now->taken.n; row++) {
        size_t i = now->row_of[row];
        int64_t *list = known->indices + row * width;
        is_new[row] = kinds[i] == IS_NEW;
        for (size_t place = 0; place < width && !is_new[row]; place++)
            list[place] =
                now->number_of
                    [before->row_of[old.indices[(size_t)before->number_of[i] * width + place]]];
    }
    close_answer(&old);
}

static void check_update(const rows *all, const int *kinds, int k,
                         const vg_neighbours_options *options)
{
    some_rows before = take_rows(all, kinds, IS_NEW), now = take_rows(all, kinds, IS_GONE);
    answer expected = expect_graph(&now.taken, k, options->metric);
    answer got = open_answer(expected.count);
    unsigned char *is_new = calloc(now.taken.n, 1);
    know_lists(&before, &now, kinds, k, options, &got, is_new);
    case_begin("%s, %d threads, %zu rows of %d, then %zu, k %d, metric %d", options->kernels,
               options->threads, before.taken.n, all->dims, now.taken.n, k, (int)options->metric);
    assert_int_equal(vg_graph_update(now.taken.values, now.taken.n, all->dims, k, options, is_new,
                                     got.indices, got.distances, NULL),
                     VG_OK);
    assert_same(&got, &expected);
    free(is_new);
    close_answer(&got);
    close_answer(&expected);
    free_rows(&before);
    free_rows(&now);
}

static void test_updates(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int dims, k, kinds; /* of 100 rows, so many new and so many gone */
        bool are_equal;
    } cases[] = {{120, 7, 5, 10, false}, {120, 20, 1, 0, false},   {90, 12, 6, 10, true},
                 {300, 60, 9, 2, false}, {400, 240, 10, 5, false}, {60, 3, 20, 30, false}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        rows all = make_rows(cases[c].n, cases[c].dims, 0.0F);
        int *kinds = calloc(all.n, sizeof *kinds);
        vg_neighbours_options options;
        vg_neighbours_options_default(&options);
        for (size_t i = 0; cases[c].are_equal && i < all.n * (size_t)all.dims; i++)
            all.values[i] = 0.1F;
        for (size_t i = 0; i < all.n; i++) {
            int drawn = random_int(0, 99);
            if (drawn < 2 * cases[c].kinds) kinds[i] = drawn < cases[c].kinds ? IS_NEW : IS_GONE;
        }
        for (int metric = VG_COSINE; metric <= VG_L2; metric++)
            for (options.threads = 1; options.threads <= 3; options.threads += 2) {
                options.metric = (vg_metric)metric;
                check_update(&all, kinds, cases[c].k, &options);
            }
        free(kinds);
        free(all.values);
    }
}

/* --- Sketches ------------------------------------------------------------------------------ */

/* A score never says that a pair is farther apart than it is. */
static void check_bound(const rows *from, vg_metric metric, int components, vg_team *team)
{
    vg_rowset set;
    vg_sketch sketch;
    assert_int_equal(
        vg_rowset_open(&set, from->values, from->n, from->dims, metric, NULL, team, NULL), VG_OK);
    assert_int_equal(vg_sketch_open(&sketch, &set, components, team, NULL), VG_OK);
    size_t channels = (size_t)sketch.channels, width = (size_t)sketch.panel;
    float *left = floats(VG_SKETCH_ROWS * channels), *room = floats(vg_sketch_room_size(&sketch));
    double *work = calloc(vg_sketch_work_size(&sketch), sizeof *work);
    vg_sketch_queries(&sketch, from->values, VG_SKETCH_ROWS, left, work);
    for (size_t j = 0; j < from->n; j++) {
        const float *panel = vg_sketch_panel(&sketch, j / width, room, work);
        for (size_t i = 0; i < VG_SKETCH_ROWS; i++) {
            const float *row = from->values + i * (size_t)from->dims;
            float score = 0.0F;
            for (size_t c = 0; c < channels; c++)
                score = fmaf(left[i * channels + c], panel[c * width + j % width], score);
            double key = vg_rowset_key(&set, row, vg_rowset_square(&set, row), j);
            assert_true(score >= vg_sketch_threshold(&sketch, key));
        }
    }
    free(left);
    free(room);
    free(work);
    vg_sketch_close(&sketch);
    vg_rowset_close(&set);
}

static void test_bound(void **state)
{
    (void)state;
    vg_team *team;
    assert_int_equal(vg_team_open(&team, 2, NULL), VG_OK);
    for (int round = 0; round < 6; round++) {
        rows from = make_rows((size_t)random_int(20, 200), random_int(17, 300),
                              random_int(0, 1) ? 50.0F : 0.0F);
        for (int metric = VG_COSINE; metric <= VG_L2; metric++)
            for (int components = 0; components <= 32; components += 16)
                check_bound(&from, (vg_metric)metric, components, team);
        free(from.values);
    }
    vg_team_close(&team);
}

/* --- Index ----------------------------------------------------------------------------------- */

static void check_index(const rows *from, const rows *queries, int k, vg_metric metric, int threads,
                        int sketch)
{
    vg_index *index;
    vg_index_options options;
    vg_index_options_default(&options);
    options.metric = metric;
    options.threads = threads;
    options.sketch = sketch;
    assert_int_equal(vg_index_open(&index, from->values, from->n, from->dims, &options, NULL),
                     VG_OK);
    assert_int_equal(vg_index_count(index), from->n);
    assert_int_equal(vg_index_dims(index), from->dims);
    answer expected = open_answer(queries->n * (size_t)k), got = open_answer(expected.count);
    for (size_t i = 0; i < queries->n; i++)
        expect_nearest(from, queries->values + i * (size_t)from->dims, k, metric, SIZE_MAX,
                       expected.indices + i * (size_t)k, expected.distances + i * (size_t)k);
    assert_int_equal(vg_index_search(index, queries->n, queries->values, k, NULL, got.indices,
                                     got.distances, NULL),
                     VG_OK);
    assert_same(&got, &expected);
    close_answer(&got);
    close_answer(&expected);
    vg_index_close(&index);
    assert_null(index);
}

static void test_index(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int dims, k;
    } cases[] = {{1, 4, 1}, {50, 7, 50}, {700, 60, 10}, {600, 240, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rows from = make_rows(cases[i].n, cases[i].dims, 0.0F);
        rows queries = make_rows(21, cases[i].dims, 0.0F);
        memcpy(queries.values, from.values, (size_t)cases[i].dims * sizeof(float));
        /* One so far away that float32 does not hold its sketch. */
        for (int d = 0; d < cases[i].dims; d++) queries.values[cases[i].dims + d] = 1e37F;
        for (int metric = VG_COSINE; metric <= VG_L2; metric++)
            for (int sketch = 0; sketch <= 1; sketch++)
                for (int threads = 1; threads <= 3; threads += 2)
                    check_index(&from, &queries, cases[i].k, (vg_metric)metric, threads, sketch);
        free(queries.values);
        free(from.values);
    }
}

static void test_allowed_rows(void **state)
{
    (void)state;
    rows from = make_rows(500, 30, 0.0F);
    unsigned char allowed[500] = {0};
    for (int i = 3; i < 500; i += 100) allowed[i] = 1;
    for (int sketch = 0; sketch <= 1; sketch++) {
        vg_index_options options;
        vg_index_options_default(&options);
        options.sketch = sketch;
        vg_index *index;
        int64_t indices[7];
        double distances[7];
        assert_int_equal(vg_index_open(&index, from.values, 500, 30, &options, NULL), VG_OK);
        assert_int_equal(
            vg_index_search(index, 1, from.values, 7, allowed, indices, distances, NULL), VG_OK);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(indices[i] % 100, 3);
            assert_true(i == 0 || distances[i] >= distances[i - 1]);
        }
        for (int i = 5; i < 7; i++) {
            assert_int_equal(indices[i], -1);
            assert_true(isinf(distances[i]));
        }
        vg_index_close(&index);
    }
    free(from.values);
}

/* --- What is refused ---------------------------------------------------------------------------
 */

static void test_bad_arguments(void **state)
{
    (void)state;
    rows from = make_rows(10, 4, 0.0F);
    vg_error error;
    int64_t indices[100];
    double distances[100];
    assert_int_equal(vg_neighbours(from.values, 10, 4, 10, NULL, indices, distances, &error),
                     VG_EINVAL);
    assert_string_equal(error.message,
                        "10 neighbours of 10 rows: ask for 1 to one less than there are rows");
    assert_int_equal(vg_neighbours(from.values, 10, 4, 0, NULL, indices, distances, NULL),
                     VG_EINVAL);
    assert_int_equal(vg_neighbours(from.values, 0, 4, 1, NULL, indices, distances, NULL),
                     VG_EINVAL);
    vg_neighbours_options options;
    vg_neighbours_options_default(&options);
    options.kernels = "abacus";
    assert_int_equal(vg_neighbours(from.values, 10, 4, 1, &options, indices, distances, NULL),
                     VG_EUNSUPPORTED);

    vg_index *index;
    assert_int_equal(vg_index_open(&index, from.values, 0, 4, NULL, &error), VG_EINVAL);
    assert_null(index);
    assert_int_equal(vg_index_open(&index, from.values, 10, 4, NULL, &error), VG_OK);
    assert_int_equal(vg_index_search(index, 1, from.values, 11, NULL, indices, distances, &error),
                     VG_EINVAL);
    assert_string_equal(error.message, "the 11 nearest of 10 rows: ask for 1 to all of them");
    from.values[2] = NAN;
    assert_int_equal(vg_index_search(index, 1, from.values, 1, NULL, indices, distances, &error),
                     VG_EINVAL);
    assert_non_null(strstr(error.message, "query 0: value 2"));
    vg_index_close(&index);

    from.values[2] = 0.0F;
    from.values[4 * 7 + 1] = INFINITY;
    assert_int_equal(vg_neighbours(from.values, 10, 4, 1, NULL, indices, distances, &error),
                     VG_EINVAL);
    assert_non_null(strstr(error.message, "row 7: value 1"));
    free(from.values);
}

static int stop_at_once(void *context, double share)
{
    int *calls = context;
    ++*calls;
    return share > 0.0;
}

static void test_progress_stops(void **state)
{
    (void)state;
    rows from = make_rows(3000, 4, 0.0F);
    int64_t *indices = calloc(3000, sizeof *indices);
    double *distances = calloc(3000, sizeof *distances);
    int calls = 0;
    vg_neighbours_options options;
    vg_neighbours_options_default(&options);
    options.progress = stop_at_once;
    options.context = &calls;
    assert_int_equal(vg_neighbours(from.values, 3000, 4, 1, &options, indices, distances, NULL),
                     VG_ECANCELLED);
    assert_int_equal(calls, 1);
    free(indices);
    free(distances);
    free(from.values);
}

int main(void)
{
    const char *chosen = getenv("VERGER_SEED");
    uint64_t seed = chosen != NULL ? strtoull(chosen, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(seed);
    assert_true(vg_kernels_init(&reference, 0, "ref"));
    case_catch_crashes();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_equal_rows),
        cmocka_unit_test(test_extreme_rows),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_allowed_rows),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_progress_stops),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_lists_that_lack_rows),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
