/* Distances from the nearest class mean, held against the plain formula. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "learn/class_moments.h"
#include "learn/novelty.h"

enum { ROWS = 300, CLASSES = 5, MOST_DIMS = 130 };

static float uniform(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / (float)(1 << 24) - 0.5F;
}

typedef struct world {
    int dims;
    float rows[ROWS * MOST_DIMS], mean[MOST_DIMS];
    int32_t classes[ROWS];
    size_t picks[ROWS];
    vg_class_moments *moments;
} world;

/* Class 3 has no rows. */
static void make_world(world *one, int dims)
{
    uint32_t random = 7;
    one->dims = dims;
    assert_int_equal(vg_class_moments_open(&one->moments, dims, CLASSES, NULL), VG_OK);
    for (int i = 0; i < ROWS; i++) {
        one->classes[i] = i % CLASSES == 3 ? 0 : i % CLASSES;
        one->picks[i] = (size_t)(ROWS - 1 - i);
        float shared = uniform(&random);
        for (int d = 0; d < dims; d++)
            one->rows[i * dims + d] =
                uniform(&random) * (float)(1 + d % 4) + shared + (float)(one->classes[i] * (d % 3));
    }
    assert_int_equal(vg_class_moments_add(one->moments, ROWS, one->rows, one->classes, NULL),
                     VG_OK);
    for (int d = 0; d < dims; d++) one->mean[d] = (float)vg_moments_mean(one->moments->all)[d];
}

/* x with matrix x = side, by elimination; both are overwritten. */
static void solve(double *matrix, double *side, int dims)
{
    for (int i = 0; i < dims; i++)
        for (int j = i + 1; j < dims; j++) {
            double share = matrix[j * dims + i] / matrix[i * dims + i];
            for (int k = i; k < dims; k++) matrix[j * dims + k] -= share * matrix[i * dims + k];
            side[j] -= share * side[i];
        }
    for (int i = dims; i-- > 0;) {
        for (int k = i + 1; k < dims; k++) side[i] -= matrix[i * dims + k] * side[k];
        side[i] /= matrix[i * dims + i];
    }
}

static double plain_distance(const world *one, double shrinkage, const float *row)
{
    static double covariance[MOST_DIMS * MOST_DIMS];
    double difference[MOST_DIMS], side[MOST_DIMS], least = INFINITY;
    for (int c = 0; c < CLASSES; c++) {
        double square = 0.0;
        if (vg_class_moments_count(one->moments, c) == 0) continue;
        assert_int_equal(vg_class_moments_covariance(one->moments, shrinkage, covariance, NULL),
                         VG_OK);
        for (int d = 0; d < one->dims; d++)
            side[d] = difference[d] = (double)row[d] - vg_class_mean(one->moments, c)[d];
        solve(covariance, side, one->dims);
        for (int d = 0; d < one->dims; d++) square += difference[d] * side[d];
        least = fmin(least, sqrt(square));
    }
    return least;
}

static void measure(const world *one, const vg_novelty *novelty, const vg_kernels *kernels,
                    size_t first, size_t count, double *distances)
{
    vg_novelty_gauge gauge;
    const vg_picked_rows rows = {.values = one->rows,
                                 .picks = one->picks + first,
                                 .count = count,
                                 .dims = one->dims,
                                 .mean = one->mean};
    assert_int_equal(vg_novelty_gauge_open(&gauge, novelty, kernels, NULL), VG_OK);
    float *room = calloc(vg_novelty_room(&gauge), sizeof *room);
    assert_non_null(room);
    for (size_t block = 0; block < vg_picked_blocks(&rows); block++)
        vg_novelty_block(&gauge, &rows, block, room, distances + block * VG_PICKED_BLOCK);
    free(room);
    vg_novelty_gauge_close(&gauge);
}

/* Numbers of dimensions with every remainder of a panel that matters. */
static void test_distances(void **state)
{
    (void)state;
    static const int dims[] = {1, 2, 8, 9, 16, 17, 24, 25, 31, 32, 33, 47, 48, 49, 64, 65, 80, 130};
    static world one;
    double distances[ROWS], alone;
    vg_kernels kernels;
    assert_int_equal(vg_kernels_choose(&kernels, NULL, NULL), VG_OK);
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        vg_novelty novelty;
        make_world(&one, dims[i]);
        assert_int_equal(vg_novelty_fit(&novelty, one.moments, 0.1, one.mean, &kernels, NULL),
                         VG_OK);
        assert_int_equal(novelty.classes, CLASSES - 1);
        measure(&one, &novelty, &kernels, 0, ROWS, distances);
        for (size_t r = 0; r < ROWS; r += 37) {
            double plain = plain_distance(&one, 0.1, one.rows + one.picks[r] * (size_t)one.dims);
            assert_true(fabs(distances[r] - plain) <= 1e-5 * (1.0 + plain));
            measure(&one, &novelty, &kernels, r, 1, &alone);
            assert_true(alone == distances[r]);
        }
        vg_novelty_close(&novelty);
        vg_class_moments_close(&one.moments);
    }
}

/* The same bits from every set of float32. */
static void test_every_kernel_set(void **state)
{
    (void)state;
    static world one;
    double expected[ROWS], distances[ROWS];
    const char *name;
    make_world(&one, 77);
    for (size_t i = 0; (name = vg_kernel_set(i)) != NULL; i++) {
        vg_kernels kernels;
        vg_novelty novelty;
        assert_int_equal(vg_kernels_choose(&kernels, name, NULL), VG_OK);
        assert_int_equal(vg_novelty_fit(&novelty, one.moments, 0.2, one.mean, &kernels, NULL),
                         VG_OK);
        measure(&one, &novelty, &kernels, 0, ROWS, i == 0 ? expected : distances);
        if (i > 0) assert_memory_equal(distances, expected, sizeof expected);
        vg_novelty_close(&novelty);
    }
    vg_class_moments_close(&one.moments);
}

static void test_rows_on_their_means_have_no_scatter(void **state)
{
    (void)state;
    const float rows[] = {1, 2, 1, 2, 3, 4, 3, 4}, mean[] = {2, 3};
    const int32_t classes[] = {0, 0, 1, 1};
    vg_kernels kernels;
    vg_class_moments *moments;
    vg_novelty novelty;
    assert_int_equal(vg_kernels_choose(&kernels, NULL, NULL), VG_OK);
    assert_int_equal(vg_class_moments_open(&moments, 2, 2, NULL), VG_OK);
    assert_int_equal(vg_class_moments_add(moments, 4, rows, classes, NULL), VG_OK);
    assert_int_equal(vg_novelty_fit(&novelty, moments, 0.5, mean, &kernels, NULL), VG_EFORMAT);
    assert_int_equal(novelty.classes, 0);
    vg_class_moments_close(&moments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_every_kernel_set),
        cmocka_unit_test(test_rows_on_their_means_have_no_scatter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
