/* vg_layout: what is near lies near, and the same bits however many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verger/verger.h"

enum { CLUSTERS = 4, OF_EACH = 60, ROWS = CLUSTERS * OF_EACH, DIMS = 16, K = 8 };

typedef struct fixture {
    float rows[ROWS][DIMS], start[ROWS][2];
    int64_t indices[ROWS][K];
    double distances[ROWS][K];
} fixture;

static float noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / (float)(1 << 24) - 0.5f;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    uint32_t random = 7;
    for (int i = 0; i < ROWS; i++) {
        for (int d = 0; d < DIMS; d++)
            f->rows[i][d] = noise(&random) + (d == i / OF_EACH ? 10.0f : 0.0f);
        for (int d = 0; d < 2; d++) f->start[i][d] = noise(&random);
    }
    const vg_neighbours_options options = {.metric = VG_L2, .threads = 1};
    *state = f;
    return vg_neighbours(f->rows[0], ROWS, DIMS, K, &options, f->indices[0], f->distances[0],
                         NULL) == VG_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void lay(const fixture *f, int threads, float places[ROWS][2])
{
    vg_layout_options options;
    vg_error error = {""};
    vg_layout_options_default(&options);
    options.threads = threads;
    vg_status status = vg_layout(f->indices[0], f->distances[0], ROWS, K, f->start[0], &options,
                                 places[0], &error);
    if (status != VG_OK) fail_msg("%s", error.message);
}

static void test_rows_lie_with_their_cluster(void **state)
{
    static float places[ROWS][2];
    lay(*state, 1, places);
    for (int i = 0; i < ROWS; i++) {
        int nearest = -1;
        float least = 0.0f;
        for (int j = 0; j < ROWS; j++) {
            float x = places[i][0] - places[j][0], y = places[i][1] - places[j][1];
            float square = x * x + y * y;
            if (j == i || (nearest >= 0 && square >= least)) continue;
            nearest = j;
            least = square;
        }
        assert_int_equal(nearest / OF_EACH, i / OF_EACH);
    }
}

static void test_threads_leave_no_trace(void **state)
{
    static float alone[ROWS][2], shared[ROWS][2];
    lay(*state, 1, alone);
    for (int threads = 2; threads <= 3; threads++) {
        lay(*state, threads, shared);
        assert_memory_equal(alone, shared, sizeof alone);
    }
}

/* The bits of one machine, kept: another CPU, compiler or C library must not change them. */
static void test_bits_are_those_of_every_machine(void **state)
{
    static float places[ROWS][2];
    uint32_t sum = 2166136261u; /* FNV-1a */
    lay(*state, 2, places);
    for (size_t i = 0; i < sizeof places; i++)
        sum = (sum ^ ((const unsigned char *)places)[i]) * 16777619u;
    assert_int_equal(sum, 0x35dbda02u);
}

static void test_bad_arguments_are_answered(void **state)
{
    fixture *f = *state;
    static float places[ROWS][2];
    vg_error error;
    assert_int_equal(
        vg_layout(NULL, f->distances[0], ROWS, K, f->start[0], NULL, places[0], &error), VG_EINVAL);
    assert_int_equal(
        vg_layout(f->indices[0], f->distances[0], 1, K, f->start[0], NULL, places[0], &error),
        VG_EINVAL);
    int64_t kept = f->indices[5][2];
    f->indices[5][2] = ROWS;
    assert_int_equal(
        vg_layout(f->indices[0], f->distances[0], ROWS, K, f->start[0], NULL, places[0], &error),
        VG_EINVAL);
    assert_non_null(strstr(error.message, "row 5"));
    f->indices[5][2] = kept;
}

static void test_rows_without_neighbours_stay_on_the_map(void **state)
{
    fixture *f = malloc(sizeof *f);
    static float places[ROWS][2];
    memcpy(f, *state, sizeof *f);
    for (int i = 0; i < K; i++) f->indices[3][i] = -1;
    lay(f, 1, places);
    assert_true(places[3][0] == places[3][0] && places[3][1] == places[3][1]);
    free(f);
}

static int stop_soon(void *context, double share)
{
    *(double *)context = share;
    return share > 0.1;
}

static void test_it_stops_when_asked(void **state)
{
    const fixture *f = *state;
    static float places[ROWS][2];
    double reached = 0.0;
    vg_layout_options options;
    vg_layout_options_default(&options);
    options.progress = stop_soon;
    options.context = &reached;
    assert_int_equal(
        vg_layout(f->indices[0], f->distances[0], ROWS, K, f->start[0], &options, places[0], NULL),
        VG_ECANCELLED);
    assert_true(reached > 0.1 && reached < 0.2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_lie_with_their_cluster),
        cmocka_unit_test(test_threads_leave_no_trace),
        cmocka_unit_test(test_bits_are_those_of_every_machine),
        cmocka_unit_test(test_bad_arguments_are_answered),
        cmocka_unit_test(test_rows_without_neighbours_stay_on_the_map),
        cmocka_unit_test(test_it_stops_when_asked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
