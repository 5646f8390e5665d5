/* Resampling and normalising of every kernel set against plain C, bit for bit, on
 * random shapes. The seed is printed; VERGER_SEED repeats it. */
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

enum { ROUNDS = 400, LARGEST_WEIGHT_SUM = 8000000 };

/* Bytes that end at a page nobody may touch. */
static uint8_t *bytes_of(const guarded *buffer, size_t count)
{
    return (uint8_t *)(buffer->values + buffer->count) - count;
}

static guarded open_bytes(size_t count)
{
    return guarded_open((count + sizeof(float) - 1) / sizeof(float));
}

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

/* Copies of one random input, one for each side, so that each meets its own guards. */
static void fill_same(uint8_t *first, uint8_t *second, size_t count)
{
    /* Blocks of the extremes are where sums leave 0..255. */
    int is_extreme = random_int(0, 1);
    for (size_t i = 0; i < count; i++)
        first[i] = second[i] = (uint8_t)(is_extreme ? 255 * random_int(0, 1) : random_int(0, 255));
}

/* Weights of about one in all, negative lobes among them. */
static void fill_weights(int32_t *weights, int count)
{
    for (int t = 0; t < count; t++)
        weights[t] = random_int(-LARGEST_WEIGHT_SUM / 3, LARGEST_WEIGHT_SUM) / count;
}

/* --- Normalise ---------------------------------------------------------- */

static void compare_normalise(const vg_kernels *kernels, const vg_kernels *reference)
{
    size_t n = (size_t)random_int(0, 100);
    guarded from = open_bytes(n), to = guarded_open(n);
    float expected[100];
    uint8_t *bytes = bytes_of(&from, n);
    for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)random_int(0, 255);
    case_begin("%s normalise, %zu", kernels->name, n);
    kernels->normalise(to.values, bytes, n);
    reference->normalise(expected, bytes, n);
    assert_memory_equal(to.values, expected, n * sizeof(float));
    assert_true(guarded_is_intact(&to));
    guarded_close(&from);
    guarded_close(&to);
}

static void test_normalise(void **state)
{
    (void)state;
    for_each_set(compare_normalise);
}

static void test_normalise_values(void **state)
{
    (void)state;
    vg_kernels kernels;
    assert_true(vg_kernels_init(&kernels, 0, "ref"));
    const uint8_t bytes[] = {0, 51, 255};
    float values[3];
    kernels.normalise(values, bytes, 3);
    /* 51 / 127.5 is the float nearest 0.4, and 1 less is exact. */
    const float expected[] = {-1.0F, 0.4F - 1.0F, 1.0F};
    assert_memory_equal(values, expected, sizeof expected);
}

/* --- Rows --------------------------------------------------------------- */

typedef struct row_problem {
    int from_width, width, taps;
    guarded from[2], to[2], windows, weights;
} row_problem;

static row_problem open_row(void)
{
    row_problem p = {
        .from_width = random_int(1, 60), .width = random_int(1, 70), .taps = random_int(1, 19)};
    size_t from_bytes = (size_t)p.from_width * 3, width = (size_t)p.width;
    for (int side = 0; side < 2; side++) {
        p.from[side] = open_bytes(from_bytes);
        p.to[side] = open_bytes(width * 3);
    }
    fill_same(bytes_of(&p.from[0], from_bytes), bytes_of(&p.from[1], from_bytes), from_bytes);

    p.windows = guarded_open(width * 2);
    p.weights = guarded_open(width * (size_t)p.taps);
    vg_resample_window *windows = (vg_resample_window *)p.windows.values;
    int32_t *weights = (int32_t *)p.weights.values;
    memset(weights, 0, p.weights.count * sizeof *weights);
    for (int x = 0; x < p.width; x++) {
        int most = p.taps < p.from_width ? p.taps : p.from_width;
        windows[x].count = random_int(1, most);
        windows[x].first = random_int(0, p.from_width - windows[x].count);
        fill_weights(weights + x * p.taps, windows[x].count);
    }
    return p;
}

static void compare_row(const vg_kernels *kernels, const vg_kernels *reference)
{
    row_problem p = open_row();
    const vg_kernels *sides[2] = {kernels, reference};
    size_t from_bytes = (size_t)p.from_width * 3, to_bytes = (size_t)p.width * 3;
    case_begin("%s row, %d to %d pixels, %d taps", kernels->name, p.from_width, p.width, p.taps);
    for (int side = 0; side < 2; side++)
        sides[side]->resample_row(
            bytes_of(&p.to[side], to_bytes), bytes_of(&p.from[side], from_bytes), p.from_width,
            (vg_resample_window *)p.windows.values, (int32_t *)p.weights.values, p.taps, p.width);
    assert_memory_equal(bytes_of(&p.to[0], to_bytes), bytes_of(&p.to[1], to_bytes), to_bytes);
    for (int side = 0; side < 2; side++) {
        assert_true(guarded_is_intact(&p.to[side]));
        guarded_close(&p.to[side]);
        guarded_close(&p.from[side]);
    }
    guarded_close(&p.windows);
    guarded_close(&p.weights);
}

static void test_rows(void **state)
{
    (void)state;
    for_each_set(compare_row);
}

/* --- Columns ------------------------------------------------------------ */

static void compare_column(const vg_kernels *kernels, const vg_kernels *reference)
{
    int taps = random_int(1, 19);
    size_t n = (size_t)random_int(1, 200), row = n + (size_t)random_int(0, 9);
    size_t from_bytes = row * (size_t)(taps - 1) + n;
    const vg_kernels *sides[2] = {kernels, reference};
    guarded from[2], to[2], weights = guarded_open((size_t)taps);
    for (int side = 0; side < 2; side++) {
        from[side] = open_bytes(from_bytes);
        to[side] = open_bytes(n);
    }
    fill_same(bytes_of(&from[0], from_bytes), bytes_of(&from[1], from_bytes), from_bytes);
    fill_weights((int32_t *)weights.values, taps);

    case_begin("%s column, %zu bytes, %d taps", kernels->name, n, taps);
    for (int side = 0; side < 2; side++)
        sides[side]->resample_column(bytes_of(&to[side], n), bytes_of(&from[side], from_bytes),
                                     (ptrdiff_t)row, (int32_t *)weights.values, taps, n);
    assert_memory_equal(bytes_of(&to[0], n), bytes_of(&to[1], n), n);
    for (int side = 0; side < 2; side++) {
        assert_true(guarded_is_intact(&to[side]));
        guarded_close(&to[side]);
        guarded_close(&from[side]);
    }
    guarded_close(&weights);
}

static void test_columns(void **state)
{
    (void)state;
    for_each_set(compare_column);
}

int main(void)
{
    const char *seed_text = getenv("VERGER_SEED");
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 10) : (uint64_t)time(NULL);
    printf("VERGER_SEED=%llu\n", (unsigned long long)seed);
    random_seed(seed);
    case_catch_crashes();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise_values),
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
