/* 1x1 convolutions of digits: AMX against plain C bit for bit, and plain C against sums in
 * float64. Where the CPU or the operating system has no AMX, plain C alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "harness.h"

enum { MOST_SETS = 2, ROUNDS = 60 };

static vg_kernels sets[MOST_SETS];
static size_t set_count;

static int open_sets(void **state)
{
    (void)state;
    unsigned features = vg_cpu_features();
    if (!vg_cpu_allow_amx()) features &= ~(unsigned)VG_CPU_AMX;
    const char *name;
    for (; (name = vg_kernels_of_digits_name(features, set_count)) != NULL; set_count++) {
        assert_true(set_count < MOST_SETS);
        assert_true(vg_kernels_init(&sets[set_count], features, name));
        print_message("%s\n", name);
    }
    return set_count > 0 ? 0 : -1;
}

/* --- One convolution ------------------------------------------------------ */

typedef struct problem {
    int first, m; /* pixels in front, and those that are asked for */
    int in_channels, channels, panel;
    int is_bounded, has_residual, is_in_place;
    vg_activation activation;
    float *input;           /* [first + m][in_channels] */
    float *weights;         /* [in_channels][channels] */
    float *bias, *residual; /* [channels], [m][channels] */
} problem;

static float *floats(int count)
{
    float *values = calloc((size_t)count, sizeof *values);
    assert_non_null(values);
    return values;
}

static float uniform(float low, float high)
{
    return low + (high - low) * (float)random_int(0, 1 << 24) / (float)(1 << 24);
}

/* As layers have them: about as many zeros as ReLU6 leaves, or any sign and, from pixel to
 * pixel, any size. */
static void fill(problem *p)
{
    int pixels = p->first + p->m;
    p->input = floats(pixels * p->in_channels);
    p->weights = floats(p->in_channels * p->channels);
    p->bias = floats(p->channels);
    p->residual = floats(p->m * p->channels);
    for (int i = 0; i < pixels; i++) {
        float size = ldexpf(1.0F, random_int(-12, 12));
        for (int k = 0; k < p->in_channels; k++)
            p->input[i * p->in_channels + k] =
                p->is_bounded ? fmaxf(0.0F, uniform(-6.0F, 6.0F)) : size * uniform(-1.0F, 1.0F);
    }
    for (int i = 0; i < p->in_channels * p->channels; i++)
        p->weights[i] = ldexpf(uniform(-1.0F, 1.0F), -(i % p->channels) % 8);
    for (int j = 0; j < p->channels; j++) p->bias[j] = uniform(-1.0F, 1.0F);
    for (int i = 0; i < p->m * p->channels; i++) p->residual[i] = uniform(-1.0F, 1.0F);
}

static void close_problem(problem *p)
{
    free(p->input);
    free(p->weights);
    free(p->bias);
    free(p->residual);
}

/* --- Its parts in the layout of digits ------------------------------------ */

typedef struct encoded {
    guarded digits, scales;
    ptrdiff_t stride;
} encoded;

static encoded encode(const vg_kernels *kernels, const problem *p)
{
    int pixels = p->first + p->m;
    encoded e = {.stride = (ptrdiff_t)vg_digits_floats(p->panel) * pixels};
    size_t count = (size_t)(vg_digits_tensor_floats(p->in_channels, p->panel) * pixels);
    guarded values = guarded_open(panels_size(pixels, p->in_channels, p->panel));
    panels_from_dense(values.values, p->input, pixels, p->in_channels, p->panel);
    e.digits = guarded_open(count);
    e.scales = guarded_open((size_t)pixels);
    memset(e.digits.values, 0, count * sizeof(float));
    if (p->is_bounded) {
        for (int i = 0; i < vg_panel_count(p->in_channels, p->panel); i++)
            kernels->encode_bounded(e.digits.values + i * e.stride,
                                    values.values + (ptrdiff_t)i * p->panel * pixels, pixels,
                                    vg_panel_width(p->in_channels, p->panel, i));
    } else {
        kernels->encode(e.digits.values, e.stride, e.scales.values, values.values,
                        (ptrdiff_t)p->panel * pixels, p->in_channels, 0, pixels);
    }
    assert_true(guarded_is_intact(&values));
    guarded_close(&values);
    return e;
}

