/* PCA: ranks, signs, arguments, and a projection in which batches do not show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verger/verger.h"

static float random_value(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (float)(*seed >> 8) / 16777216.0F - 0.5F;
}

static vg_moments *moments_of(size_t n, int dims, const float *rows)
{
    vg_moments *moments;
    assert_int_equal(vg_moments_open(&moments, dims, NULL), VG_OK);
    assert_int_equal(vg_moments_add(moments, n, rows, NULL), VG_OK);
    return moments;
}

static vg_pca *fit_rows(size_t n, int dims, const float *rows, int k)
{
    vg_moments *moments = moments_of(n, dims, rows);
    vg_pca *pca;
    assert_int_equal(vg_pca_fit(&pca, moments, k, NULL), VG_OK);
    assert_int_equal(vg_pca_dims(pca), dims);
    assert_int_equal(vg_pca_components(pca), k);
    vg_moments_close(&moments);
    return pca;
}

/* Orthonormal, by descending share, the largest entry positive. */
static void assert_well_formed(const vg_pca *pca)
{
    int dims = vg_pca_dims(pca), k = vg_pca_components(pca);
    const double *matrix = vg_pca_matrix(pca), *explained = vg_pca_explained_variance(pca);
    for (int i = 0; i < k; i++) {
        const double *component = matrix + i * dims;
        for (int j = 0; j <= i; j++) {
            double product = 0;
            for (int d = 0; d < dims; d++) product += component[d] * matrix[j * dims + d];
            assert_true(fabs(product - (i == j)) < 1e-12);
        }
        int largest = 0;
        for (int d = 1; d < dims; d++)
            if (fabs(component[d]) > fabs(component[largest])) largest = d;
        assert_true(component[largest] > 0);
        assert_true(explained[i] >= 0 && explained[i] <= 1);
        if (i > 0) assert_true(explained[i] <= explained[i - 1]);
    }
}

static int rank_of(const vg_pca *pca)
{
    int rank = 0;
    for (int i = 0; i < vg_pca_components(pca); i++) rank += vg_pca_explained_variance(pca)[i] > 0;
    return rank;
}

static void test_a_line(void **state)
{
    (void)state;
    const float line[4][2] = {{3, 0}, {2, 0.5F}, {1, 1}, {-1, 2}}; /* along (2, -1) */
    vg_pca *pca = fit_rows(4, 2, line[0], 2);
    assert_well_formed(pca);
    const double *matrix = vg_pca_matrix(pca);
    assert_true(fabs(matrix[0] - 2 / sqrt(5)) < 1e-15);
    assert_true(fabs(matrix[1] + 1 / sqrt(5)) < 1e-15);
    assert_true(fabs(vg_pca_explained_variance(pca)[0] - 1) < 1e-15);
    assert_true(vg_pca_explained_variance(pca)[1] == 0);

    double projected[4][2]; /* rows are not centred */
    assert_int_equal(vg_pca_project(pca, 4, line[0], projected[0], NULL), VG_OK);
    assert_true(fabs(projected[0][0] - 6 / sqrt(5)) < 1e-14);
    assert_true(fabs(projected[3][0] - -4 / sqrt(5)) < 1e-14);
    vg_pca_close(&pca);
    assert_null(pca);
    vg_pca_close(&pca);
}

static void test_equal_magnitudes_take_the_first(void **state)
{
    (void)state;
    const float rows[2][2] = {{-1, 1}, {1, -1}};
    vg_pca *pca = fit_rows(2, 2, rows[0], 1);
    const double *component = vg_pca_matrix(pca);
    int first_is_largest = fabs(component[0]) >= fabs(component[1]);
    assert_true(component[first_is_largest ? 0 : 1] > 0);
    vg_pca_close(&pca);
}

static void test_equal_rows_explain_nothing(void **state)
{
    (void)state;
    float rows[300][40];
    for (int i = 0; i < 300; i++)
        for (int j = 0; j < 40; j++) rows[i][j] = 0.1F * (float)j;
    const int components[] = {1, 7, 40};
    for (size_t i = 0; i < 3; i++) {
        vg_pca *pca = fit_rows(300, 40, rows[0], components[i]);
        assert_well_formed(pca);
        assert_int_equal(rank_of(pca), 0);
        vg_pca_close(&pca);
    }
}

