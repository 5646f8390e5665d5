/* Over the tiles of tile_tmpl.h. A file that includes this lists them:
 *   POINTWISE_TILES(X)  X(rows, vectors) for each, of one width the tallest first */
#include <assert.h>

#include "kernels/pointwise/pointwise.h"
#include "kernels/tiles.h"

/* Products that a tile takes without a branch: channels of the network's layers are
 * multiples of 8. */
enum { RUN = 8 };

/* While the first tiles of a panel run, they fetch the weights of the next panel, which
 * follow: of the lines of each run, every tile takes some. A layer of 7 x 7 pixels has that
 * many tiles, and weights that come from the level 3 cache. Later tiles fetch nothing: where
 * a neighbour shares the core, instructions are what counts. A line at a time between
 * products, for a core waits where many are on their way; and into level 2, for a panel is
 * as large as level 1. */
enum { LINE = 16 /* floats */, AHEAD_TILES = 49 / FULL_ROWS + 1 };

INLINE int run_lines(const int vectors)
{
    return RUN * vectors * LANES / LINE;
}

INLINE int tile_lines(const int vectors)
{
    return (run_lines(vectors) + AHEAD_TILES - 1) / AHEAD_TILES;
}

/* One run, and of the weights at `ahead` this tile's lines. */
INLINE void pointwise_add_and_fetch(vec acc[][WIDE_VECTORS], const float *a, const int pixel_stride,
                                    const float *b, const float *ahead, const int rows,
                                    const int vectors)
{
    const int lines = tile_lines(vectors), step = RUN / lines;
    UNROLL
    for (int line = 0; line < lines; line++) {
        const int k = line * step, length = line + 1 < lines ? step : RUN - k;
        __builtin_prefetch(ahead + line * LINE, 0, 2);
        tile_add(acc, a + k, pixel_stride, b + k * vectors * LANES, length, rows, vectors);
    }
}

/* What of a panel of inputs has yet to be added. */
typedef struct pointwise_rest {
    const float *a, *b;
    int length;
} pointwise_rest;

/* All but the last few of `length` products. `ahead`, or NULL, is where the weights lie that
 * this tile fetches. */
INLINE pointwise_rest pointwise_add(vec acc[][WIDE_VECTORS], const float *a, const int pixel_stride,
                                    const float *b, const float *ahead, int length, const int rows,
                                    const int vectors)
{
    if (ahead != NULL)
        for (; length >= RUN; length -= RUN, a += RUN, b += RUN * vectors * LANES) {
            pointwise_add_and_fetch(acc, a, pixel_stride, b, ahead, rows, vectors);
            ahead += RUN * vectors * LANES;
        }
    for (; length >= RUN; length -= RUN, a += RUN, b += RUN * vectors * LANES)
        tile_add(acc, a, pixel_stride, b, RUN, rows, vectors);
    return (pointwise_rest){a, b, length};
}

INLINE void pointwise_tile(float *c, const vg_pointwise_input *a, int pixel, const float *b,
                           const float *ahead, const float *bias, const float *residual,
                           vg_activation activation, const int rows, const int vectors)
{
    vec acc[TALLEST][WIDE_VECTORS];
    tile_start(acc, bias, rows, vectors);
    const float *panel = a->values;
    pointwise_rest rest = {NULL, b, 0};
    int k = a->channels, pixel_stride = PANEL;
    if (vg_panel_is_wide(k, PANEL)) {
        pixel_stride = WIDE_PANEL;
        rest =
            pointwise_add(acc, panel + pixel * WIDE_PANEL, WIDE_PANEL, b, NULL, k, rows, vectors);
        k = 0;
    }
    for (; k > HALF_PANEL; k -= PANEL, panel += a->panel_stride) {
        rest = pointwise_add(acc, panel + pixel * PANEL, PANEL, rest.b, ahead,
                             k < PANEL ? k : PANEL, rows, vectors);
        if (ahead != NULL) ahead += PANEL * vectors * LANES;
    }
    if (k > 0) {
        pixel_stride = HALF_PANEL;
        rest = pointwise_add(acc, panel + pixel * HALF_PANEL, HALF_PANEL, rest.b, NULL, k, rows,
                             vectors);
    }
    for (; rest.length > 0; rest.length--, rest.a++, rest.b += vectors * LANES)
        tile_add_one(acc, rest.a, pixel_stride, rest.b, rows, vectors);
    tile_finish(c, acc, residual, rows, vectors, activation);
}

