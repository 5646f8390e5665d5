/* The network's kernels over vectors, once for all instruction sets. A file that
 * includes this defines
 *   LANES          floats of a vector `vec`
 *   PANEL_VECTORS  vectors of a full panel, 2 or 4; a half panel has half of them
 *   TILE_ROWS      pixels of a register tile, 6 or 14
 *   INPUTS         inputs of a pixel that one register holds: 1, broadcast, or LANES
 *                  where a multiply-add takes its factor from one lane
 *   VEC_REGISTER   constraint of a register that inline assembly reads and writes
 * and vec_load, vec_store, vec_set1, vec_add, vec_div, vec_fma (a * b + c), vec_min
 * and vec_max, which return the second operand where the first is NaN, and
 *   vec_load_inputs(p)         INPUTS inputs of a pixel
 *   vec_fma_input(x, n, b, c)  input n of x, times b, + c
 *
 * Sums start at the bias and take their products in the order of kernels.h. */
#include "kernels/kernels.h"
#include "kernels/unroll.h"

enum { PANEL = PANEL_VECTORS * LANES, HALF_PANEL = PANEL / 2 };

#define INLINE static inline __attribute__((always_inline))

INLINE vec relu6(vec x)
{
    return vec_min(vec_max(x, vec_set1(0.0F)), vec_set1(6.0F));
}

/* --- Register tile ------------------------------------------------------ */

/* Adds the product of one broadcast input and its weights to each sum of the tile. */
INLINE void tile_add_one(vec acc[][PANEL_VECTORS], const float *a, ptrdiff_t pixel_stride,
                         const float *b, const int rows, const int vectors)
{
    vec weights[PANEL_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) weights[v] = vec_load(b + v * LANES);
    UNROLL
    for (int i = 0; i < rows; i++) {
        vec x = vec_set1(a[i * pixel_stride]);
        UNROLL
        for (int v = 0; v < vectors; v++) acc[i][v] = vec_fma(x, weights[v], acc[i][v]);
    }
}

/* The same for the INPUTS inputs of a register, one after the other. Weights serve all
 * pixels before the next are loaded: so few registers hold them. */
INLINE void tile_add_inputs(vec acc[][PANEL_VECTORS], const float *a, ptrdiff_t pixel_stride,
                            const float *b, const int rows, const int vectors)
{
    vec x[TILE_ROWS];
    UNROLL
    for (int i = 0; i < rows; i++) x[i] = vec_load_inputs(a + i * pixel_stride);
    UNROLL
    for (int n = 0; n < INPUTS; n++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            vec weights = vec_load(b + (n * vectors + v) * LANES);
            UNROLL
            for (int i = 0; i < rows; i++) acc[i][v] = vec_fma_input(x[i], n, weights, acc[i][v]);
        }
    }
}

/* Adds `length` products to each sum of the tile; returns the weights after them. */
INLINE const float *tile_block(vec acc[][PANEL_VECTORS], const float *a, ptrdiff_t pixel_stride,
                               int length, const float *b, const int rows, const int vectors)
{
    int k = 0;
    if (INPUTS > 1)
        for (; k + INPUTS <= length; k += INPUTS, b += INPUTS * vectors * LANES)
            tile_add_inputs(acc, a + k, pixel_stride, b, rows, vectors);
    for (; k < length; k++, b += vectors * LANES)
        tile_add_one(acc, a + k, pixel_stride, b, rows, vectors);
    return b;
}

INLINE void tile_start(vec acc[][PANEL_VECTORS], const float *bias, const int rows,
                       const int vectors)
{
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++) acc[i][v] = vec_load(bias + v * LANES);
    }
}

INLINE void tile_finish(float *c, vec acc[][PANEL_VECTORS], const float *residual, const int rows,
                        const int vectors, vg_activation activation)
{
    if (activation == VG_RELU6) {
        UNROLL
        for (int i = 0; i < rows; i++) {
            UNROLL
            for (int v = 0; v < vectors; v++) acc[i][v] = relu6(acc[i][v]);
        }
    }
    if (residual != NULL) {
        UNROLL
        for (int i = 0; i < rows; i++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                acc[i][v] = vec_add(acc[i][v], vec_load(residual + (i * vectors + v) * LANES));
        }
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++) vec_store(c + (i * vectors + v) * LANES, acc[i][v]);
    }
}

/* --- Pointwise ---------------------------------------------------------- */

typedef void pointwise_tile_fn(float *c, const vg_pointwise_input *a, int pixel, const float *b,
                               const float *bias, const float *residual, vg_activation activation);

INLINE void pointwise_tile(float *c, const vg_pointwise_input *a, int pixel, const float *b,
                           const float *bias, const float *residual, vg_activation activation,
                           const int rows, const int vectors)
{
    vec acc[TILE_ROWS][PANEL_VECTORS];
    tile_start(acc, bias, rows, vectors);
    int k = a->channels;
    const float *panel = a->values;
    for (; k > HALF_PANEL; k -= PANEL, panel += a->panel_stride)
        b = tile_block(acc, panel + pixel * PANEL, PANEL, k < PANEL ? k : PANEL, b, rows, vectors);
    if (k > 0) tile_block(acc, panel + pixel * HALF_PANEL, HALF_PANEL, k, b, rows, vectors);
    tile_finish(c, acc, residual, rows, vectors, activation);
}