static void test_components_beyond_the_rank_explain_nothing(void **state)
{
    (void)state;
    enum { DIMS = 200 };
    static float rows[120][DIMS];
    uint32_t seed = 7;
    for (int i = 0; i < 120; i++)
        for (int j = 0; j < DIMS; j++) rows[i][j] = random_value(&seed);
    const int components[] = {1, 50, 119, 120, 199, 200};
    for (size_t i = 0; i < sizeof components / sizeof *components; i++) {
        int k = components[i];
        vg_pca *pca = fit_rows(120, DIMS, rows[0], k);
        assert_well_formed(pca);
        assert_int_equal(rank_of(pca), k < 119 ? k : 119);
        vg_pca_close(&pca);

        for (int row = 3; row < 120; row++) /* three kinds of rows: rank 2 */
            memcpy(rows[row], rows[row % 3], sizeof rows[row]);
        pca = fit_rows(120, DIMS, rows[0], k);
        assert_well_formed(pca);
        assert_int_equal(rank_of(pca), k < 2 ? k : 2);
        vg_pca_close(&pca);
        for (int row = 0; row < 120; row++)
            for (int j = 0; j < DIMS; j++) rows[row][j] = random_value(&seed);
    }
}

static void test_duplicated_and_constant_columns(void **state)
{
    (void)state;
    float rows[500][6];
    uint32_t seed = 3;
    for (int i = 0; i < 500; i++) {
        rows[i][0] = rows[i][1] = random_value(&seed);
        rows[i][2] = 2 * rows[i][0];
        rows[i][3] = random_value(&seed);
        rows[i][4] = 123.456F;
        rows[i][5] = 0;
    }
    vg_pca *pca = fit_rows(500, 6, rows[0], 6);
    assert_well_formed(pca);
    assert_int_equal(rank_of(pca), 2);
    vg_pca_close(&pca);
}

static void test_extreme_scales(void **state)
{
    (void)state;
    const float scales[] = {1e-30F, 1, 1e37F};
    for (size_t s = 0; s < 3; s++) {
        float rows[50][3];
        uint32_t seed = 5;
        for (int i = 0; i < 50; i++)
            for (int j = 0; j < 3; j++) rows[i][j] = scales[s] * random_value(&seed);
        vg_pca *pca = fit_rows(50, 3, rows[0], 3);
        assert_well_formed(pca);
        assert_int_equal(rank_of(pca), 3);
        vg_pca_close(&pca);
    }
}

static void test_fit_refuses(void **state)
{
    (void)state;
    const float rows[3][2] = {{1, 2}, {2, 1}, {3, 3}};
    vg_pca *pca = (vg_pca *)&rows;
    vg_error error;
    for (size_t n = 0; n < 2; n++) {
        vg_moments *few = moments_of(n, 2, rows[0]);
        assert_int_equal(vg_pca_fit(&pca, few, 1, &error), VG_EINVAL);
        assert_null(pca);
        assert_string_equal(error.message, n == 0 ? "PCA needs at least two rows, there are none"
                                                  : "PCA needs at least two rows, there is one");
        vg_moments_close(&few);
    }
    vg_moments *moments = moments_of(3, 2, rows[0]);
    const int refused[] = {0, -1, 3, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(vg_pca_fit(&pca, moments, refused[i], &error), VG_EINVAL);
        assert_null(pca);
        assert_non_null(strstr(error.message, "must be 1 to 2"));
    }
    vg_moments_close(&moments);
}

static void test_one_dimension(void **state)
{
    (void)state;
    const float rows[3] = {1, 2, 4};
    vg_pca *pca = fit_rows(3, 1, rows, 1);
    assert_true(vg_pca_matrix(pca)[0] == 1);
    assert_true(vg_pca_explained_variance(pca)[0] == 1);
    vg_pca_close(&pca);
}

