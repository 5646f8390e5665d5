/* vg_linkage: complete linkage, held against the plain O(n^3) form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explore/linkage.h"

enum { ROWS = 40 };

static const float far_away = 1e9f;

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Distances of all pairs; some are not told. */
typedef struct table {
    float distance[ROWS][ROWS];
    vg_near_pair pairs[ROWS * ROWS];
    size_t count;
} table;

static void fill(table *t, uint32_t seed)
{
    t->count = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        for (uint32_t j = i + 1; j < ROWS; j++) {
            bool is_told = next_random(&seed) % 4 != 0 || i / 5 == j / 5;
            float distance = (float)(next_random(&seed) % 100000) + (i / 5 == j / 5 ? 1.0f : 5e4f);
            t->distance[i][j] = t->distance[j][i] = is_told ? distance : far_away;
            if (!is_told) continue;
            t->pairs[t->count++] = (vg_near_pair){i, j, distance};
            if (j % 3 == 0) t->pairs[t->count++] = (vg_near_pair){i, j, distance};
        }
    }
}

/* Of all pairs of groups the one with the smallest largest distance, again and again. */
static void link_plainly(const table *t, float limit, int group_of[ROWS])
{
    for (int i = 0; i < ROWS; i++) group_of[i] = i;
    for (;;) {
        float best = far_away;
        int left = -1, right = -1;
        for (int a = 0; a < ROWS; a++) {
            for (int b = a + 1; b < ROWS; b++) {
                float widest = -1.0f;
                for (int i = 0; i < ROWS; i++)
                    for (int j = 0; j < ROWS; j++)
                        if (group_of[i] == a && group_of[j] == b && t->distance[i][j] > widest)
                            widest = t->distance[i][j];
                if (widest < 0.0f || widest >= best) continue;
                best = widest;
                left = a;
                right = b;
            }
        }
        if (left < 0 || best > limit) return;
        for (int i = 0; i < ROWS; i++)
            if (group_of[i] == right) group_of[i] = left;
    }
}

static void test_against_the_plain_form(void **state)
{
    (void)state;
    table *t = calloc(1, sizeof *t);
    for (uint32_t seed = 1; seed <= 20; seed++) {
        vg_linkage linkage;
        fill(t, seed);
        assert_int_equal(vg_linkage_make(&linkage, t->pairs, t->count, ROWS, NULL, NULL), VG_OK);
        for (float limit = 1e4f; limit < 2e5f; limit += 3e4f) {
            int expected[ROWS];
            uint32_t groups[ROWS];
            float diameters[ROWS];
            link_plainly(t, limit, expected);
            assert_int_equal(vg_linkage_cut(&linkage, (double)limit, groups, diameters, NULL),
                             VG_OK);
            for (int i = 0; i < ROWS; i++) {
                float widest = 0.0f;
                for (int j = 0; j < ROWS; j++) {
                    bool is_same = groups[i] == groups[j] && (groups[i] != 0 || i == j);
                    assert_int_equal(is_same, expected[i] == expected[j]);
                    if (!is_same) continue;
                    for (int l = 0; l < ROWS; l++)
                        if (j != l && expected[l] == expected[i] && t->distance[j][l] > widest)
                            widest = t->distance[j][l];
                }
                assert_true(diameters[i] == widest && widest <= limit);
            }
        }
        vg_linkage_free(&linkage);
    }
    free(t);
}

/* 1-2-3-4 in a row, each near the next alone: no chain. */
static void test_a_chain_is_no_group(void **state)
{
    (void)state;
    vg_near_pair pairs[] = {{0, 1, 1.0f}, {1, 2, 0.9f}, {2, 3, 1.0f}};
    vg_linkage linkage;
    uint32_t groups[4];
    float diameters[4];
    assert_int_equal(vg_linkage_make(&linkage, pairs, 3, 4, NULL, NULL), VG_OK);
    assert_int_equal(vg_linkage_cut(&linkage, 2.0, groups, diameters, NULL), VG_OK);
    const uint32_t expected[] = {0, 1, 1, 0};
    assert_memory_equal(groups, expected, sizeof expected);
    vg_linkage_free(&linkage);
}

/* More copies than anybody has neighbours are one group, and what is near one is near all. */
static void test_copies_are_one(void **state)
{
    (void)state;
    const uint32_t same_as[] = {0, 0, 0, 3, 0, 5, 5};
    vg_near_pair pairs[] = {{1, 3, 0.5f}, {2, 4, 0.0f}};
    vg_linkage linkage;
    uint32_t groups[7];
    float diameters[7];
    assert_int_equal(vg_linkage_make(&linkage, pairs, 2, 7, same_as, NULL), VG_OK);
    assert_int_equal(vg_linkage_cut(&linkage, 0.0, groups, diameters, NULL), VG_OK);
    const uint32_t exact[] = {1, 1, 1, 0, 1, 2, 2}, near[] = {2, 2, 2, 2, 2, 1, 1};
    assert_memory_equal(groups, exact, sizeof exact);
    assert_int_equal(vg_linkage_cut(&linkage, 0.5, groups, diameters, NULL), VG_OK);
    assert_memory_equal(groups, near, sizeof near);
    assert_true(diameters[3] == 0.5f && diameters[6] == 0.0f);
    vg_linkage_free(&linkage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_plain_form),
                                       cmocka_unit_test(test_a_chain_is_no_group),
                                       cmocka_unit_test(test_copies_are_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
