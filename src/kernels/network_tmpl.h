/* The network's kernels over vectors, once for all instruction sets. A file that
 * includes this defines
 *   LANES          floats of a vector `vec`
 *   PANEL_VECTORS  vectors of a full panel, 2 or 4; a half panel has half of them
 *   TILE_ROWS      pixels of a register tile, 6 or 14 ...
 *   HALF_TILE_ROWS ... of one over half a panel, 6, 12 or 28 ...
 *   WIDE_TILE_ROWS ... and of one over a panel and a half, 4 or 9
 *   INPUTS         inputs of a pixel that one register holds: 1, broadcast, or LANES
 *                  where a multiply-add takes its factor from one lane
 *   VEC_REGISTER   constraint of a register that inline assembly reads and writes
 * and vec_load, vec_store, vec_set1, vec_add, vec_div, vec_fma (a * b + c), vec_min
 * and vec_max, which return the second operand where the first is NaN, and
 *   vec_load_inputs(p)         INPUTS inputs of a pixel
 *   vec_fma_input(x, n, b, c)  input n of x, times b, + c
 *   add_pixel(acc, x, weights, vectors)  the float at x, times weights[v], + acc[v]
 *
 * Sums start at the bias and take their products in the order of kernels.h. */
#include "kernels/kernels.h"
#include "kernels/unroll.h"

enum {
    PANEL = PANEL_VECTORS * LANES,
    HALF_PANEL = PANEL / 2,
    WIDE_PANEL = PANEL + HALF_PANEL,
    WIDE_VECTORS = WIDE_PANEL / LANES,
};

#define INLINE static inline __attribute__((always_inline))

INLINE vec relu6(vec x)
{
    return vec_min(vec_max(x, vec_set1(0.0F)), vec_set1(6.0F));
}

/* --- Register tile ------------------------------------------------------ */

/* Adds the product of one broadcast input and its weights to each sum of the tile. */
INLINE void tile_add_one(vec acc[][WIDE_VECTORS], const float *a, ptrdiff_t pixel_stride,
                         const float *b, const int rows, const int vectors)
{
    vec weights[WIDE_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) weights[v] = vec_load(b + v * LANES);
    UNROLL
    for (int i = 0; i < rows; i++) add_pixel(acc[i], a + i * pixel_stride, weights, vectors);
}

/* The same for the INPUTS inputs of a register, one after the other. Weights serve all
 * pixels before the next are loaded: so few registers hold them. */
INLINE void tile_add_inputs(vec acc[][WIDE_VECTORS], const float *a, ptrdiff_t pixel_stride,
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

/* Adds `length` products to each sum of the tile, without a branch. */
INLINE void tile_add(vec acc[][WIDE_VECTORS], const float *a, ptrdiff_t pixel_stride,
                     const float *b, const int length, const int rows, const int vectors)
{
    const int grouped = INPUTS > 1 ? length / INPUTS * INPUTS : 0;
    UNROLL
    for (int k = 0; k < grouped; k += INPUTS)
        tile_add_inputs(acc, a + k, pixel_stride, b + k * vectors * LANES, rows, vectors);
    UNROLL
    for (int k = grouped; k < length; k++)
        tile_add_one(acc, a + k, pixel_stride, b + k * vectors * LANES, rows, vectors);
}

/* Where the channels of a network's layers end: at 24, or at a multiple of 16. What remains
 * past a longer run costs moves between registers. */
enum { WIDE_RUN = 24, LONG_RUN = 16, SHORT_RUN = 8 };

/* The same for any length, in runs of the longest that is given; returns the weights after
 * them. */
INLINE const float *tile_add_all(vec acc[][WIDE_VECTORS], const float *a, ptrdiff_t pixel_stride,
                                 const float *b, int length, const int longest, const int rows,
                                 const int vectors)
{
    for (; length >= longest; length -= longest, a += longest, b += longest * vectors * LANES)
        tile_add(acc, a, pixel_stride, b, longest, rows, vectors);
    if (length >= SHORT_RUN) {
        tile_add(acc, a, pixel_stride, b, SHORT_RUN, rows, vectors);
        length -= SHORT_RUN, a += SHORT_RUN, b += SHORT_RUN * vectors * LANES;
    }
    for (; length > 0; length--, a++, b += vectors * LANES)
        tile_add(acc, a, pixel_stride, b, 1, rows, vectors);
    return b;
}

INLINE void tile_start(vec acc[][WIDE_VECTORS], const float *bias, const int rows,
                       const int vectors)
{
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++) acc[i][v] = vec_load(bias + v * LANES);
    }
}

