/* Class moments and linear discriminants, held against scikit-learn 1.9: LinearDiscriminantAnalysis
 * with solver lsqr, ledoit_wolf_shrinkage with assume_centered. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verger/verger.h"

enum { ROWS = 66, DIMS = 19, CLASSES = 3 };

static const double shrunk_weights[CLASSES][DIMS] = {
    {12.9667156466, -0.0787559484755, -1.10409931427, -0.501687856321, 1.55976567716,
     -0.882519488697, -0.282765866128, -3.319129716, 0.554550807824, 0.612784190427, -1.12175565992,
     -1.33445396511, -0.673479787058, 0.410578036459, 0.373911105391, -0.371064544119,
     2.69977280583, -2.85318254372, 0.514074817939},
    {-0.795825973189, 16.1971118143, -4.06281495784, 0.275626866925, 0.550205645132, -1.51109553877,
     0.305905268342, -0.829750994966, -2.53818352728, -1.05916639867, -1.59640430876,
     0.450215249744, -2.05617046894, -3.41417690857, -0.588010494694, 2.13678023375, 0.703300187571,
     -0.900851676035, -0.27762564349},
    {1.00946639088, -5.85818668091, 13.3658956343, -0.395989649776, 1.86896808123, 0.672000266318,
     -0.912939216647, -0.180371572583, 1.92065900638, -0.173954735334, 4.57496806961,
     -1.08001455239, 0.922927886967, 0.0350593425058, 1.00136427058, 2.39947379147, -0.281867042093,
     -0.493921543261, -1.30331086572}};
static const double shrunk_bias[CLASSES] = {-7.56293103777, -9.29290521124, -8.42670068894};
static const double plain_bias[CLASSES] = {-7.81288717104, -9.86189103844, -8.79846794046};
static const double best_shrinkage = 0.983720568495;

typedef struct fixture {
    float rows[ROWS][DIMS];
    int32_t classes[ROWS];
    vg_class_moments *moments;
} fixture;

static float noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / (float)(1 << 24) - 0.5f;
}

static vg_class_moments *moments_of(const fixture *f, size_t first, size_t end)
{
    vg_class_moments *moments;
    assert_int_equal(vg_class_moments_open(&moments, DIMS, CLASSES, NULL), VG_OK);
    assert_int_equal(
        vg_class_moments_add(moments, end - first, f->rows[first], f->classes + first, NULL),
        VG_OK);
    return moments;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    uint32_t random = 7;
    for (int i = 0; i < ROWS; i++) {
        f->classes[i] = i % CLASSES;
        for (int d = 0; d < DIMS; d++)
            f->rows[i][d] = noise(&random) + (d == i % CLASSES ? 1.0f : 0.0f);
    }
    f->moments = moments_of(f, 0, ROWS);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    vg_class_moments_close(&f->moments);
    free(f);
    return 0;
}

static void assert_near(const double *found, const double *expected, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(found[i] - expected[i]) <= tolerance))
            fail_msg("value %zu is %.12g, not %.12g", i, found[i], expected[i]);
}

static void fit(const vg_class_moments *moments, double shrinkage, double weights[CLASSES][DIMS],
                double bias[CLASSES])
{
    vg_error error = {""};
    if (vg_lda_fit(moments, shrinkage, weights[0], bias, &error) != VG_OK)
        fail_msg("%s", error.message);
}

static void test_weights(void **state)
{
    const fixture *f = *state;
    double weights[CLASSES][DIMS], bias[CLASSES];
    fit(f->moments, 0.1, weights, bias);
    assert_near(weights[0], shrunk_weights[0], (size_t)CLASSES * DIMS, 1e-9);
    assert_near(bias, shrunk_bias, CLASSES, 1e-9);
    fit(f->moments, 0.0, weights, bias);
    assert_near(bias, plain_bias, CLASSES, 1e-9);
}

static void test_shrinkage(void **state)
{
    const fixture *f = *state;
    double found;
    assert_int_equal(
        vg_class_moments_shrinkage(f->moments, ROWS, f->rows[0], f->classes, &found, NULL), VG_OK);
    assert_near(&found, &best_shrinkage, 1, 1e-9);
    assert_int_equal(
        vg_class_moments_shrinkage(f->moments, ROWS - 1, f->rows[0], f->classes, &found, NULL),
        VG_EINVAL);
}

static void test_merging(void **state)
{
    const fixture *f = *state;
    double whole[DIMS][DIMS], merged[DIMS][DIMS];
    vg_class_moments *left = moments_of(f, 0, 20), *right = moments_of(f, 20, ROWS);
    assert_int_equal(vg_class_moments_merge(left, right, NULL), VG_OK);
    assert_int_equal(vg_class_moments_scatter(f->moments, whole[0], NULL), VG_OK);
    assert_int_equal(vg_class_moments_scatter(left, merged[0], NULL), VG_OK);
    assert_near(merged[0], whole[0], (size_t)DIMS * DIMS, 1e-12);
    for (int c = 0; c < CLASSES; c++) {
        assert_int_equal(vg_class_moments_count(left, c), ROWS / CLASSES);
        assert_near(vg_class_moments_mean(left, c), vg_class_moments_mean(f->moments, c), DIMS,
                    1e-14);
    }
    vg_class_moments_close(&left);
    vg_class_moments_close(&right);
}

static void *bytes_of(const vg_class_moments *moments, size_t *size)
{
    *size = vg_class_moments_serialized_size(moments);
    void *bytes = malloc(*size);
    assert_non_null(bytes);
    vg_class_moments_serialize(moments, bytes);
    return bytes;
}

/* What came by bytes merges to the same bits as what did not. */
static void test_bytes(void **state)
{
    const fixture *f = *state;
    size_t size, merged_size, other_size;
    vg_class_moments *left = moments_of(f, 0, 20), *right = moments_of(f, 20, ROWS), *come = NULL;
    void *sent = bytes_of(right, &size);
    assert_int_equal(size, 24 + 8 * CLASSES * (1 + DIMS) + 8 +
                               vg_moments_serialized_size(vg_class_moments_all(right)));
    assert_int_equal(vg_class_moments_deserialize(&come, sent, size, NULL), VG_OK);
    assert_int_equal(vg_class_moments_merge(left, come, NULL), VG_OK);
    vg_class_moments *plain = moments_of(f, 0, 20);
    assert_int_equal(vg_class_moments_merge(plain, right, NULL), VG_OK);
    void *merged = bytes_of(left, &merged_size), *other = bytes_of(plain, &other_size);
    assert_int_equal(merged_size, other_size);
    assert_memory_equal(merged, other, merged_size);
    free(sent);
    free(merged);
    free(other);
    vg_class_moments_close(&left);
    vg_class_moments_close(&right);
    vg_class_moments_close(&come);
    vg_class_moments_close(&plain);
}

