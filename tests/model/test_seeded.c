/* Seeded weights: the same bits on every machine, the shapes of the network. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/weights.h"

/* FNV-1a over the bits of all values in order. */
static uint64_t hash_weights(const vg_weights *weights)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < weights->count; i++) {
        size_t count = vg_tensor_count(&weights->tensors[i]);
        for (size_t k = 0; k < count; k++) {
            uint32_t bits;
            memcpy(&bits, &weights->tensors[i].values[k], sizeof bits);
            for (int byte = 0; byte < 4; byte++) {
                hash ^= bits >> 8 * byte & 0xff;
                hash *= UINT64_C(0x100000001b3);
            }
        }
    }
    return hash;
}

static uint64_t hash_seed(uint64_t seed)
{
    vg_weights *weights = NULL;
    assert_int_equal(vg_weights_seeded(&weights, seed, NULL), VG_OK);
    uint64_t hash = hash_weights(weights);
    vg_weights_close(&weights);
    return hash;
}

/* Whoever changes these makes every seeded run differ from those before. */
static void test_known_bits(void **state)
{
    (void)state;
    assert_int_equal(hash_seed(7), UINT64_C(0x49a755b93dff0327));
    assert_int_equal(hash_seed(UINT64_MAX), UINT64_C(0xf8da55268b484146));
    assert_int_not_equal(hash_seed(7), hash_seed(8));
}

static void test_shapes_of_the_network(void **state)
{
    (void)state;
    vg_weights *weights = NULL;
    uint64_t parameters = 0;
    assert_int_equal(vg_weights_seeded(&weights, 1, NULL), VG_OK);
    for (int i = 0; i < VG_LAYER_COUNT; i++) {
        char name[2 * VG_MAX_NAME];
        const vg_tensor *tensor = NULL;
        vg_layer layer = vg_layer_at(i);
        int size = layer.kernel_size, last = layer.is_depthwise ? 1 : layer.out_channels;
        const int shape[] = {size, size, layer.in_channels, last};
        snprintf(name, sizeof name, "%s/%s", layer.name,
                 layer.is_depthwise ? "depthwise_kernel" : "kernel");
        assert_int_equal(vg_weights_find(weights, name, 4, shape, &tensor, NULL), VG_OK);
        parameters += vg_tensor_count(tensor);
        snprintf(name, sizeof name, "%s/bias", layer.name);
        assert_int_equal(vg_weights_find(weights, name, 1, &layer.out_channels, &tensor, NULL),
                         VG_OK);
        parameters += vg_tensor_count(tensor);
    }
    assert_int_equal(parameters, 2206816); /* as the published weights */
    assert_string_equal(weights->origin, "drawn from the seed 1");
    vg_weights_close(&weights);
}

/* Mean and variance of the head's 409,600 weights: uniform, of variance 1 / fan-in. */
static void test_distribution(void **state)
{
    (void)state;
    vg_weights *weights = NULL;
    assert_int_equal(vg_weights_seeded(&weights, 3, NULL), VG_OK);
    const vg_tensor *head = &weights->tensors[2 * (VG_LAYER_COUNT - 1)];
    size_t count = vg_tensor_count(head);
    double sum = 0.0, squares = 0.0, bound = sqrt(3.0 / VG_HEAD_CHANNELS);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs(head->values[i]) <= bound * (1 + 1e-6));
        sum += head->values[i];
        squares += (double)head->values[i] * head->values[i];
    }
    assert_true(fabs(sum / (double)count) < 5e-4);
    assert_true(fabs(squares / (double)count * VG_HEAD_CHANNELS - 1.0) < 0.01);
    vg_weights_close(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_bits),
        cmocka_unit_test(test_shapes_of_the_network),
        cmocka_unit_test(test_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
