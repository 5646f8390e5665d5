/* k-means, silhouettes and agreement, held against scikit-learn 1.9. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verger/verger.h"

enum { ROWS = 90, DIMS = 7, CLASSES = 4, K = 5 };

/* KMeans(5, init=the first five rows, n_init=1) */
static const int32_t expected_labels[ROWS] = {
    0, 1, 2, 3, 4, 1, 2, 0, 4, 1, 2, 3, 0, 1, 2, 3, 4, 1, 2, 3, 0, 1, 2, 3, 4, 1, 2, 3, 4, 1,
    2, 3, 4, 1, 2, 3, 0, 1, 2, 3, 4, 1, 2, 3, 0, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3,
    0, 1, 2, 3, 0, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1};
static const double expected_inertia = 49.648012019539;
static const double expected_silhouette = 0.254546082017879;

typedef struct fixture {
    float rows[ROWS][DIMS];
    int32_t classes[ROWS];
    double start[K][DIMS];
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
        f->classes[i] = i % CLASSES;
        for (int d = 0; d < DIMS; d++)
            f->rows[i][d] = noise(&random) + (d == i % CLASSES ? 1.0f : 0.0f);
    }
    for (int c = 0; c < K; c++)
        for (int d = 0; d < DIMS; d++) f->start[c][d] = (double)f->rows[c][d];
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static vg_kmeans_result part(const fixture *f, int threads, const double *start,
                             int32_t labels[ROWS], double centres[K][DIMS])
{
    vg_kmeans_options options;
    vg_kmeans_result result;
    vg_error error = {""};
    vg_kmeans_options_default(&options);
    options.threads = threads;
    options.start = start;
    if (vg_kmeans(f->rows[0], ROWS, DIMS, K, &options, labels, centres[0], &result, &error) !=
        VG_OK)
        fail_msg("%s", error.message);
    return result;
}

static void assert_close(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) fail_msg("%.15g, not %.15g", found, expected);
}

static void test_the_same_start_gives_the_same_labels(void **state)
{
    const fixture *f = *state;
    int32_t labels[ROWS];
    double centres[K][DIMS];
    vg_kmeans_result result = part(f, 1, f->start[0], labels, centres);
    assert_memory_equal(labels, expected_labels, sizeof labels);
    assert_close(result.inertia, expected_inertia, 1e-9);
    assert_int_equal(result.iterations, 5);
}

static void test_the_same_bits_on_any_threads(void **state)
{
    const fixture *f = *state;
    int32_t labels[2][ROWS];
    double centres[2][K][DIMS];
    vg_kmeans_result one = part(f, 1, NULL, labels[0], centres[0]);
    vg_kmeans_result three = part(f, 3, NULL, labels[1], centres[1]);
    assert_memory_equal(labels[0], labels[1], sizeof labels[0]);
    assert_memory_equal(centres[0], centres[1], sizeof centres[0]);
    assert_true(one.inertia == three.inertia);
    /* The best of ten seeds is no worse than the first rows. */
    assert_true(one.inertia <= expected_inertia);
}

static void test_a_cluster_without_rows_gets_one(void **state)
{
    const fixture *f = *state;
    int32_t labels[ROWS];
    double centres[K][DIMS], far[K][DIMS];
    int sizes[K] = {0};
    memcpy(far, f->start, sizeof far);
    for (int d = 0; d < DIMS; d++) far[2][d] = 1000.0;
    part(f, 1, far[0], labels, centres);
    for (int i = 0; i < ROWS; i++) sizes[labels[i]]++;
    for (int c = 0; c < K; c++) assert_true(sizes[c] > 0);
}

static void test_as_many_clusters_as_rows(void **state)
{
    const fixture *f = *state;
    static double centres[ROWS][DIMS];
    int32_t labels[ROWS];
    vg_kmeans_result result;
    assert_int_equal(
        vg_kmeans(f->rows[0], ROWS, DIMS, ROWS, NULL, labels, centres[0], &result, NULL), VG_OK);
    assert_close(result.inertia, 0.0, 1e-9);
}

static void test_silhouette(void **state)
{
    const fixture *f = *state;
    double found;
    assert_int_equal(vg_silhouette(f->rows[0], ROWS, DIMS, expected_labels, K, &found, NULL),
                     VG_OK);
    assert_close(found, expected_silhouette, 1e-12);
    const int32_t one[ROWS] = {0};
    assert_int_equal(vg_silhouette(f->rows[0], ROWS, DIMS, one, K, &found, NULL), VG_EINVAL);
}

static void assert_agreement(const vg_agreement *found, const double expected[6])
{
    const double values[6] = {found->purity,      found->adjusted_rand, found->adjusted_information,
                              found->homogeneity, found->completeness,  found->v_measure};
    for (int i = 0; i < 6; i++) assert_close(values[i], expected[i], 1e-12);
}

static void test_agreement(void **state)
{
    enum { MANY = 3000 };
    const fixture *f = *state;
    static int32_t classes[MANY], clusters[MANY];
    const double near[6] = {0.988888888888889, 0.900212460076975, 0.915665870984992,
                            0.975837276313192, 0.869925498419604, 0.919842723663202};
    const double by_chance[6] = {0.0866666666666667, -0.00083779323081679, -0.00449951907041605,
                                 0.022542032159438,  0.022467076916807,    0.0225044921253297};
    vg_agreement found;
    assert_int_equal(
        vg_agreement_measure(f->classes, CLASSES, expected_labels, K, ROWS, &found, NULL), VG_OK);
    assert_agreement(&found, near);
    for (int i = 0; i < MANY; i++) {
        classes[i] = i * i / 97 % 23;
        clusters[i] = i / 131;
    }
    assert_int_equal(vg_agreement_measure(classes, 23, clusters, 23, MANY, &found, NULL), VG_OK);
    assert_agreement(&found, by_chance);
    /* The same partition is one, by other names too. */
    for (int i = 0; i < MANY; i++) clusters[i] = 22 - classes[i];
    assert_int_equal(vg_agreement_measure(classes, 23, clusters, 23, MANY, &found, NULL), VG_OK);
    assert_agreement(&found, (const double[6]){1.0, 1.0, 1.0, 1.0, 1.0, 1.0});
}

static void test_what_is_refused(void **state)
{
    const fixture *f = *state;
    int32_t labels[ROWS];
    double centres[K][DIMS];
    vg_kmeans_result result;
    vg_agreement agreement;
    vg_error error = {""};
    assert_int_equal(
        vg_kmeans(f->rows[0], ROWS, DIMS, ROWS + 1, NULL, labels, centres[0], &result, &error),
        VG_EINVAL);
    assert_string_equal(error.message, "91 clusters of 90 rows: ask for 1 to as many as rows");
    assert_int_equal(vg_kmeans(NULL, ROWS, DIMS, K, NULL, labels, centres[0], &result, &error),
                     VG_EINVAL);
    assert_int_equal(vg_kmeans(f->rows[0], ROWS, DIMS, K, NULL, NULL, centres[0], &result, &error),
                     VG_EINVAL);
    assert_int_equal(
        vg_agreement_measure(f->classes, 2, expected_labels, K, ROWS, &agreement, &error),
        VG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_start_gives_the_same_labels),
        cmocka_unit_test(test_the_same_bits_on_any_threads),
        cmocka_unit_test(test_a_cluster_without_rows_gets_one),
        cmocka_unit_test(test_as_many_clusters_as_rows),
        cmocka_unit_test(test_silhouette),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
