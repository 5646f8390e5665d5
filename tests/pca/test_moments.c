/* Moments: what is refused, what blocks and copies must not change, and the bytes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pca/moments.h"

enum { DIMS = 5, ROWS = 3 * VG_MOMENTS_BLOCK + 7 };

static float rows[ROWS][DIMS];

static int fill_rows(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < DIMS; j++) {
            seed = seed * 1664525U + 1013904223U;
            rows[i][j] = (float)(seed >> 8) / 16777216.0F + (float)j;
        }
    return 0;
}

static vg_moments *open_moments(int dims)
{
    vg_moments *moments;
    assert_int_equal(vg_moments_open(&moments, dims, NULL), VG_OK);
    return moments;
}

static vg_moments *moments_of(int start, int end)
{
    vg_moments *moments = open_moments(DIMS);
    assert_int_equal(vg_moments_add(moments, (size_t)(end - start), rows[start], NULL), VG_OK);
    return moments;
}

static uint8_t *bytes_of(const vg_moments *moments)
{
    uint8_t *bytes = malloc(vg_moments_serialized_size(moments));
    assert_non_null(bytes);
    vg_moments_serialize(moments, bytes);
    return bytes;
}

static void assert_same(const vg_moments *a, const vg_moments *b)
{
    assert_int_equal(vg_moments_serialized_size(a), vg_moments_serialized_size(b));
    uint8_t *bytes_a = bytes_of(a), *bytes_b = bytes_of(b);
    assert_memory_equal(bytes_a, bytes_b, vg_moments_serialized_size(a));
    free(bytes_a);
    free(bytes_b);
}

static void test_open_refuses_dimensions_out_of_range(void **state)
{
    (void)state;
    const int refused[] = {0, -1, VG_MOMENTS_MAX_DIMS + 1, INT32_MAX};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        vg_moments *moments = (vg_moments *)&rows;
        vg_error error;
        assert_int_equal(vg_moments_open(&moments, refused[i], &error), VG_EINVAL);
        assert_null(moments);
        assert_non_null(strstr(error.message, "dimensions"));
    }
}

static void test_close_takes_null(void **state)
{
    (void)state;
    vg_moments *moments = NULL;
    vg_moments_close(&moments);
    moments = open_moments(2);
    vg_moments_close(&moments);
    assert_null(moments);
}

static void test_a_row_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vg_moments *moments = moments_of(0, 9), *expected = moments_of(0, 9);
        float batch[3][DIMS];
        memcpy(batch, rows[20], sizeof batch);
        batch[2][4] = bad[i];
        vg_error error;
        assert_int_equal(vg_moments_add(moments, 3, batch[0], &error), VG_EINVAL);
        assert_non_null(strstr(error.message, "row 2: value 4 "));
        assert_int_equal(vg_moments_count(moments), 9);
        assert_same(moments, expected);
        vg_moments_close(&moments);
        vg_moments_close(&expected);
    }
}

static void test_adding_no_rows(void **state)
{
    (void)state;
    vg_moments *moments = open_moments(DIMS);
    assert_int_equal(vg_moments_add(moments, 0, NULL, NULL), VG_OK);
    assert_int_equal(vg_moments_count(moments), 0);
    assert_int_equal(vg_moments_add(moments, 1, NULL, NULL), VG_EINVAL);
    vg_moments_close(&moments);
}

static void test_batch_sizes_do_not_show(void **state)
{
    (void)state;
    vg_moments *whole = moments_of(0, ROWS);
    const int sizes[] = {1, 2, VG_MOMENTS_BLOCK - 1, VG_MOMENTS_BLOCK, VG_MOMENTS_BLOCK + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        vg_moments *moments = open_moments(DIMS);
        for (int start = 0; start < ROWS; start += sizes[i]) {
            int n = start + sizes[i] < ROWS ? sizes[i] : ROWS - start;
            assert_int_equal(vg_moments_add(moments, (size_t)n, rows[start], NULL), VG_OK);
        }
        assert_int_equal(vg_moments_count(moments), ROWS);
        assert_same(moments, whole);
        vg_moments_close(&moments);
    }
    vg_moments_close(&whole);
}

/* More panels than are held at a time, and a last one that is not full. */
static void test_threads_do_not_show(void **state)
{
    (void)state;
    enum { WIDE = 201, MANY = 2 * VG_MOMENTS_BLOCK + 3 };
    float *wide = malloc(sizeof(float) * WIDE * MANY);
    assert_non_null(wide);
    uint32_t seed = 2;
    for (int i = 0; i < WIDE * MANY; i++) {
        seed = seed * 1664525U + 1013904223U;
        wide[i] = (float)(seed >> 8) / 16777216.0F;
    }
    vg_moments *one = open_moments(WIDE);
    assert_int_equal(vg_moments_add(one, MANY, wide, NULL), VG_OK);
    for (int threads = 2; threads <= 5; threads++) {
        vg_moments *several = open_moments(WIDE);
        assert_int_equal(vg_moments_set_threads(several, threads, NULL), VG_OK);
        assert_int_equal(vg_moments_add(several, 1, wide, NULL), VG_OK);
        assert_int_equal(vg_moments_add(several, MANY - 1, wide + WIDE, NULL), VG_OK);
        assert_same(several, one);
        vg_moments_close(&several);
    }
    vg_error error;
    assert_int_equal(vg_moments_set_threads(one, 0, &error), VG_EINVAL);
    assert_string_equal(error.message, "moments: 0 threads, must be 1 to 1024");
    vg_moments_close(&one);
    free(wide);
}

