/* Over the tiles of tile_tmpl.h. A file that includes this lists them:
 *   POINTWISE_TILES(X)  X(rows, vectors) for each, of one width the tallest first */
#include <assert.h>

#include "kernels/pointwise/pointwise.h"
#include "kernels/tiles.h"

/* While the first tiles of a panel run, they fetch the weights of the next panel, which
 * follow: each of AHEAD_TILES tiles takes its lines of a panel's worth of inputs. A layer
 * of 7 x 7 pixels has that many tiles, and weights that come from the level 3 cache. Later
 * tiles fetch nothing: where a neighbour shares the core, instructions are what counts. */
enum {
    LINE = 16, /* floats */
    AHEAD_TILES = 48 / FULL_ROWS,
    AHEAD_LINES = (PANEL * PANEL / LINE + AHEAD_TILES - 1) / AHEAD_TILES,
};

/* Products that a tile takes without a branch: channels of the network's layers are
 * multiples of 8. */
enum { RUN = 8 };

/* What of a panel of inputs has yet to be added. */
typedef struct pointwise_rest {
    const float *a, *b;
    int length;
} pointwise_rest;

/* All but the last few of `length` products. */
INLINE pointwise_rest pointwise_add(vec acc[][WIDE_VECTORS], const float *a, const int pixel_stride,
                                    const float *b, int length, const int rows, const int vectors)
{
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
        rest = pointwise_add(acc, panel + pixel * WIDE_PANEL, WIDE_PANEL, b, k, rows, vectors);
        k = 0;
    }
    for (; k > HALF_PANEL; k -= PANEL, panel += a->panel_stride) {
        if (ahead != NULL) {
            UNROLL
            for (int line = 0; line < AHEAD_LINES; line++) __builtin_prefetch(ahead + line * LINE);
            ahead += PANEL * vectors * LANES;
        }
        rest = pointwise_add(acc, panel + pixel * PANEL, PANEL, rest.b, k < PANEL ? k : PANEL, rows,
                             vectors);
    }
    if (k > 0) {
        pixel_stride = HALF_PANEL;
        rest = pointwise_add(acc, panel + pixel * HALF_PANEL, HALF_PANEL, rest.b, k, rows, vectors);
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
        const float *ahead = slice < AHEAD_TILES ? next + slice * AHEAD_LINES * LINE : NULL;
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
