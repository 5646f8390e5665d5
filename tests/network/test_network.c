/* The network against itself written plainly, for every kernel set and for strips
 * of any height. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "dense_network.h"
#include "model/network.h"

enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3 };

typedef struct fixture {
    vg_weights *weights;
    uint8_t rgb[RGB_BYTES];
    double expected[VG_FEATURE_COUNT];
} fixture;

static int open_fixture(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    vg_error error;
    if (f == NULL || vg_weights_seeded(&f->weights, 11, &error) != VG_OK) return -1;
    uint32_t noise = 1;
    for (int i = 0; i < RGB_BYTES; i++) {
        noise = noise * 1664525U + 1013904223U;
        f->rgb[i] = (uint8_t)(noise >> 24);
    }
    dense_forward(f->weights, f->rgb, f->expected);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    vg_weights_close(&f->weights);
    free(f);
    return 0;
}

/* `caches` NULL keeps the plans of this CPU. */
static void forward(const fixture *f, const char *kernel_set, const vg_caches *caches, int threads,
                    float *features)
{
    vg_error error = {""};
    vg_kernels kernels;
    vg_network *network = NULL;
    vg_workspace *workspace = NULL;
    assert_true(vg_kernels_init(&kernels, vg_cpu_features(), kernel_set));
    assert_int_equal(vg_network_open(&network, f->weights, &kernels, &error), VG_OK);
    for (int i = 0; caches != NULL && i < VG_BLOCK_COUNT; i++)
        network->plans[i] = vg_plan_block(&vg_blocks[i], kernels.panel, caches);
    assert_int_equal(vg_workspace_open(&workspace, network, threads, &error), VG_OK);
    vg_network_forward(network, workspace, f->rgb, features);

    /* A second image must not see what the first left behind. */
    float again[VG_FEATURE_COUNT];
    vg_network_forward(network, workspace, f->rgb, again);
    assert_memory_equal(features, again, sizeof again);
    vg_workspace_close(&workspace);
    vg_network_close(&network);
}

static double relative_difference(const fixture *f, const float *features)
{
    double difference = 0.0, length = 0.0;
    for (int c = 0; c < VG_FEATURE_COUNT; c++) {
        double d = (double)features[c] - f->expected[c];
        difference += d * d;
        length += f->expected[c] * f->expected[c];
    }
    return sqrt(difference / length);
}

static void every_set_agrees_with_the_plain_network(void **state)
{
    const fixture *f = *state;
    float first[VG_FEATURE_COUNT], features[VG_FEATURE_COUNT];
    const char *name;
    for (size_t i = 0; (name = vg_kernels_name(vg_cpu_features(), i)) != NULL; i++) {
        forward(f, name, NULL, 1, i == 0 ? first : features);
        if (i > 0) assert_memory_equal(features, first, sizeof first);
    }
    double off = relative_difference(f, first), variety = 0.0;
    for (int c = 0; c < VG_FEATURE_COUNT; c++) variety += fabs(f->expected[c] - f->expected[0]);
    print_message("relative L2 of the difference: %g\n", off);
    assert_true(off < 1e-5);
    assert_true(variety > 1.0);
}

static void strips_steps_and_teams_of_any_size_give_the_same_bits(void **state)
{
    const fixture *f = *state;
    const size_t level1[] = {1, 16 << 10, 1 << 20}, level2[] = {1, 64 << 10, 200 << 10, 64 << 20};
    enum { STEPS = sizeof level1 / sizeof level1[0], STRIPS = sizeof level2 / sizeof level2[0] };
    const char *name, *best = NULL;
    for (size_t i = 0; (name = vg_kernels_name(vg_cpu_features(), i)) != NULL; i++) best = name;
    float expected[VG_FEATURE_COUNT], features[VG_FEATURE_COUNT];
    forward(f, best, NULL, 1, expected);
    for (size_t i = 0; i < STEPS * STRIPS; i++) {
        vg_caches caches = {level1[i % STEPS], level2[i / STEPS]};
        forward(f, best, &caches, 1 + (int)(i / 2) % 3, features);
        assert_memory_equal(features, expected, sizeof expected);
    }
}

/* Of the sets of digits, all that this machine lets us use. */
static unsigned usable_features(void)
{
    unsigned features = vg_cpu_features();
    return vg_cpu_allow_amx() ? features : features & ~(unsigned)VG_CPU_AMX;
}

static void sets_of_digits_agree_with_one_another_and_are_close(void **state)
{
    const fixture *f = *state;
    float first[VG_FEATURE_COUNT], features[VG_FEATURE_COUNT];
    const char *name;
    for (size_t i = 0; (name = vg_kernels_of_digits_name(usable_features(), i)) != NULL; i++) {
        forward(f, name, NULL, 1, i == 0 ? first : features);
        if (i > 0) assert_memory_equal(features, first, sizeof first);
    }
    double off = relative_difference(f, first);
    print_message("relative L2 of the difference: %g\n", off);
    assert_true(off < 5e-6);
}

static void strips_steps_and_teams_give_amx_the_same_bits(void **state)
{
    const fixture *f = *state;
    const vg_caches caches[] = {{1, 1}, {16 << 10, 200 << 10}, {1 << 20, 64 << 20}};
    float expected[VG_FEATURE_COUNT], features[VG_FEATURE_COUNT];
    if (!(usable_features() & VG_CPU_AMX)) skip();
    forward(f, "amx", NULL, 1, expected);
    for (int i = 0; i < 9; i++) {
        forward(f, "amx", &caches[i % 3], 1 + i / 3 * 3, features);
        assert_memory_equal(features, expected, sizeof expected);
    }
}

static void a_missing_tensor_is_named(void **state)
{
    const fixture *f = *state;
    vg_error error = {""};
    vg_kernels kernels;
    vg_network *network = NULL;
    vg_weights without_last = *f->weights;
    without_last.count--;
    assert_true(vg_kernels_init(&kernels, 0, "ref"));
    assert_int_equal(vg_network_open(&network, &without_last, &kernels, &error), VG_EFORMAT);
    assert_null(network);
    assert_non_null(strstr(error.message, f->weights->tensors[f->weights->count - 1].name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_agrees_with_the_plain_network),
        cmocka_unit_test(strips_steps_and_teams_of_any_size_give_the_same_bits),
        cmocka_unit_test(sets_of_digits_agree_with_one_another_and_are_close),
        cmocka_unit_test(strips_steps_and_teams_give_amx_the_same_bits),
        cmocka_unit_test(a_missing_tensor_is_named),
    };
    return cmocka_run_group_tests_name("network", tests, open_fixture, close_fixture);
}