enum { PANELS_WIDE = 2 * VG_GRAM_PANEL, PANELS_MANY = 3 * VG_MOMENTS_BLOCK + 9 };

static float *draw_panels(void)
{
    float *wide = malloc(sizeof(float) * PANELS_WIDE * PANELS_MANY);
    assert_non_null(wide);
    uint32_t seed = 3;
    for (int i = 0; i < PANELS_WIDE * PANELS_MANY; i++) {
        seed = seed * 1664525U + 1013904223U;
        wide[i] = (float)(seed >> 8) / 16777216.0F;
    }
    return wide;
}

/* Rows that fill panels are read where they lie, a block at a time, unless some wait. */
static void test_blocks_read_in_place_do_not_show(void **state)
{
    (void)state;
    float *wide = draw_panels();
    vg_moments *copied = open_moments(PANELS_WIDE);
    for (int i = 0; i < PANELS_MANY; i++)
        assert_int_equal(vg_moments_add(copied, 1, wide + (ptrdiff_t)i * PANELS_WIDE, NULL), VG_OK);
    for (size_t waiting = 0; waiting < 3; waiting++)
        for (int threads = 1; threads <= 3; threads++) {
            vg_moments *in_place = open_moments(PANELS_WIDE);
            assert_int_equal(vg_moments_set_threads(in_place, threads, NULL), VG_OK);
            assert_int_equal(vg_moments_add(in_place, waiting, wide, NULL), VG_OK);
            assert_int_equal(
                vg_moments_add(in_place, PANELS_MANY - waiting, wide + waiting * PANELS_WIDE, NULL),
                VG_OK);
            assert_same(in_place, copied);
            vg_moments_close(&in_place);
        }
    vg_moments_close(&copied);
    free(wide);
}

