/* What is said of the layers: all but their times, which are the machine's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "measure/measure.h"

static void measure(const char *kernels, vg_layer_cost *layers)
{
    vg_model_options options = {.kernels = kernels};
    vg_model *model;
    vg_error error = {""};
    assert_int_equal(vg_model_open(&model, "seeded:1", &options, &error), VG_OK);
    assert_int_equal(vg_measure_layers(model, 0.0, layers, &error), VG_OK);
    vg_model_close(&model);
}

static const vg_layer_cost *named(const vg_layer_cost *layers, const char *name)
{
    for (int i = 0; i < VG_LAYERS; i++)
        if (strcmp(layers[i].name, name) == 0) return &layers[i];
    fail_msg("no layer is named %s", name);
    return NULL;
}

static void test_sums(void **state)
{
    (void)state;
    const char *kernels;
    for (size_t set = 0; (kernels = vg_kernel_set(set)) != NULL; set++) {
        vg_layer_cost layers[VG_LAYERS];
        measure(kernels, layers);
        uint64_t multiply_adds = 0;
        for (int i = 0; i < VG_LAYERS; i++) {
            multiply_adds += layers[i].multiply_adds;
            assert_ptr_equal(named(layers, layers[i].name), &layers[i]);
            assert_true(layers[i].seconds > 0.0);
            if (i > 0) assert_int_equal(layers[i].in_channels, layers[i - 1].out_channels);
        }
        assert_int_equal(multiply_adds, 299494272);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    vg_layer_cost layers[VG_LAYERS];
    measure(NULL, layers);
    const vg_layer_cost *stem = &layers[0], *head = &layers[VG_LAYERS - 1];
    assert_string_equal(stem->name, "Conv1");
    assert_int_equal(stem->kernel_size, 3);
    assert_int_equal(stem->stride, 2);
    assert_int_equal(stem->out_size, 112);
    assert_int_equal(stem->in_channels, 3);
    assert_int_equal(stem->multiply_adds, 112 * 112 * 32 * 27);
    assert_string_equal(head->name, "Conv_1");
    assert_int_equal(head->out_size, 7);
    assert_int_equal(head->stride, 1);
    assert_int_equal(head->out_channels, VG_FEATURE_COUNT);
    const vg_layer_cost *depthwise = named(layers, "block_13_depthwise");
    assert_int_equal(depthwise->stride, 2);
    assert_int_equal(depthwise->out_size, 7);
    assert_int_equal(depthwise->multiply_adds, 7 * 7 * 576 * 9);
}

/* How often the weights of a layer are read, given the floats of its input, output and
 * residual, and those of its weights and bias. */
static uint64_t strips(const vg_layer_cost *layer, uint64_t activations, uint64_t weights)
{
    uint64_t floats = layer->bytes / sizeof(float);
    assert_true(floats >= activations + weights);
    assert_int_equal((floats - activations) % weights, 0);
    return (floats - activations) / weights;
}

static void test_bytes(void **state)
{
    (void)state;
    vg_layer_cost layers[VG_LAYERS];
    measure(NULL, layers);
    const uint64_t pixels = 7 * 7;
    uint64_t expand =
        strips(named(layers, "block_15_expand"), pixels * (160 + 960), 160 * 960 + 960);
    uint64_t depthwise =
        strips(named(layers, "block_15_depthwise"), pixels * 2 * 960, 9 * 960 + 960);
    uint64_t project =
        strips(named(layers, "block_15_project"), pixels * (960 + 2 * 160), 960 * 160 + 160);
    assert_int_equal(expand, depthwise);
    assert_int_equal(expand, project);
    strips(named(layers, "block_16_project"), pixels * (960 + 320), 960 * 320 + 320);
    assert_int_equal(strips(&layers[0], 224 * 224 * 3 + 112 * 112 * 32, 27 * 32 + 32),
                     strips(&layers[1], 112 * 112 * 2 * 32, 9 * 32 + 32));
    assert_int_equal(strips(&layers[VG_LAYERS - 1], pixels * 320 + 1280, 320 * 1280 + 1280), 1);
}

static void test_missing_arguments(void **state)
{
    (void)state;
    vg_layer_cost layers[VG_LAYERS];
    vg_error error = {""};
    assert_int_equal(vg_measure_layers(NULL, 0.0, layers, &error), VG_EINVAL);
    assert_true(error.message[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_missing_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
