/* Items done ahead on threads: results come in order, whatever thread was first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ahead.h"
#include "base/error.h"

typedef struct work {
    atomic_int begun, held; /* items, and results that hold something */
    atomic_int threads[4];  /* items of each */
    uint64_t faulty;        /* this one and its multiples fail; 0 for none */
} work;

typedef struct outcome {
    uint64_t item, sum;
    atomic_int *held;
} outcome;

static vg_status sum_up(void *context, int thread, uint64_t item, void *result, vg_error *error)
{
    work *all = context;
    outcome *made = result;
    atomic_fetch_add(&all->begun, 1);
    atomic_fetch_add(&all->threads[thread], 1);
    if (made->held == NULL) atomic_fetch_add(&all->held, 1);
    *made = (outcome){.item = item, .held = &all->held};
    for (uint64_t i = 0; i < 1000 * (item % 7); i++) made->sum += i;
    if (all->faulty > 0 && item % all->faulty == 0)
        return vg_fail(error, VG_EFORMAT, "item %d", (int)item);
    return VG_OK;
}

static void let_go(void *result)
{
    outcome *made = result;
    if (made->held != NULL) atomic_fetch_sub(made->held, 1);
}

static vg_ahead *begin(work *all, int threads, uint64_t items)
{
    vg_ahead *ahead;
    const vg_ahead_options options = {.threads = threads,
                                      .items = items,
                                      .task = sum_up,
                                      .context = all,
                                      .result_size = sizeof(outcome),
                                      .free_result = let_go};
    assert_int_equal(vg_ahead_open(&ahead, &options, NULL), VG_OK);
    return ahead;
}

static void results_come_in_order(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        work all = {0};
        vg_ahead *ahead = begin(&all, threads, 100);
        for (uint64_t i = 0; i < 100; i++) {
            void *result;
            assert_int_equal(vg_ahead_next(ahead, &result, NULL), VG_OK);
            const outcome *made = result;
            const uint64_t n = 1000 * (i % 7);
            assert_int_equal(made->item, i);
            assert_int_equal(made->sum, n > 0 ? n * (n - 1) / 2 : 0);
        }
        vg_ahead_close(&ahead);
        assert_null(ahead);
        assert_int_equal(all.begun, 100);
        assert_int_equal(all.held, 0);
    }
}

static void an_item_that_fails_stops_no_other(void **state)
{
    (void)state;
    work all = {.faulty = 3};
    vg_ahead *ahead = begin(&all, 2, 10);
    for (uint64_t i = 0; i < 10; i++) {
        void *result;
        vg_error error = {""};
        vg_status status = vg_ahead_next(ahead, &result, &error);
        assert_int_equal(status, i % 3 == 0 ? VG_EFORMAT : VG_OK);
        assert_int_equal(error.message[0] != '\0', i % 3 == 0);
        assert_int_equal(((const outcome *)result)->item, i);
    }
    vg_ahead_close(&ahead);
}

/* No more is begun than there is room for, and the end waits for nothing else. */
static void who_ends_early_leaves_nothing(void **state)
{
    (void)state;
    for (int taken = 0; taken < 5; taken++) {
        work all = {0};
        void *result;
        vg_ahead *ahead = begin(&all, 3, 1000);
        for (int i = 0; i < taken; i++)
            assert_int_equal(vg_ahead_next(ahead, &result, NULL), VG_OK);
        vg_ahead_close(&ahead);
        assert_true(all.begun >= taken && all.begun <= taken + 5);
        assert_int_equal(all.held, 0);
    }
}

static void there_are_no_more_threads_than_items(void **state)
{
    (void)state;
    work all = {0};
    void *result;
    vg_ahead *ahead = begin(&all, 4, 1);
    assert_int_equal(vg_ahead_next(ahead, &result, NULL), VG_OK);
    vg_ahead_close(&ahead);
    assert_int_equal(all.threads[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_order),
        cmocka_unit_test(an_item_that_fails_stops_no_other),
        cmocka_unit_test(who_ends_early_leaves_nothing),
        cmocka_unit_test(there_are_no_more_threads_than_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