/* Each thread looks at some of the rows. */
static void test_the_first_bad_row_is_named_by_any_number_of_threads(void **state)
{
    (void)state;
    const size_t bad[][2] = {{0, 5}, {PANELS_MANY / 2, PANELS_MANY - 1}, {PANELS_MANY - 2, 0}};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++)
        for (int threads = 1; threads <= 5; threads++) {
            float *wide = draw_panels();
            vg_moments *moments = open_moments(PANELS_WIDE);
            assert_int_equal(vg_moments_set_threads(moments, threads, NULL), VG_OK);
            for (int i = 0; i < 2; i++) wide[bad[b][i] * PANELS_WIDE + 7] = NAN;
            size_t first = bad[b][0] < bad[b][1] ? bad[b][0] : bad[b][1];
            char expected[64];
            snprintf(expected, sizeof expected, "row %zu: value 7 ", first);
            vg_error error;
            assert_int_equal(vg_moments_add(moments, PANELS_MANY, wide, &error), VG_EINVAL);
            assert_non_null(strstr(error.message, expected));
            assert_int_equal(vg_moments_count(moments), 0);
            vg_moments_close(&moments);
            free(wide);
        }
}

static void test_equal_rows_have_no_scatter(void **state)
{
    (void)state;
    /* 0.1F, 3.3F and their sums have no short binary form. */
    const float row[DIMS] = {0.1F, 3.3F, -1e30F, 1e-40F, 12345.678F};
    vg_moments *moments = open_moments(DIMS), *other = open_moments(DIMS);
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(vg_moments_add(i % 3 == 0 ? other : moments, 1, row, NULL), VG_OK);
    assert_int_equal(vg_moments_merge(moments, other, NULL), VG_OK);
    for (int i = 0; i < DIMS; i++) {
        assert_true(moments->mean[i] == (double)row[i]);
        for (int j = i; j < DIMS; j++) assert_true(moments->scatter[i * DIMS + j] == 0);
    }
    vg_moments_close(&moments);
    vg_moments_close(&other);
}

static double scatter_at(const vg_moments *moments, int i, int j)
{
    return moments->scatter[(size_t)i * moments->stride + (size_t)j];
}

static void assert_near(const vg_moments *a, const vg_moments *b)
{
    assert_int_equal(vg_moments_count(a), vg_moments_count(b));
    vg_moments_settle(a);
    vg_moments_settle(b);
    for (int i = 0; i < DIMS; i++) {
        assert_true(fabs(a->mean[i] - b->mean[i]) <= 1e-12 * fabs(b->mean[i]));
        for (int j = i; j < DIMS; j++) {
            double scale = sqrt(scatter_at(b, i, i) * scatter_at(b, j, j));
            double difference = fabs(scatter_at(a, i, j) - scatter_at(b, i, j));
            assert_true(difference <= 1e-12 * scale);
        }
    }
}

static void test_merging_parts_gives_the_whole(void **state)
{
    (void)state;
    vg_moments *whole = moments_of(0, ROWS);
    const int cuts[] = {0, 1, 2, VG_MOMENTS_BLOCK, VG_MOMENTS_BLOCK + 1, ROWS - 1, ROWS};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        vg_moments *first = moments_of(0, cuts[i]), *second = moments_of(cuts[i], ROWS);
        vg_moments *unchanged = moments_of(cuts[i], ROWS);
        assert_int_equal(vg_moments_merge(first, second, NULL), VG_OK);
        assert_near(first, whole);
        assert_same(second, unchanged);
        vg_moments_close(&first);
        vg_moments_close(&second);
        vg_moments_close(&unchanged);
    }
    vg_moments_close(&whole);
}

static void test_merging_with_itself_doubles(void **state)
{
    (void)state;
    vg_moments *twice = moments_of(0, 300), *doubled = moments_of(0, 300);
    assert_int_equal(vg_moments_add(twice, 300, rows[0], NULL), VG_OK);
    assert_int_equal(vg_moments_merge(doubled, doubled, NULL), VG_OK);
    assert_near(doubled, twice);
    vg_moments_close(&twice);
    vg_moments_close(&doubled);
}