INLINE void tile_finish(float *c, vec acc[][WIDE_VECTORS], const float *residual, const int rows,
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

/* While the first tiles of a panel run, they fetch the weights of the next panel, which
 * follow: each of AHEAD_TILES tiles takes its lines of a panel's worth of inputs. A layer
 * of 7 x 7 pixels has that many tiles, and weights that come from the level 3 cache. Later
 * tiles fetch nothing: where a neighbour shares the core, instructions are what counts. */
enum {
    LINE = 16, /* floats */
    AHEAD_TILES = 48 / TILE_ROWS,
    AHEAD_LINES = (PANEL * PANEL / LINE + AHEAD_TILES - 1) / AHEAD_TILES,
};

INLINE void pointwise_tile(float *c, const vg_pointwise_input *a, int pixel, const float *b,
                           const float *ahead, const float *bias, const float *residual,
                           vg_activation activation, const int rows, const int vectors)
{
    vec acc[HALF_TILE_ROWS][WIDE_VECTORS];
    tile_start(acc, bias, rows, vectors);
    int k = a->channels;
    const float *panel = a->values;
    if (vg_panel_is_wide(k, PANEL)) {
        tile_add_all(acc, panel + pixel * WIDE_PANEL, WIDE_PANEL, b, k, WIDE_RUN, rows, vectors);
        k = 0;
    }
    for (; k > HALF_PANEL; k -= PANEL, panel += a->panel_stride) {
        if (ahead != NULL) {
            UNROLL
            for (int line = 0; line < AHEAD_LINES; line++) __builtin_prefetch(ahead + line * LINE);
            ahead += PANEL * vectors * LANES;
        }
        b = tile_add_all(acc, panel + pixel * PANEL, PANEL, b, k < PANEL ? k : PANEL, LONG_RUN,
                         rows, vectors);
    }
    if (k > 0)
        tile_add_all(acc, panel + pixel * HALF_PANEL, HALF_PANEL, b, k, LONG_RUN, rows, vectors);
    tile_finish(c, acc, residual, rows, vectors, activation);
}

typedef void pointwise_tiles_fn(float *c, const vg_pointwise_input *a, int pixel, int tiles,
                                const float *b, const float *bias, const float *residual,
                                vg_activation activation);

/* `tiles` tiles of `rows` pixels, one after the other. */
INLINE void pointwise_tiles(float *c, const vg_pointwise_input *a, int pixel, int tiles,
                            const float *b, const float *bias, const float *residual,
                            vg_activation activation, const int rows, const int vectors)
{
    const ptrdiff_t size = (ptrdiff_t)rows * vectors * LANES;
    const float *next = b + (ptrdiff_t)a->channels * vectors * LANES;
    int slice = (pixel - a->first) / rows;
    for (int t = 0; t < tiles; t++, slice++, pixel += rows, c += size) {
        const float *ahead = slice < AHEAD_TILES ? next + slice * AHEAD_LINES * LINE : NULL;
        pointwise_tile(c, a, pixel, b, ahead, bias, residual, activation, rows, vectors);
        if (residual != NULL) residual += size;
    }
}

/* --- Stem --------------------------------------------------------------- */

enum { STEM_PIXEL_STRIDE = 2 * 3, STEM_ROW_PRODUCTS = 3 * 3 };

typedef void stem_tiles_fn(float *c, const float *a, ptrdiff_t a_row, int tiles, const float *b,
                           const float *bias);

INLINE void stem_tiles(float *c, const float *a, ptrdiff_t a_row, int tiles, const float *b,
                       const float *bias, const int rows, const int vectors)
{
    for (int t = 0; t < tiles; t++, a += rows * STEM_PIXEL_STRIDE, c += rows * vectors * LANES) {
        vec acc[HALF_TILE_ROWS][WIDE_VECTORS];
        tile_start(acc, bias, rows, vectors);
        UNROLL
        for (int ky = 0; ky < 3; ky++)
            tile_add(acc, a + ky * a_row, STEM_PIXEL_STRIDE,
                     b + ky * STEM_ROW_PRODUCTS * vectors * LANES, STEM_ROW_PRODUCTS, rows,
                     vectors);
        tile_finish(c, acc, NULL, rows, vectors, VG_RELU6);
    }
}

/* --- One function a tile's shape ---------------------------------------- */

#define DEFINE_POINTWISE(ROWS, WIDTH, VECTORS)                                                     \
    static void pointwise_tiles_##ROWS##_##WIDTH(float *c, const vg_pointwise_input *a, int pixel, \
                                                 int tiles, const float *b, const float *bias,     \
                                                 const float *residual, vg_activation activation)  \
    {                                                                                              \
        pointwise_tiles(c, a, pixel, tiles, b, bias, residual, activation, ROWS, VECTORS);         \
    }