static void test_damaged_bytes(void **state)
{
    const fixture *f = *state;
    size_t size;
    uint8_t *bytes = bytes_of(f->moments, &size);
    vg_class_moments *come = NULL;
    vg_error error = {""};
    for (size_t i = 0; i < size; i += 7) {
        bytes[i] ^= 0x40;
        assert_int_equal(vg_class_moments_deserialize(&come, bytes, size, &error), VG_EFORMAT);
        assert_null(come);
        bytes[i] ^= 0x40;
    }
    for (size_t cut = 0; cut < size; cut += 11)
        assert_int_equal(vg_class_moments_deserialize(&come, bytes, cut, &error), VG_EFORMAT);
    assert_int_equal(vg_class_moments_deserialize(&come, NULL, size, &error), VG_EINVAL);
    assert_int_equal(vg_class_moments_deserialize(NULL, bytes, size, &error), VG_EINVAL);
    free(bytes);
}

static void test_shrinkage_by_parts(void **state)
{
    const fixture *f = *state;
    double sum = 0.0, found;
    assert_int_equal(
        vg_class_moments_add_fourth_powers(f->moments, 20, f->rows[0], f->classes, &sum, NULL),
        VG_OK);
    assert_int_equal(vg_class_moments_add_fourth_powers(f->moments, ROWS - 20, f->rows[20],
                                                        f->classes + 20, &sum, NULL),
                     VG_OK);
    assert_int_equal(vg_class_moments_shrinkage_of(f->moments, sum, &found, NULL), VG_OK);
    assert_near(&found, &best_shrinkage, 1, 1e-9);
    const int32_t beyond = CLASSES;
    vg_error error = {""};
    assert_int_equal(
        vg_class_moments_add_fourth_powers(f->moments, 1, f->rows[0], &beyond, &sum, &error),
        VG_EINVAL);
    assert_string_equal(error.message, "row 0: class 3 is not in the moments");
    assert_int_equal(vg_class_moments_shrinkage_of(f->moments, -1.0, &found, &error), VG_EINVAL);
}