/* Packs and multiplies; [m][channels], of the caller. */
static float *multiply(const vg_kernels *kernels, const problem *p)
{
    const int tiles = vg_digits_tiles(p->in_channels, p->panel);
    const int groups = vg_panel_channels(p->channels, VG_DIGITS_PANEL) / VG_DIGITS_OUTPUTS;
    encoded e = encode(kernels, p);
    guarded weights = guarded_open((size_t)(groups * tiles * VG_DIGITS_TILE / 4));
    guarded outputs = guarded_open((size_t)groups * sizeof(vg_digits_outputs) / sizeof(float));
    for (int n = 0; n < groups; n++) {
        int filled = p->channels - n * VG_DIGITS_OUTPUTS;
        filled = filled < 0 ? 0 : filled > VG_DIGITS_OUTPUTS ? VG_DIGITS_OUTPUTS : filled;
        int at = filled > 0 ? n * VG_DIGITS_OUTPUTS : 0;
        vg_digits_pack((int8_t *)weights.values + (ptrdiff_t)n * tiles * VG_DIGITS_TILE,
                       (vg_digits_outputs *)(void *)outputs.values + n, p->weights + at,
                       p->bias + at, p->in_channels, p->panel, p->channels, filled, p->is_bounded);
    }
    size_t size = panels_size(p->m, p->channels, VG_DIGITS_PANEL);
    guarded output = guarded_open(size), residual = guarded_open(size);
    panels_from_dense(residual.values, p->residual, p->m, p->channels, VG_DIGITS_PANEL);
    if (p->is_in_place) memcpy(output.values, residual.values, size * sizeof(float));
    const float *added = p->is_in_place ? output.values : residual.values;
    vg_pointwise_input a = {.values = e.digits.values,
                            .panel_stride = e.stride,
                            .channels = p->in_channels,
                            .first = p->first,
                            .panel = p->panel,
                            .scales = p->is_bounded ? NULL : e.scales.values};
    kernels->begin_digits();
    for (int i = 0; i < vg_panel_count(p->channels, VG_DIGITS_PANEL); i++) {
        ptrdiff_t start = (ptrdiff_t)i * VG_DIGITS_PANEL * p->m;
        int group = i * VG_DIGITS_PANEL / VG_DIGITS_OUTPUTS;
        kernels->pointwise_digits(
            output.values + start, &a,
            weights.values + (ptrdiff_t)group * tiles * VG_DIGITS_TILE / 4,
            (const float *)((const vg_digits_outputs *)(const void *)outputs.values + group),
            p->has_residual ? added + start : NULL, p->m,
            vg_panel_width(p->channels, VG_DIGITS_PANEL, i), p->activation);
    }
    kernels->end_digits();
    float *dense = floats(p->m * p->channels);
    panels_to_dense(dense, output.values, p->m, p->channels, VG_DIGITS_PANEL);
    guarded *all[] = {&e.digits, &e.scales, &weights, &outputs, &output, &residual};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_true(guarded_is_intact(all[i]));
        guarded_close(all[i]);
    }
    return dense;
}

/* --- The right sum -------------------------------------------------------- */

static double sum_of(const problem *p, int i, int j)
{
    double sum = p->bias[j];
    for (int k = 0; k < p->in_channels; k++)
        sum +=
            (double)p->input[(p->first + i) * p->in_channels + k] * p->weights[k * p->channels + j];
    if (p->activation == VG_RELU6) sum = sum < 0.0 ? 0.0 : sum > 6.0 ? 6.0 : sum;
    return p->has_residual ? sum + p->residual[i * p->channels + j] : sum;
}

/* Of all pixels, each by its own size. */
static double relative_difference(const problem *p, const float *got)
{
    double difference = 0.0, length = 0.0;
    for (int i = 0; i < p->m; i++) {
        double off = 0.0, size = 0.0;
        for (int j = 0; j < p->channels; j++) {
            double right = sum_of(p, i, j), d = got[i * p->channels + j] - right;
            off += d * d;
            size += right * right;
        }
        if (size == 0.0) continue;
        difference += off / size;
        length += 1.0;
    }
    return length > 0.0 ? sqrt(difference / length) : 0.0;
}