/* --- Stem --------------------------------------------------------------- */

enum { STEM_PIXEL_STRIDE = 2 * 3, STEM_ROW_PRODUCTS = 3 * 3 };

typedef void stem_tile_fn(float *c, const float *a, ptrdiff_t a_row, const float *b,
                          const float *bias);

INLINE void stem_tile(float *c, const float *a, ptrdiff_t a_row, const float *b, const float *bias,
                      const int rows, const int vectors)
{
    vec acc[TILE_ROWS][PANEL_VECTORS];
    tile_start(acc, bias, rows, vectors);
    for (int ky = 0; ky < 3; ky++, a += a_row)
        b = tile_block(acc, a, STEM_PIXEL_STRIDE, STEM_ROW_PRODUCTS, b, rows, vectors);
    tile_finish(c, acc, NULL, rows, vectors, VG_RELU6);
}

/* --- One function a tile's shape ---------------------------------------- */

#define TILE(ROWS, WIDTH, VECTORS)                                                                \
    static void pointwise_tile_##ROWS##_##WIDTH(float *c, const vg_pointwise_input *a, int pixel, \
                                                const float *b, const float *bias,                \
                                                const float *residual, vg_activation activation)  \
    {                                                                                             \
        pointwise_tile(c, a, pixel, b, bias, residual, activation, ROWS, VECTORS);                \
    }                                                                                             \
    static void stem_tile_##ROWS##_##WIDTH(float *c, const float *a, ptrdiff_t a_row,             \
                                           const float *b, const float *bias)                     \
    {                                                                                             \
        stem_tile(c, a, a_row, b, bias, ROWS, VECTORS);                                           \
    }
#define TILES(ROWS) TILE(ROWS, half, PANEL_VECTORS / 2) TILE(ROWS, full, PANEL_VECTORS)
#define NAMES(STEM, ROWS)                          \
    {                                              \
        STEM##_##ROWS##_half, STEM##_##ROWS##_full \
    }

TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)
#define SIX_NAMES(STEM) \
    NAMES(STEM, 1), NAMES(STEM, 2), NAMES(STEM, 3), NAMES(STEM, 4), NAMES(STEM, 5), NAMES(STEM, 6)

#if TILE_ROWS == 6
#define ALL_NAMES(STEM) \
    {                   \
        SIX_NAMES(STEM) \
    }
#elif TILE_ROWS == 14
TILES(7)
TILES(8)
TILES(9)
TILES(10)
TILES(11)
TILES(12)
TILES(13)
TILES(14)
#define ALL_NAMES(STEM)                                                                   \
    {                                                                                     \
        SIX_NAMES(STEM), NAMES(STEM, 7), NAMES(STEM, 8), NAMES(STEM, 9), NAMES(STEM, 10), \
            NAMES(STEM, 11), NAMES(STEM, 12), NAMES(STEM, 13), NAMES(STEM, 14)            \
    }
#endif

static pointwise_tile_fn *const pointwise_tiles[TILE_ROWS][2] = ALL_NAMES(pointwise_tile);
static stem_tile_fn *const stem_tiles[TILE_ROWS][2] = ALL_NAMES(stem_tile);

/* Rows of the next tile when `rows` remain: tiles of equal height, since a ragged
 * last tile would leave the multipliers waiting for its few sums. */
INLINE int next_tile_rows(int rows)
{
    int tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    return (rows + tiles - 1) / tiles;
}

static void pointwise(float *c, const vg_pointwise_input *a, const float *b, const float *bias,
                      const float *residual, int m, int width, vg_activation activation)
{
    for (int i = 0, rows; i < m; i += rows) {
        rows = next_tile_rows(m - i);
        pointwise_tiles[rows - 1][width / HALF_PANEL - 1](
            c + i * width, a, a->first + i, b, bias, residual != NULL ? residual + i * width : NULL,
            activation);
    }
}

static void stem(float *c, const float *a, ptrdiff_t a_row, const float *b, const float *bias,
                 int m, int width)
{
    for (int pixel = 0, rows; pixel < m; pixel += rows) {
        rows = next_tile_rows(m - pixel);
        stem_tiles[rows - 1][width / HALF_PANEL - 1](c + pixel * width,
                                                     a + pixel * STEM_PIXEL_STRIDE, a_row, b, bias);
    }
}

/* --- Depthwise ---------------------------------------------------------- */

enum { DEPTHWISE_COLUMNS = 4 };

/* `columns` outputs side by side, one vector of channels; `rows` point at the
 * column of the first tap. Taps outside first_tap..last_tap lie in the padding. */