/* The scatter from its definition, row by row. */
static void test_scatter(void **state)
{
    const fixture *f = *state;
    double expected[DIMS][DIMS] = {{0}}, found[DIMS][DIMS];
    for (int i = 0; i < ROWS; i++) {
        const double *mean = vg_class_moments_mean(f->moments, f->classes[i]);
        for (int a = 0; a < DIMS; a++)
            for (int b = 0; b < DIMS; b++)
                expected[a][b] +=
                    ((double)f->rows[i][a] - mean[a]) * ((double)f->rows[i][b] - mean[b]);
    }
    assert_int_equal(vg_class_moments_scatter(f->moments, found[0], NULL), VG_OK);
    assert_near(found[0], expected[0], (size_t)DIMS * DIMS, 1e-12);
}

static void test_what_is_refused(void **state)
{
    const fixture *f = *state;
    double weights[CLASSES][DIMS], bias[CLASSES];
    vg_error error = {""};
    const int32_t beyond = CLASSES;
    assert_int_equal(vg_class_moments_add(f->moments, 1, f->rows[0], &beyond, &error), VG_EINVAL);
    assert_string_equal(error.message, "row 0: class 3, must be 0 to 2");
    assert_int_equal(vg_lda_fit(f->moments, 1.5, weights[0], bias, &error), VG_EINVAL);

    vg_class_moments *few = moments_of(f, 0, 1);
    assert_int_equal(vg_lda_fit(few, 0.1, weights[0], bias, &error), VG_EINVAL);
    assert_string_equal(error.message, "there is one class alone: nothing to tell apart");
    vg_class_moments_close(&few);
    few = moments_of(f, 0, 6);
    assert_int_equal(vg_lda_fit(few, 0.0, weights[0], bias, &error), VG_EINVAL);
    assert_non_null(strstr(error.message, "give a shrinkage above 0"));
    assert_int_equal(vg_lda_fit(few, 0.5, weights[0], bias, &error), VG_OK);
    vg_class_moments_close(&few);
}

static void test_a_class_without_rows_takes_no_part(void **state)
{
    const fixture *f = *state;
    double weights[CLASSES][DIMS], bias[CLASSES];
    vg_class_moments *two = moments_of(f, 0, 2);
    for (size_t i = 3; i < ROWS; i += CLASSES)
        assert_int_equal(vg_class_moments_add(two, 2, f->rows[i], f->classes + i, NULL), VG_OK);
    fit(two, 0.1, weights, bias);
    assert_true(isfinite(bias[0]) && isfinite(bias[1]) && isinf(bias[2]) && bias[2] < 0.0);
    vg_class_moments_close(&two);
}

static void test_closed_objects_are_answered(void **state)
{
    const fixture *f = *state;
    vg_class_moments *closed = NULL;
    double weights[CLASSES][DIMS], bias[CLASSES];
    vg_error error = {""};
    vg_class_moments_close(&closed);
    assert_int_equal(vg_class_moments_dims(closed) + vg_class_moments_classes(closed), 0);
    assert_int_equal(vg_class_moments_count(closed, 0), 0);
    assert_null(vg_class_moments_mean(closed, 0));
    assert_null(vg_class_moments_all(closed));
    assert_int_equal(vg_class_moments_serialized_size(closed), 0);
    assert_int_equal(vg_class_moments_add(closed, 1, f->rows[0], f->classes, &error), VG_EINVAL);
    assert_int_equal(vg_class_moments_merge(f->moments, closed, &error), VG_EINVAL);
    assert_int_equal(vg_class_moments_scatter(closed, weights[0], &error), VG_EINVAL);
    assert_int_equal(vg_lda_fit(closed, 0.1, weights[0], bias, &error), VG_EINVAL);
    assert_non_null(strstr(error.message, "vg_lda_fit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_shrinkage),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_damaged_bytes),
        cmocka_unit_test(test_shrinkage_by_parts),
        cmocka_unit_test(test_scatter),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_closed_objects_are_answered),
        cmocka_unit_test(test_a_class_without_rows_takes_no_part),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
