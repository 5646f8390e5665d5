/* Over the tiles of tile_tmpl.h. A file that includes this lists them:
 *   STEM_TILES(X)  X(rows, vectors) for each, of one width the tallest first */
#include <assert.h>

#include "kernels/stem/stem.h"
#include "kernels/tiles.h"

typedef void stem_tiles_fn(float *c, const float *a, ptrdiff_t a_row, int tiles, const float *b,
                           const float *bias);

INLINE void stem_run(float *c, const float *a, ptrdiff_t a_row, int tiles, const float *b,
                     const float *bias, const int rows, const int vectors)
{
    for (int t = 0; t < tiles; t++, a += rows * VG_STEM_PIXEL_STRIDE, c += rows * vectors * LANES) {
        vec acc[TALLEST][WIDE_VECTORS];
        tile_start(acc, bias, rows, vectors);
        UNROLL
        for (int ky = 0; ky < 3; ky++)
            tile_add(acc, a + ky * a_row, VG_STEM_PIXEL_STRIDE,
                     b + ky * VG_STEM_ROW_PRODUCTS * vectors * LANES, VG_STEM_ROW_PRODUCTS, rows,
                     vectors);
        tile_finish(c, acc, NULL, rows, vectors, VG_RELU6);
    }
}

/* One function a tile's shape. */
#define STEM_FUNCTION(ROWS, VECTORS)                                                           \
    static void TILE_KERNEL(stem, ROWS, VECTORS)(float *c, const float *a, ptrdiff_t a_row,    \
                                                 int tiles, const float *b, const float *bias) \
    {                                                                                          \
        stem_run(c, a, a_row, tiles, b, bias, ROWS, VECTORS);                                  \
    }
#define STEM_SHAPE(ROWS, VECTORS) {ROWS, VECTORS * LANES},
#define STEM_POINTER(ROWS, VECTORS) TILE_KERNEL(stem, ROWS, VECTORS),

STEM_TILES(STEM_FUNCTION)
static const vg_tile stem_tiles[] = {STEM_TILES(STEM_SHAPE){0, 0}};
static stem_tiles_fn *const stem_functions[] = {STEM_TILES(STEM_POINTER)};

/* Any shape: one vector of sums at a time. */
static void FALLBACK_KERNEL(stem)(float *c, const float *a, ptrdiff_t a_row, int m, const float *b,
                                  const float *bias, int width)
{
    for (int i = 0; i < m; i++, a += VG_STEM_PIXEL_STRIDE, c += width) {
        for (int channel = 0; channel < width; channel += LANES) {
            vec sum = vec_load(bias + channel);
            const float *weights = b + channel;
            for (int ky = 0; ky < 3; ky++)
                for (int p = 0; p < VG_STEM_ROW_PRODUCTS; p++, weights += width)
                    sum = vec_fma(vec_set1(a[ky * a_row + p]), vec_load(weights), sum);
            vec_store(c + channel, vec_relu6(sum));
        }
    }
}

static void KERNEL(stem)(float *c, const float *a, ptrdiff_t a_row, const float *b,
                         const float *bias, int m, int width)
{
    assert(vg_stem_may(c, a, b, bias, m, width, PANEL));
    for (int pixels; m > 0; m -= pixels) {
        vg_tile_run run = vg_tiles_pick(stem_tiles, width, m);
        pixels = m;
        if (run.count > 0) {
            pixels = run.count * stem_tiles[run.tile].rows;
            stem_functions[run.tile](c, a, a_row, run.count, b, bias);
        } else {
            FALLBACK_KERNEL(stem)(c, a, a_row, pixels, b, bias, width);
        }
        c += pixels * width;
        a += pixels * VG_STEM_PIXEL_STRIDE;
    }
}