INLINE void depthwise_tile(float *c, const float *const rows[3], const vec weights[9], vec bias,
                           int width, const int stride, const int columns, const int first_tap,
                           const int last_tap)
{
    vec acc[DEPTHWISE_COLUMNS];
    UNROLL
    for (int j = 0; j < columns; j++) acc[j] = bias;
    UNROLL
    for (int ky = 0; ky < 3; ky++) {
        /* Each input is loaded once and goes to all outputs it is a tap of. */
        UNROLL
        for (int x = first_tap; x <= (columns - 1) * stride + last_tap; x++) {
            vec input = vec_load(rows[ky] + x * width);
            UNROLL
            for (int j = 0; j < columns; j++) {
                int kx = x - j * stride;
                if (kx >= first_tap && kx <= last_tap)
                    acc[j] = vec_fma(input, weights[ky * 3 + kx], acc[j]);
            }
        }
    }
    UNROLL
    for (int j = 0; j < columns; j++) vec_store(c + j * width, relu6(acc[j]));
}

INLINE void depthwise_row(float *c, const float *const *rows, const vec weights[9], vec bias,
                          int out_width, int width, int channel, const int stride)
{
    /* With stride 1 the first tap of output 0 lies in the left padding; with
     * stride 2 there is padding on the right only. */
    const int left = stride == 1;
    const float *taps[3];
    for (int ky = 0; ky < 3; ky++) taps[ky] = rows[ky] + channel - left * width;
    c += channel;

#define AT(x)                                                                                 \
    (const float *const[3])                                                                   \
    {                                                                                         \
        taps[0] + (x)*stride *width, taps[1] + (x)*stride *width, taps[2] + (x)*stride *width \
    }
    int x = 0;
    int end = out_width - 1;
    if (left) {
        if (end == 0) {
            depthwise_tile(c, AT(0), weights, bias, width, stride, 1, 1, 1);
            return;
        }
        depthwise_tile(c, AT(0), weights, bias, width, stride, 1, 1, 2);
        x = 1;
    }
    for (; x + DEPTHWISE_COLUMNS <= end; x += DEPTHWISE_COLUMNS)
        depthwise_tile(c + x * width, AT(x), weights, bias, width, stride, DEPTHWISE_COLUMNS, 0, 2);
    if (x + 2 <= end) {
        depthwise_tile(c + x * width, AT(x), weights, bias, width, stride, 2, 0, 2);
        x += 2;
    }
    if (x < end) depthwise_tile(c + x * width, AT(x), weights, bias, width, stride, 1, 0, 2);
    depthwise_tile(c + end * width, AT(end), weights, bias, width, stride, 1, 0, 1);
#undef AT
}

INLINE void depthwise(float *c, const float *const *rows, const float *b, const float *bias,
                      int height, int out_width, int width, const int stride)
{
    for (int channel = 0; channel < width; channel += LANES) {
        vec weights[9];
        UNROLL
        for (int t = 0; t < 9; t++) weights[t] = vec_load(b + t * width + channel);
        for (int y = 0; y < height; y++)
            depthwise_row(c + y * out_width * width, rows + y * stride, weights,
                          vec_load(bias + channel), out_width, width, channel, stride);
    }
}

static void depthwise_stride1(float *c, const float *const *rows, const float *b, const float *bias,
                              int height, int out_width, int width)
{
    if (width == PANEL)
        depthwise(c, rows, b, bias, height, out_width, PANEL, 1);
    else
        depthwise(c, rows, b, bias, height, out_width, HALF_PANEL, 1);
}

static void depthwise_stride2(float *c, const float *const *rows, const float *b, const float *bias,
                              int height, int out_width, int width)
{
    if (width == PANEL)
        depthwise(c, rows, b, bias, height, out_width, PANEL, 2);
    else
        depthwise(c, rows, b, bias, height, out_width, HALF_PANEL, 2);
}

/* --- The rest ----------------------------------------------------------- */

static void average(float *c, const float *a, int m, int width)
{
    for (int channel = 0; channel < width; channel += LANES) {
        vec sum = vec_set1(0.0F);
        for (int i = 0; i < m; i++) sum = vec_add(sum, vec_load(a + i * width + channel));
        vec_store(c + channel, vec_div(sum, vec_set1((float)m)));
    }
}

/* As many sums as the tile has: they hide the latency of each. */
enum { PEAK_SUMS = TILE_ROWS * PANEL_VECTORS };

static double peak(long rounds)
{
    vec sums[PEAK_SUMS];
    UNROLL
    for (int i = 0; i < PEAK_SUMS; i++) sums[i] = vec_set1(0.125F * (float)i);
    vec factor = vec_set1(0.5F), term = vec_set1(0.25F);
    for (long round = 0; round < rounds; round++) {
        UNROLL
        for (int i = 0; i < PEAK_SUMS; i++) {
            sums[i] = vec_fma(sums[i], factor, term);
            /* Keeps the compiler from finding the loop's fixed point. */
            __asm__ volatile("" : VEC_REGISTER(sums[i]));
        }
    }
    return (double)(2 * LANES * PEAK_SUMS) * (double)rounds;
}

static void init_network_kernels(vg_kernels *kernels)
{
    kernels->panel = PANEL;
    kernels->pointwise = pointwise;
    kernels->stem = stem;
    kernels->depthwise_stride1 = depthwise_stride1;
    kernels->depthwise_stride2 = depthwise_stride2;
    kernels->average = average;
    kernels->peak = peak;
}