#define DEFINE_HALF(ROWS) DEFINE_POINTWISE(ROWS, half, PANEL_VECTORS / 2)
#define DEFINE_FULL(ROWS) DEFINE_POINTWISE(ROWS, full, PANEL_VECTORS)
#define DEFINE_WIDE(ROWS) DEFINE_POINTWISE(ROWS, wide, WIDE_VECTORS)
#define HALF_TILES(ROWS) [ROWS] = pointwise_tiles_##ROWS##_half,
#define FULL_TILES(ROWS) [ROWS] = pointwise_tiles_##ROWS##_full,
#define WIDE_TILES(ROWS) [ROWS] = pointwise_tiles_##ROWS##_wide,

#define DEFINE_STEM(ROWS)                                                               \
    static void stem_tiles_##ROWS(float *c, const float *a, ptrdiff_t a_row, int tiles, \
                                  const float *b, const float *bias)                    \
    {                                                                                   \
        stem_tiles(c, a, a_row, tiles, b, bias, ROWS, PANEL_VECTORS);                   \
    }
#define STEM_TILES(ROWS) [ROWS] = stem_tiles_##ROWS,

/* X for 1, 2 ... rows. */
#define UP_TO_4(X) X(1) X(2) X(3) X(4)
#define UP_TO_6(X) UP_TO_4(X) X(5) X(6)
#define UP_TO_9(X) UP_TO_6(X) X(7) X(8) X(9)
#define UP_TO_12(X) UP_TO_9(X) X(10) X(11) X(12)
#define UP_TO_14(X) UP_TO_12(X) X(13) X(14)
#define UP_TO_28(X) \
    UP_TO_14(X)     \
    X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28)
#define JOINED(A, B) A##B
#define UP_TO(ROWS) JOINED(UP_TO_, ROWS)

/* By the halves of a panel that are the width, then by the rows. */
enum { HALF = 1, FULL = 2, WIDE = 3, SHAPES = 4 };

/* clang-format off */
UP_TO(HALF_TILE_ROWS)(DEFINE_HALF)
UP_TO(TILE_ROWS)(DEFINE_FULL)
UP_TO(WIDE_TILE_ROWS)(DEFINE_WIDE)
UP_TO(TILE_ROWS)(DEFINE_STEM)

static pointwise_tiles_fn *const pointwise_of[SHAPES][HALF_TILE_ROWS + 1] = {
    [HALF] = {UP_TO(HALF_TILE_ROWS)(HALF_TILES)},
    [FULL] = {UP_TO(TILE_ROWS)(FULL_TILES)},
    [WIDE] = {UP_TO(WIDE_TILE_ROWS)(WIDE_TILES)}};
static stem_tiles_fn *const stem_of[TILE_ROWS + 1] = {UP_TO(TILE_ROWS)(STEM_TILES)};
/* clang-format on */

static const int tile_rows[SHAPES] = {
    [HALF] = HALF_TILE_ROWS, [FULL] = TILE_ROWS, [WIDE] = WIDE_TILE_ROWS};

/* m pixels in tiles of equal height, `taller` of them by one more: a ragged last tile
 * would leave the multipliers waiting for its few sums. */
typedef struct tile_split {
    int rows, tiles, taller;
} tile_split;

INLINE tile_split split_tiles(int m, int shape)
{
    int most = tile_rows[shape];
    int tiles = (m + most - 1) / most;
    return tiles > 0 ? (tile_split){m / tiles, tiles, m % tiles} : (tile_split){0};
}

static void pointwise(float *c, const vg_pointwise_input *a, const float *b, const float *bias,
                      const float *residual, int m, int width, vg_activation activation)
{
    const int shape = width / HALF_PANEL;
    pointwise_tiles_fn *const *tiles = pointwise_of[shape];
    const tile_split split = split_tiles(m, shape);
    if (split.taller > 0) {
        int pixels = split.taller * (split.rows + 1);
        tiles[split.rows + 1](c, a, a->first, split.taller, b, bias, residual, activation);
        if (residual != NULL) residual += pixels * width;
        c += pixels * width;
    }
    int done = split.taller * (split.rows + 1);
    if (split.tiles > split.taller)
        tiles[split.rows](c, a, a->first + done, split.tiles - split.taller, b, bias, residual,
                          activation);
}

/* The network's stem has full panels only: others may be slow. */
static void stem(float *c, const float *a, ptrdiff_t a_row, const float *b, const float *bias,
                 int m, int width)
{
    if (width == HALF_PANEL) {
        stem_tiles(c, a, a_row, m, b, bias, 1, PANEL_VECTORS / 2);
        return;
    }
    if (width == WIDE_PANEL) {
        stem_tiles(c, a, a_row, m, b, bias, 1, WIDE_VECTORS);
        return;
    }
    const tile_split split = split_tiles(m, FULL);
    int pixels = split.taller * (split.rows + 1);
    if (split.taller > 0) stem_of[split.rows + 1](c, a, a_row, split.taller, b, bias);
    if (split.tiles > split.taller)
        stem_of[split.rows](c + pixels * PANEL, a + pixels * STEM_PIXEL_STRIDE, a_row,
                            split.tiles - split.taller, b, bias);
}