static void test_batches_do_not_show_in_a_projection(void **state)
{
    (void)state;
    enum { ROWS = 70, DIMS = 333, K = 17 }; /* no multiple of a block */
    static float rows[ROWS][DIMS];
    static double whole[ROWS][K], parts[ROWS][K];
    uint32_t seed = 11;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < DIMS; j++) rows[i][j] = random_value(&seed);
    vg_pca *pca = fit_rows(ROWS, DIMS, rows[0], K);
    assert_int_equal(vg_pca_project(pca, ROWS, rows[0], whole[0], NULL), VG_OK);
    for (size_t size = 1; size < ROWS; size++) {
        memset(parts, 0, sizeof parts);
        for (size_t start = 0; start < ROWS; start += size) {
            size_t n = ROWS - start < size ? ROWS - start : size;
            assert_int_equal(vg_pca_project(pca, n, rows[start], parts[start], NULL), VG_OK);
        }
        assert_memory_equal(parts, whole, sizeof whole);
    }
    assert_int_equal(vg_pca_project(pca, 0, NULL, NULL, NULL), VG_OK);
    assert_int_equal(vg_pca_project(pca, 1, NULL, whole[0], NULL), VG_EINVAL);
    vg_pca_close(&pca);
}

static void test_opened_again(void **state)
{
    (void)state;
    enum { ROWS = 9, DIMS = 13, K = 3 };
    float rows[ROWS * DIMS];
    uint32_t seed = 5;
    for (size_t i = 0; i < ROWS * DIMS; i++) rows[i] = random_value(&seed);
    vg_pca *fitted = fit_rows(ROWS, DIMS, rows, K), *opened = NULL;
    const double *matrix = vg_pca_matrix(fitted), *explained = vg_pca_explained_variance(fitted);
    assert_int_equal(vg_pca_open(&opened, DIMS, K, matrix, explained, NULL), VG_OK);
    assert_memory_equal(vg_pca_matrix(opened), matrix, sizeof(double) * DIMS * K);
    assert_memory_equal(vg_pca_explained_variance(opened), explained, sizeof(double) * K);

    double expected[ROWS * K], projected[ROWS * K];
    assert_int_equal(vg_pca_project(fitted, ROWS, rows, expected, NULL), VG_OK);
    assert_int_equal(vg_pca_project(opened, ROWS, rows, projected, NULL), VG_OK);
    assert_memory_equal(projected, expected, sizeof expected);
    vg_pca_close(&opened);
    vg_pca_close(&fitted);
}

static void test_open_refuses(void **state)
{
    (void)state;
    vg_pca *pca = NULL;
    const double good[] = {1, 0, 0, 1}, bad[] = {1, 0, (double)NAN, 1}, explained[] = {0.75, 0.25};
    vg_error error;
    assert_int_equal(vg_pca_open(&pca, 2, 2, NULL, explained, &error), VG_EINVAL);
    assert_int_equal(vg_pca_open(&pca, 2, 3, good, explained, &error), VG_EINVAL);
    assert_non_null(strstr(error.message, "3 components of 2 dimensions"));
    assert_int_equal(vg_pca_open(&pca, 0, 1, good, explained, &error), VG_EINVAL);
    assert_int_equal(vg_pca_open(&pca, 1 << 30, 1, good, explained, &error), VG_EINVAL);
    assert_int_equal(vg_pca_open(&pca, 2, 2, bad, explained, &error), VG_EINVAL);
    assert_non_null(strstr(error.message, "NaN"));
    assert_null(pca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line),
        cmocka_unit_test(test_equal_magnitudes_take_the_first),
        cmocka_unit_test(test_equal_rows_explain_nothing),
        cmocka_unit_test(test_components_beyond_the_rank_explain_nothing),
        cmocka_unit_test(test_duplicated_and_constant_columns),
        cmocka_unit_test(test_extreme_scales),
        cmocka_unit_test(test_fit_refuses),
        cmocka_unit_test(test_one_dimension),
        cmocka_unit_test(test_batches_do_not_show_in_a_projection),
        cmocka_unit_test(test_opened_again),
        cmocka_unit_test(test_open_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
