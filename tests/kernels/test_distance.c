/* Distances of every kernel set against plain C, bit for bit, on random lengths. The seed is
 * printed; VERGER_SEED repeats it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "kernels/harness.h"

enum { ROUNDS = 300, LONGEST = 200, TALLEST = 40, WIDEST = 64 };

/* Runs `compare` for each set of this CPU beyond plain C. */
static void for_each_set(void (*compare)(const vg_kernels *kernels, const vg_kernels *reference))
{
    vg_kernels reference, kernels;
    const char *name;
    assert_true(vg_kernels_init(&reference, 0, "ref"));
    for (size_t i = 1; (name = vg_kernels_name(vg_cpu_features(), i)) != NULL; i++) {
        assert_true(vg_kernels_init(&kernels, vg_cpu_features(), name));
        for (int round = 0; round < ROUNDS; round++) compare(&kernels, &reference);
    }
}

static guarded random_values(size_t count)
{
    guarded buffer = guarded_open(count);
    for (size_t i = 0; i < count; i++) buffer.values[i] = random_float();
    return buffer;
}

static void compare_sums(const vg_kernels *kernels, const vg_kernels *reference)
{
    size_t n = (size_t)random_int(0, LONGEST);
    guarded a = random_values(n), b = random_values(n);
    case_begin("%s distances of %zu values", kernels->name, n);
    double dot = kernels->dot(a.values, b.values, n);
    double expected_dot = reference->dot(a.values, b.values, n);
    double square = kernels->square_distance(a.values, b.values, n);
    double expected_square = reference->square_distance(a.values, b.values, n);
    assert_memory_equal(&dot, &expected_dot, sizeof dot);
    assert_memory_equal(&square, &expected_square, sizeof square);
    guarded_close(&a);
    guarded_close(&b);
}

static void test_sums(void **state)
{
    (void)state;
    for_each_set(compare_sums);
}

/* Scores that meet a threshold exactly are among them. */
static void fill_steps(guarded *buffer)
{
    for (size_t i = 0; i < buffer->count; i++) buffer->values[i] = (float)random_int(-3, 3);
}

static void compare_reach(const vg_kernels *kernels, const vg_kernels *reference)
{
    int m = random_int(1, TALLEST), width = 16 * random_int(1, WIDEST / 16);
    guarded scores = guarded_open((size_t)(m * width)), rows = guarded_open((size_t)m);
    guarded columns = guarded_open((size_t)width);
    uint64_t hits[TALLEST], expected[TALLEST];
    fill_steps(&scores);
    fill_steps(&rows);
    fill_steps(&columns);
    if (random_int(0, 1)) scores.values[random_int(0, m * width - 1)] = NAN;
    if (random_int(0, 1)) scores.values[random_int(0, m * width - 1)] = -INFINITY;
    if (random_int(0, 1))
        for (int j = 0; j < width; j++) columns.values[j] = INFINITY;
    case_begin("%s reach of %d x %d", kernels->name, m, width);
    int any = kernels->reach(hits, scores.values, m, width, rows.values, columns.values);
    assert_int_equal(
        any, reference->reach(expected, scores.values, m, width, rows.values, columns.values));
    assert_memory_equal(hits, expected, (size_t)m * sizeof *hits);
    guarded_close(&scores);
    guarded_close(&rows);
    guarded_close(&columns);
}

static void test_reach(void **state)
{
    (void)state;
    for_each_set(compare_reach);
}

/* Plain C itself, where the numbers are known. */
static void test_known_values(void **state)
{
    (void)state;
    vg_kernels reference;
    assert_true(vg_kernels_init(&reference, 0, "ref"));
    float a[50], b[50];
    for (int i = 0; i < 50; i++) {
        a[i] = (float)i;
        b[i] = 2.0F;
    }
    assert_true(reference.dot(a, b, 50) == 2450.0);
    assert_true(reference.square_distance(a, b, 50) == 40425.0 - 2 * 2450.0 + 200.0);
    assert_true(reference.dot(a, b, 0) == 0.0);
    const float scores[16] = {0.5F, 1.0F, 2.0F, NAN}, row[1] = {1.0F};
    float columns[16];
    for (int j = 0; j < 16; j++) columns[j] = INFINITY;
    columns[4] = 0.0F;
    uint64_t hits[1];
    assert_true(reference.reach(hits, scores, 1, 16, row, columns));
    assert_int_equal(hits[0], 1 << 1 | 1 << 2 | 1 << 4);
}

int main(void)
{
    const char *chosen = getenv("VERGER_SEED");
    uint64_t seed = chosen != NULL ? strtoull(chosen, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(seed);
    case_catch_crashes();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