/* Returns how far plain C is off. */
static double try_problem(problem *p)
{
    fill(p);
    float *expected = multiply(&sets[0], p);
    double off = relative_difference(p, expected);
    for (size_t i = 1; i < set_count; i++) {
        float *got = multiply(&sets[i], p);
        if (memcmp(got, expected, (size_t)(p->m * p->channels) * sizeof *got) != 0)
            fail_msg("%s: %d pixels, %d to %d channels, panel %d, differs from plain C",
                     sets[i].name, p->m, p->in_channels, p->channels, p->panel);
        free(got);
    }
    free(expected);
    close_problem(p);
    return off;
}

/* --- Tests ---------------------------------------------------------------- */

static void test_any_shape_gives_the_bits_of_plain_c(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        problem p = {.first = random_int(0, 3),
                     .m = round < 32 ? round + 1 : random_int(1, 90),
                     .in_channels = random_int(1, 200),
                     .channels = random_int(1, 140),
                     .panel = random_int(0, 1) ? VG_DIGITS_PANEL : VG_DIGITS_PANEL / 2,
                     .is_bounded = random_int(0, 1),
                     .has_residual = random_int(0, 1),
                     .activation = random_int(0, 1) ? VG_RELU6 : VG_LINEAR};
        /* Panels of 32 are AVX-512's: of 33 to 48 channels they are one. */
        if (p.panel < VG_DIGITS_PANEL && vg_panel_is_wide(p.in_channels, p.panel))
            p.in_channels = p.panel;
        p.is_in_place = p.has_residual && random_int(0, 1);
        (void)try_problem(&p);
    }
}

/* The network's own: as exact as sums of float32, which are off by 1e-7 to 4e-7. */
static void test_layers_are_as_exact_as_float32(void **state)
{
    (void)state;
    static const struct {
        int in_channels, channels, panel, is_bounded;
    } layers[] = {{96, 24, 32, 1},   {144, 24, 32, 1},  {192, 32, 32, 1}, {384, 64, 64, 1},
                  {576, 96, 64, 1},  {960, 160, 64, 1}, {64, 384, 64, 0}, {96, 576, 64, 0},
                  {160, 960, 64, 0}, {320, 1280, 64, 0}};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        problem p = {.m = 5,
                     .in_channels = layers[i].in_channels,
                     .channels = layers[i].channels,
                     .panel = layers[i].panel,
                     .is_bounded = layers[i].is_bounded,
                     .activation = VG_LINEAR};
        double off = try_problem(&p);
        print_message("%d to %d channels: off by %.1e\n", layers[i].in_channels, layers[i].channels,
                      off);
        assert_true(off < 6e-7);
    }
}

/* Zeros, the largest numbers, the smallest, and what is none. */
static void test_any_number_becomes_digits(void **state)
{
    (void)state;
    static const float odd[] = {
        0.0F, -0.0F,    1.0F,      -1.0F, 3.4e38F,       -1e-38F,         1e-45F,
        6.0F, INFINITY, -INFINITY, NAN,   0x1.fffffep0F, 0x1.fffffep127F, 0x1.fp-30F};
    enum { ODD = sizeof odd / sizeof odd[0], PIXELS = 40 };
    static const int channels[] = {16, 24, 64, 96, 160};
    for (size_t c = 0; c < sizeof channels / sizeof channels[0]; c++) {
        problem p = {.m = PIXELS, .in_channels = channels[c], .panel = VG_DIGITS_PANEL};
        p.input = floats(PIXELS * channels[c]);
        for (int i = 0; i < PIXELS * channels[c]; i++)
            if (random_int(0, 3) == 0)
                p.input[i] = odd[random_int(0, (i / channels[c]) % (int)ODD)];
        encoded expected = encode(&sets[0], &p);
        for (size_t i = 1; i < set_count; i++) {
            encoded got = encode(&sets[i], &p);
            assert_memory_equal(got.digits.values, expected.digits.values,
                                expected.digits.count * sizeof(float));
            assert_memory_equal(got.scales.values, expected.scales.values,
                                expected.scales.count * sizeof(float));
            guarded_close(&got.digits);
            guarded_close(&got.scales);
        }
        guarded_close(&expected.digits);
        guarded_close(&expected.scales);
        free(p.input);
    }
}

int main(void)
{
    random_seed(20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_shape_gives_the_bits_of_plain_c),
        cmocka_unit_test(test_layers_are_as_exact_as_float32),
        cmocka_unit_test(test_any_number_becomes_digits),
    };
    return cmocka_run_group_tests_name("digits", tests, open_sets, NULL);
}
