/* Resampling of every set. */
#include <string.h>

#include "operation.h"

enum { LARGEST_WEIGHT_SUM = 8000000 };

/* Copies of one random input, one for each side, so that each meets its own guards. */
static void fill_same(uint8_t *first, uint8_t *second, size_t count)
{
    /* Blocks of the extremes are where sums leave 0..255. */
    int is_extreme = random_int(0, 1);
    for (size_t i = 0; i < count; i++)
        first[i] = second[i] = (uint8_t)(is_extreme ? 255 * random_int(0, 1) : random_int(0, 255));
}

/* Weights of about one in all, negative lobes among them. */
static void fill_weights(int32_t *weights, int count)
{
    for (int t = 0; t < count; t++)
        weights[t] = random_int(-LARGEST_WEIGHT_SUM / 3, LARGEST_WEIGHT_SUM) / count;
}

/* --- Rows --------------------------------------------------------------- */

typedef struct row_problem {
    int rows, from_width, width, taps;
    guarded from[2], to[2], windows, weights;
} row_problem;

static row_problem open_rows(void)
{
    row_problem p = {.rows = random_int(1, 9),
                     .from_width = random_int(1, 90),
                     .width = random_int(1, 70),
                     .taps = random_int(1, random_int(0, 1) ? 19 : 70)};
    size_t rows = (size_t)p.rows, width = (size_t)p.width;
    size_t from_bytes = rows * (size_t)p.from_width * 3;
    for (int side = 0; side < 2; side++) {
        p.from[side] = open_bytes(from_bytes);
        p.to[side] = open_bytes(rows * width * 3);
    }
    fill_same(bytes_of(&p.from[0], from_bytes), bytes_of(&p.from[1], from_bytes), from_bytes);

    p.windows = guarded_open(width * 2);
    p.weights = guarded_open(width * (size_t)p.taps);
    vg_resample_window *windows = (vg_resample_window *)p.windows.values;
    int32_t *weights = (int32_t *)p.weights.values;
    memset(weights, 0, p.weights.count * sizeof *weights);
    for (int x = 0; x < p.width; x++) {
        int most = p.taps < p.from_width ? p.taps : p.from_width;
        windows[x].count = random_int(1, most);
        windows[x].first = random_int(0, p.from_width - windows[x].count);
        fill_weights(weights + x * p.taps, windows[x].count);
    }
    return p;
}

static int rows_agree(const vg_kernels *kernels, const vg_kernels *reference)
{
    row_problem p = open_rows();
    const vg_kernels *sides[2] = {kernels, reference};
    size_t from_bytes = (size_t)(p.rows * p.from_width) * 3;
    size_t to_bytes = (size_t)(p.rows * p.width) * 3;
    case_begin("%s, %d rows, %d to %d pixels, %d taps", kernels->name, p.rows, p.from_width,
               p.width, p.taps);
    for (int side = 0; side < 2; side++)
        sides[side]->resample_rows(bytes_of(&p.to[side], to_bytes),
                                   bytes_of(&p.from[side], from_bytes), p.rows, p.from_width,
                                   (vg_resample_window *)p.windows.values,
                                   (int32_t *)p.weights.values, p.taps, p.width);
    int is_same = memcmp(bytes_of(&p.to[0], to_bytes), bytes_of(&p.to[1], to_bytes), to_bytes) == 0;
    int is_intact = guarded_is_intact(&p.to[0]) && guarded_is_intact(&p.to[1]);
    for (int side = 0; side < 2; side++) {
        guarded_close(&p.to[side]);
        guarded_close(&p.from[side]);
    }
    guarded_close(&p.windows);
    guarded_close(&p.weights);
    return case_passes(is_same, is_intact);
}

/* --- Columns ------------------------------------------------------------ */

static int column_agrees(const vg_kernels *kernels, const vg_kernels *reference)
{
    int taps = random_int(1, 19);
    size_t n = (size_t)random_int(1, 200), row = n + (size_t)random_int(0, 9);
    size_t from_bytes = row * (size_t)(taps - 1) + n;
    const vg_kernels *sides[2] = {kernels, reference};
    guarded from[2], to[2], weights = guarded_open((size_t)taps);
    for (int side = 0; side < 2; side++) {
        from[side] = open_bytes(from_bytes);
        to[side] = open_bytes(n);
    }
    fill_same(bytes_of(&from[0], from_bytes), bytes_of(&from[1], from_bytes), from_bytes);
    fill_weights((int32_t *)weights.values, taps);

    case_begin("%s column, %zu bytes, %d taps", kernels->name, n, taps);
    for (int side = 0; side < 2; side++)
        sides[side]->resample_column(bytes_of(&to[side], n), bytes_of(&from[side], from_bytes),
                                     (ptrdiff_t)row, (int32_t *)weights.values, taps, n);
    int is_same = memcmp(bytes_of(&to[0], n), bytes_of(&to[1], n), n) == 0;
    int is_intact = guarded_is_intact(&to[0]) && guarded_is_intact(&to[1]);
    for (int side = 0; side < 2; side++) {
        guarded_close(&to[side]);
        guarded_close(&from[side]);
    }
    guarded_close(&weights);
    return case_passes(is_same, is_intact);
}

int check_resample(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    int failures = 0;
    for (int round = 0; round < 6 * rounds; round++)
        failures += !rows_agree(kernels, reference) + !column_agrees(kernels, reference);
    return failures;
}