/* --- Depthwise ---------------------------------------------------------- */

/* The width of every layer is a multiple of 7. */
enum { DEPTHWISE_COLUMNS = 7 };

/* `columns` outputs side by side, one vector of channels; taps[ky] points at the column of
 * the first tap. At a border, the tap in the padding is left out: the first of the first
 * output, the last of the last. Weights b [9][width] are loaded row by row: all nine beside
 * the sums would be more than AVX2 has registers for. */
INLINE void depthwise_tile(float *c, const float *const taps[3], const float *b, const float *bias,
                           int width, const int stride, const int columns, const int is_left,
                           const int is_right)
{
    vec acc[DEPTHWISE_COLUMNS];
    UNROLL
    for (int j = 0; j < columns; j++) acc[j] = vec_load(bias);
    UNROLL
    for (int ky = 0; ky < 3; ky++) {
        vec weights[3];
        UNROLL
        for (int kx = 0; kx < 3; kx++) weights[kx] = vec_load(b + (ky * 3 + kx) * width);
        /* Each input is loaded once and goes to all outputs it is a tap of. */
        UNROLL
        for (int x = is_left; x < (columns - 1) * stride + 3 - is_right; x++) {
            vec input = vec_load(taps[ky] + x * width);
            UNROLL
            for (int j = 0; j < columns; j++) {
                int kx = x - j * stride;
                if (kx >= 0 && kx <= 2) acc[j] = vec_fma(input, weights[kx], acc[j]);
            }
        }
    }
    UNROLL
    for (int j = 0; j < columns; j++) vec_store(c + j * width, relu6(acc[j]));
}

/* One row of outputs of one vector of channels. */
INLINE void depthwise_row(float *c, const float *taps[3], const float *b, const float *bias,
                          int out_width, int width, const int stride)
{
#define TILE(columns, is_left, is_right) \
    depthwise_tile(c, taps, b, bias, width, stride, columns, is_left, is_right)
    int has_left = stride == 1;
    for (int left = out_width; left > 0;) {
        int columns = left >= DEPTHWISE_COLUMNS ? DEPTHWISE_COLUMNS : 1;
        int is_left = has_left && left == out_width, is_right = left == columns;
        if (columns == 1)
            is_left ? (is_right ? TILE(1, 1, 1) : TILE(1, 1, 0))
                    : (is_right ? TILE(1, 0, 1) : TILE(1, 0, 0));
        else
            is_left ? (is_right ? TILE(DEPTHWISE_COLUMNS, 1, 1) : TILE(DEPTHWISE_COLUMNS, 1, 0))
                    : (is_right ? TILE(DEPTHWISE_COLUMNS, 0, 1) : TILE(DEPTHWISE_COLUMNS, 0, 0));
        left -= columns;
        c += columns * width;
        for (int ky = 0; ky < 3; ky++) taps[ky] += columns * stride * width;
    }
#undef TILE
}

INLINE void depthwise(float *c, const float *const *rows, const float *b, const float *bias,
                      int height, int out_width, int width, const int stride)
{
    /* With stride 1 the first tap of output 0 lies in the left padding; with
     * stride 2 there is padding on the right only. */
    const int left = stride == 1 ? width : 0;
    for (int y = 0; y < height; y++, c += out_width * width, rows += stride) {
        /* Row by row, not channel by channel: lines of the cache are read once. */
        for (int channel = 0; channel < width; channel += LANES) {
            const float *taps[3] = {rows[0] + channel - left, rows[1] + channel - left,
                                    rows[2] + channel - left};
            depthwise_row(c + channel, taps, b + channel, bias + channel, out_width, width, stride);
        }
    }
}

static void depthwise_stride1(float *c, const float *const *rows, const float *b, const float *bias,
                              int height, int out_width, int width)
{
    if (width == PANEL)
        depthwise(c, rows, b, bias, height, out_width, PANEL, 1);
    else
        depthwise(c, rows, b, bias, height, out_width, width, 1);
}

static void depthwise_stride2(float *c, const float *const *rows, const float *b, const float *bias,
                              int height, int out_width, int width)
{
    if (width == PANEL)
        depthwise(c, rows, b, bias, height, out_width, PANEL, 2);
    else
        depthwise(c, rows, b, bias, height, out_width, width, 2);
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