static void test_merging_empty_moments(void **state)
{
    (void)state;
    vg_moments *empty = open_moments(DIMS), *also_empty = open_moments(DIMS);
    vg_moments *some = moments_of(0, 40), *expected = moments_of(0, 40);
    assert_int_equal(vg_moments_merge(empty, also_empty, NULL), VG_OK);
    assert_int_equal(vg_moments_count(empty), 0);
    assert_int_equal(vg_moments_merge(some, empty, NULL), VG_OK);
    assert_same(some, expected);
    assert_int_equal(vg_moments_merge(empty, some, NULL), VG_OK);
    assert_same(empty, expected);
    vg_moments_close(&empty);
    vg_moments_close(&also_empty);
    vg_moments_close(&some);
    vg_moments_close(&expected);
}

static void test_merging_other_dimensions(void **state)
{
    (void)state;
    vg_moments *moments = open_moments(3), *other = open_moments(4);
    vg_error error;
    assert_int_equal(vg_moments_merge(moments, other, &error), VG_EINVAL);
    assert_string_equal(error.message, "moments of 3 dimensions cannot be merged with 4");
    vg_moments_close(&moments);
    vg_moments_close(&other);
}

static void test_more_rows_than_can_be_counted(void **state)
{
    (void)state;
    vg_moments *moments = moments_of(0, 2), *other = moments_of(0, 2);
    vg_moments_settle(moments);
    moments->count = UINT64_MAX - 1;
    assert_int_equal(vg_moments_add(moments, 2, rows[0], NULL), VG_ELIMIT);
    assert_int_equal(vg_moments_merge(moments, other, NULL), VG_ELIMIT);
    vg_moments_close(&moments);
    vg_moments_close(&other);
}

static void test_a_copy_goes_on_as_the_original(void **state)
{
    (void)state;
    const int counts[] = {0, 1, 2, VG_MOMENTS_BLOCK, 300};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        vg_moments *moments = moments_of(0, counts[i]), *copy;
        uint8_t *bytes = bytes_of(moments);
        size_t size = vg_moments_serialized_size(moments);
        assert_int_equal(vg_moments_deserialize(&copy, bytes, size, NULL), VG_OK);
        assert_int_equal(vg_moments_count(copy), counts[i]);
        assert_int_equal(vg_moments_dims(copy), DIMS);
        assert_same(moments, copy);
        assert_int_equal(vg_moments_add(moments, 300, rows[300], NULL), VG_OK);
        assert_int_equal(vg_moments_add(copy, 300, rows[300], NULL), VG_OK);
        assert_same(moments, copy);
        free(bytes);
        vg_moments_close(&moments);
        vg_moments_close(&copy);
    }
}

/* The format of src/pca/serialize.c, written down once more. */
static void test_bytes_are_those_of_the_format(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        'V', 'G', 'M', 'O', 'M', 'E', 'N', 'T',  1, 0, 0, 0, 2, 0, 0,    0,    /* version, dims */
        3,   0,   0,   0,   0,   0,   0,   0,                                  /* count */
        0,   0,   0,   0,   0,   0,   0,   0x40, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, /* mean 2, 1 */
        0,   0,   0,   0,   0,   0,   0,   0x40, 0, 0, 0, 0, 0, 0, 0,    0xC0, /* 2, -2 */
        0,   0,   0,   0,   0,   0,   0,   0x40,                               /* 2 */
    };
    const float three[3][2] = {{1, 2}, {2, 1}, {3, 0}};
    vg_moments *moments = open_moments(2);
    assert_int_equal(vg_moments_add(moments, 3, three[0], NULL), VG_OK);
    assert_int_equal(vg_moments_serialized_size(moments), sizeof expected + 8);
    uint8_t *bytes = bytes_of(moments);
    assert_memory_equal(bytes, expected, sizeof expected);
    free(bytes);
    vg_moments_close(&moments);
}

static void assert_refused(const uint8_t *bytes, size_t size)
{
    vg_moments *moments = (vg_moments *)&rows;
    vg_error error = {{0}};
    assert_int_equal(vg_moments_deserialize(&moments, bytes, size, &error), VG_EFORMAT);
    assert_null(moments);
    assert_true(error.message[0] != '\0');
}

