/* No tile is compiled in vain, and the network needs no fallback: what it asks for on one to
 * sixteen threads, with the caches of several CPUs. Plans and kernels are the real ones; a
 * layer is written down instead of computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "model/network.h"

enum { MOST_PIXELS = 112 * 112, MOST_WIDTH = 64, MOST_TILES = 32, MOST_THREADS = 16 };

/* Whether an operation was asked for so many pixels of that width. */
typedef atomic_bool seen_shapes[MOST_PIXELS + 1][MOST_WIDTH + 1];
static seen_shapes pointwise_seen, stem_seen, depthwise_seen;

static void see_pointwise(float *c, const vg_pointwise_input *a, const float *b, const float *bias,
                          const float *residual, int m, int width, vg_activation activation)
{
    (void)c, (void)a, (void)b, (void)bias, (void)residual, (void)activation;
    pointwise_seen[m][width] = true;
}

/* It has one shape. */
static void skip_pointwise_24(float *c, const vg_pointwise_input *a, const float *b,
                              const float *bias, const float *residual, int m, int width,
                              vg_activation activation)
{
    (void)c, (void)a, (void)b, (void)bias, (void)residual, (void)m, (void)width, (void)activation;
}

static void see_stem(float *c, const float *a, ptrdiff_t a_row, const float *b, const float *bias,
                     int m, int width)
{
    (void)c, (void)a, (void)a_row, (void)b, (void)bias;
    stem_seen[m][width] = true;
}

static void see_depthwise(float *c, ptrdiff_t c_row, const float *const *rows, const float *b,
                          const float *bias, int height, int out_width, int width, int borders)
{
    (void)c, (void)c_row, (void)rows, (void)b, (void)bias, (void)height, (void)borders;
    depthwise_seen[out_width][width] = true;
}

static void forward(const vg_network *network, int threads)
{
    static uint8_t rgb[VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3];
    float features[VG_FEATURE_COUNT];
    vg_workspace *workspace = NULL;
    assert_int_equal(vg_workspace_open(&workspace, network, threads, NULL), VG_OK);
    vg_network_forward(network, workspace, rgb, features);
    vg_workspace_close(&workspace);
}

/* Fills what is seen with what the network asks of a set. */
static void watch_network(const vg_kernels *kernels, const vg_weights *weights)
{
    static const vg_caches caches[] = {
        {32 << 10, 256 << 10}, {32 << 10, 512 << 10}, {32 << 10, 1 << 20},
        {48 << 10, 2 << 20},   {64 << 10, 1 << 20},
    };
    vg_kernels watched = *kernels;
    watched.pointwise = see_pointwise;
    if (watched.pointwise_24 != NULL) watched.pointwise_24 = skip_pointwise_24;
    watched.stem = see_stem;
    watched.depthwise_stride1 = watched.depthwise_stride2 = see_depthwise;
    for (size_t i = 0; i < sizeof caches / sizeof caches[0]; i++) {
        vg_network *network = NULL;
        assert_int_equal(vg_network_open(&network, weights, &watched, NULL), VG_OK);
        for (int block = 0; block < VG_BLOCK_COUNT; block++)
            network->plans[block] = vg_plan_block(&vg_blocks[block], kernels->panel, &caches[i]);
        for (int threads = 1; threads <= MOST_THREADS; threads++) forward(network, threads);
        vg_network_close(&network);
    }
}

/* Which tiles a row of m pixels takes. */
static void pick_all(const vg_tile *tiles, int width, int m, bool *is_used)
{
    while (m > 0) {
        vg_tile_run run = vg_tiles_pick(tiles, width, m);
        if (run.count == 0) fail_msg("%d pixels, %d wide, are left to the fallback", m, width);
        assert_true(run.tile < MOST_TILES);
        is_used[run.tile] = true;
        m -= run.count * tiles[run.tile].rows;
    }
    assert_int_equal(m, 0);
}

static void expect_all_used(const char *set, const char *operation, const vg_tile *tiles,
                            seen_shapes seen)
{
    bool is_used[MOST_TILES] = {false};
    for (int m = 1; m <= MOST_PIXELS; m++) {
        for (int width = 1; width <= MOST_WIDTH; width++) {
            if (seen[m][width]) pick_all(tiles, width, m, is_used);
            seen[m][width] = false;
        }
    }
    for (int i = 0; tiles[i].rows > 0; i++)
        if (!is_used[i])
            fail_msg("%s %s: nothing takes the tile of %d pixels, %d wide", set, operation,
                     tiles[i].rows, tiles[i].width);
}

static void test_every_tile_is_used(void **state)
{
    (void)state;
    vg_weights *weights = NULL;
    assert_int_equal(vg_weights_seeded(&weights, 1, NULL), VG_OK);
    const char *set;
    for (size_t i = 1; (set = vg_kernels_name(vg_cpu_features(), i)) != NULL; i++) {
        vg_kernels kernels;
        assert_true(vg_kernels_init(&kernels, vg_cpu_features(), set));
        watch_network(&kernels, weights);
        expect_all_used(set, "pointwise", kernels.pointwise_tiles, pointwise_seen);
        expect_all_used(set, "stem", kernels.stem_tiles, stem_seen);
        expect_all_used(set, "depthwise", kernels.depthwise_tiles, depthwise_seen);
    }
    vg_weights_close(&weights);
}

/* --- The choice --------------------------------------------------------- */

static void expect_run(int width, int m, int tile, int count)
{
    static const vg_tile tiles[] = {{14, 32}, {13, 32}, {12, 32}, {7, 32}, {28, 16}, {0, 0}};
    vg_tile_run run = vg_tiles_pick(tiles, width, m);
    assert_int_equal(run.count, count);
    if (count > 0) assert_int_equal(run.tile, tile);
}

static void test_tiles_are_as_equal_as_may_be(void **state)
{
    (void)state;
    expect_run(32, 112, 0, 8); /* 14 each */
    expect_run(32, 49, 1, 1);  /* 13, and then ... */
    expect_run(32, 36, 2, 3);  /* ... 12 each */
    expect_run(32, 15, 3, 1);  /* 8 and 7: no tile is 8 high */
    expect_run(32, 8, 3, 1);
    expect_run(16, 56, 4, 2);
}

static void test_fallback_takes_what_no_tile_fits(void **state)
{
    (void)state;
    expect_run(32, 6, 0, 0);
    expect_run(16, 27, 0, 0);
    expect_run(48, 112, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tile_is_used),
        cmocka_unit_test(test_tiles_are_as_equal_as_may_be),
        cmocka_unit_test(test_fallback_takes_what_no_tile_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