typedef void pointwise_tiles_fn(float *c, const vg_pointwise_input *a, int pixel, int tiles,
                                const float *b, const float *bias, const float *residual,
                                vg_activation activation);

/* `tiles` tiles of `rows` pixels, one after the other. */
INLINE void pointwise_run(float *c, const vg_pointwise_input *a, int pixel, int tiles,
                          const float *b, const float *bias, const float *residual,
                          vg_activation activation, const int rows, const int vectors)
{
    const ptrdiff_t size = (ptrdiff_t)rows * vectors * LANES;
    const float *next = b + (ptrdiff_t)a->channels * vectors * LANES;
    int slice = (pixel - a->first) / rows;
    for (int t = 0; t < tiles; t++, slice++, pixel += rows, c += size) {
        int line = slice * tile_lines(vectors);
        const float *ahead = line < run_lines(vectors) ? next + line * LINE : NULL;
        pointwise_tile(c, a, pixel, b, ahead, bias, residual, activation, rows, vectors);
        if (residual != NULL) residual += size;
    }
}

/* One function a tile's shape. */
#define POINTWISE_FUNCTION(ROWS, VECTORS)                                                \
    static void TILE_KERNEL(pointwise, ROWS, VECTORS)(                                   \
        float *c, const vg_pointwise_input *a, int pixel, int tiles, const float *b,     \
        const float *bias, const float *residual, vg_activation activation)              \
    {                                                                                    \
        pointwise_run(c, a, pixel, tiles, b, bias, residual, activation, ROWS, VECTORS); \
    }
#define POINTWISE_SHAPE(ROWS, VECTORS) {ROWS, VECTORS * LANES},
#define POINTWISE_POINTER(ROWS, VECTORS) TILE_KERNEL(pointwise, ROWS, VECTORS),

POINTWISE_TILES(POINTWISE_FUNCTION)
static const vg_tile pointwise_tiles[] = {POINTWISE_TILES(POINTWISE_SHAPE){0, 0}};
static pointwise_tiles_fn *const pointwise_functions[] = {POINTWISE_TILES(POINTWISE_POINTER)};

/* Any shape: `m` pixels, one vector of sums at a time. */
static void FALLBACK_KERNEL(pointwise)(float *c, const vg_pointwise_input *a, int pixel, int m,
                                       const float *b, const float *bias, const float *residual,
                                       int width, vg_activation activation)
{
    for (int i = 0; i < m; i++, pixel++, c += width) {
        for (int channel = 0; channel < width; channel += LANES) {
            vec sum = vec_load(bias + channel);
            const float *weights = b + channel;
            for (int p = 0; p < vg_panel_count(a->channels, PANEL); p++) {
                int in_width = vg_panel_width(a->channels, PANEL, p),
                    left = a->channels - p * PANEL;
                const float *x = a->values + p * a->panel_stride + (ptrdiff_t)pixel * in_width;
                const float *end = x + (left < in_width ? left : in_width);
                for (; x < end; x++, weights += width)
                    sum = vec_fma(vec_set1(*x), vec_load(weights), sum);
            }
            if (activation == VG_RELU6) sum = vec_relu6(sum);
            if (residual != NULL) sum = vec_add(sum, vec_load(residual + i * width + channel));
            vec_store(c + channel, sum);
        }
    }
}

static void KERNEL(pointwise)(float *c, const vg_pointwise_input *a, const float *b,
                              const float *bias, const float *residual, int m, int width,
                              vg_activation activation)
{
    assert(vg_pointwise_may(c, a, b, bias, m, width, PANEL));
    for (int pixel = a->first, end = pixel + m, pixels; pixel < end; pixel += pixels) {
        vg_tile_run run = vg_tiles_pick(pointwise_tiles, width, end - pixel);
        pixels = end - pixel;
        if (run.count > 0) {
            pixels = run.count * pointwise_tiles[run.tile].rows;
            pointwise_functions[run.tile](c, a, pixel, run.count, b, bias, residual, activation);
        } else {
            FALLBACK_KERNEL(pointwise)(c, a, pixel, pixels, b, bias, residual, width, activation);
        }
        if (residual != NULL) residual += pixels * width;
        c += pixels * width;
    }
}