static void test_every_changed_byte_is_noticed(void **state)
{
    (void)state;
    vg_moments *moments = moments_of(0, 17);
    size_t size = vg_moments_serialized_size(moments);
    uint8_t *bytes = bytes_of(moments);
    for (size_t i = 0; i < size; i++)
        for (unsigned change = 1; change < 256; change++) {
            bytes[i] ^= (uint8_t)change;
            assert_refused(bytes, size);
            bytes[i] ^= (uint8_t)change;
        }
    free(bytes);
    vg_moments_close(&moments);
}

static void test_other_sizes_are_refused(void **state)
{
    (void)state;
    vg_moments *moments = moments_of(0, 17);
    size_t size = vg_moments_serialized_size(moments);
    uint8_t *bytes = bytes_of(moments), *longer = calloc(1, size + 8);
    assert_non_null(longer);
    memcpy(longer, bytes, size);
    for (size_t i = 0; i < size; i++) { /* its own block, so that a read past it shows */
        uint8_t *cut = malloc(i + 1);
        assert_non_null(cut);
        memcpy(cut, bytes, i);
        assert_refused(cut, i);
        free(cut);
    }
    for (size_t i = 1; i <= 8; i++) assert_refused(longer, size + i);
    free(bytes);
    free(longer);
    vg_moments_close(&moments);
    assert_int_equal(vg_moments_deserialize(&moments, NULL, 0, NULL), VG_EINVAL);
}

/* Numbers that no rows give, under a checksum that matches: they are set in moments
 * and serialised. */
static void assert_impossible(uint64_t count, double mean, double variance, double covariance)
{
    vg_moments *moments = open_moments(2);
    moments->count = count;
    moments->mean[1] = mean;
    moments->scatter[0] = moments->scatter[3] = variance;
    moments->scatter[1] = covariance;
    uint8_t *bytes = bytes_of(moments);
    assert_refused(bytes, vg_moments_serialized_size(moments));
    free(bytes);
    vg_moments_close(&moments);
}

static void test_impossible_numbers_are_refused(void **state)
{
    (void)state;
    assert_impossible(5, 0, -1, 0);
    assert_impossible(5, 0, NAN, 0);
    assert_impossible(5, 0, INFINITY, 0);
    assert_impossible(5, 0, 1, NAN);
    assert_impossible(5, 0, 1, INFINITY);
    assert_impossible(5, 0, 1, 1.1);
    assert_impossible(5, 0, 0, 1e-300);
    assert_impossible(5, NAN, 1, 0);
    assert_impossible(5, INFINITY, 1, 0);
    assert_impossible(0, 1, 0, 0);
    assert_impossible(1, 1, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_refuses_dimensions_out_of_range),
        cmocka_unit_test(test_close_takes_null),
        cmocka_unit_test(test_a_row_that_is_not_finite_changes_nothing),
        cmocka_unit_test(test_adding_no_rows),
        cmocka_unit_test(test_batch_sizes_do_not_show),
        cmocka_unit_test(test_threads_do_not_show),
        cmocka_unit_test(test_blocks_read_in_place_do_not_show),
        cmocka_unit_test(test_the_first_bad_row_is_named_by_any_number_of_threads),
        cmocka_unit_test(test_equal_rows_have_no_scatter),
        cmocka_unit_test(test_merging_parts_gives_the_whole),
        cmocka_unit_test(test_merging_with_itself_doubles),
        cmocka_unit_test(test_merging_empty_moments),
        cmocka_unit_test(test_merging_other_dimensions),
        cmocka_unit_test(test_more_rows_than_can_be_counted),
        cmocka_unit_test(test_a_copy_goes_on_as_the_original),
        cmocka_unit_test(test_bytes_are_those_of_the_format),
        cmocka_unit_test(test_every_changed_byte_is_noticed),
        cmocka_unit_test(test_other_sizes_are_refused),
        cmocka_unit_test(test_impossible_numbers_are_refused),
    };
    return cmocka_run_group_tests(tests, fill_rows, NULL);
}
