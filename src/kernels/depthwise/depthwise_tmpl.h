/* Over the vectors of tile_tmpl.h. A tile is one vector of channels of some columns side by
 * side; a file that includes this lists the panels that have a function of their own:
 *   DEPTHWISE_TILES(X)  X(columns, vectors of the panel) for each */
#include <assert.h>

#include "kernels/depthwise/depthwise.h"
#include "kernels/tiles.h"

enum { MOST_COLUMNS = 7 };

/* Of one vector of channels. */
typedef struct depthwise_filter {
    vec taps[3][3], bias;
} depthwise_filter;

INLINE depthwise_filter depthwise_filter_at(const float *b, const float *bias, const int width)
{
    depthwise_filter filter = {.bias = vec_load(bias)};
    UNROLL
    for (int ky = 0; ky < 3; ky++) {
        UNROLL
        for (int kx = 0; kx < 3; kx++) filter.taps[ky][kx] = vec_load(b + (ky * 3 + kx) * width);
    }
    return filter;
}

/* `columns` outputs side by side, one vector of channels; taps[ky] points at the column of
 * the first tap. At a border, the tap in the padding is left out: the first of the first
 * output, the last of the last. */
INLINE void depthwise_tile(float *c, const float *const taps[3], const depthwise_filter *filter,
                           const int width, const int stride, const int columns, const int is_left,
                           const int is_right)
{
    vec acc[MOST_COLUMNS];
    UNROLL
    for (int j = 0; j < columns; j++) acc[j] = filter->bias;
    UNROLL
    for (int ky = 0; ky < 3; ky++) {
        /* Each input is loaded once and goes to all outputs it is a tap of: the empty
         * instruction keeps gcc from loading it again in each multiply-add. */
        UNROLL
        for (int x = is_left; x < (columns - 1) * stride + 3 - is_right; x++) {
            vec input = vec_load(taps[ky] + x * width);
            __asm__("" : VEC_REGISTER(input));
            UNROLL
            for (int j = 0; j < columns; j++) {
                int kx = x - j * stride;
                if (kx >= 0 && kx <= 2) acc[j] = vec_fma(input, filter->taps[ky][kx], acc[j]);
            }
        }
    }
    UNROLL
    for (int j = 0; j < columns; j++) vec_store(c + j * width, vec_relu6(acc[j]));
}

/* One row of outputs of one vector of channels. */
INLINE void depthwise_row(float *c, const float *taps[3], const float *b, const float *bias,
                          int out_width, const int width, const int stride, const int columns,
                          const int borders)
{
    const depthwise_filter filter = depthwise_filter_at(b, bias, width);
#define TILE(is_left, is_right) \
    depthwise_tile(c, taps, &filter, width, stride, columns, is_left, is_right)
    const int has_left = vg_depthwise_has_left(stride, borders);
    const int has_right = vg_depthwise_has_right(borders);
    for (int left = out_width; left > 0; left -= columns, c += columns * width) {
        int is_left = has_left && left == out_width, is_right = has_right && left == columns;
        is_left ? (is_right ? TILE(1, 1) : TILE(1, 0)) : (is_right ? TILE(0, 1) : TILE(0, 0));
        for (int ky = 0; ky < 3; ky++) taps[ky] += columns * stride * width;
    }
#undef TILE
}

typedef void depthwise_rows_fn(float *c, ptrdiff_t c_row, const float *const *rows, const float *b,
                               const float *bias, int height, int out_width, int borders);

INLINE void depthwise_run(float *c, ptrdiff_t c_row, const float *const *rows, const float *b,
                          const float *bias, int height, int out_width, const int borders,
                          const int width, const int stride, const int columns)
{
    /* The first tap of the first output, which may lie in the padding. */
    const int left = vg_depthwise_has_left(stride, borders) ? width : 0;
    for (int y = 0; y < height; y++, c += c_row, rows += stride) {
        /* Row by row, not channel by channel: lines of the cache are read once. */
        for (int channel = 0; channel < width; channel += LANES) {
            const float *taps[3] = {rows[0] + channel - left, rows[1] + channel - left,
                                    rows[2] + channel - left};
            depthwise_row(c + channel, taps, b + channel, bias + channel, out_width, width, stride,
                          columns, borders);
        }
    }
}

/* One function a panel's width and stride. */
#define DEPTHWISE_FUNCTION(STRIDE, COLUMNS, VECTORS)                                               \
    static void TILE_KERNEL(depthwise_stride##STRIDE, COLUMNS, VECTORS)(                           \
        float *c, ptrdiff_t c_row, const float *const *rows, const float *b, const float *bias,    \
        int height, int out_width, int borders)                                                    \
    {                                                                                              \
        depthwise_run(c, c_row, rows, b, bias, height, out_width, borders, VECTORS *LANES, STRIDE, \
                      COLUMNS);                                                                    \
    }
#define DEPTHWISE_FUNCTIONS(COLUMNS, VECTORS) \
    DEPTHWISE_FUNCTION(1, COLUMNS, VECTORS) DEPTHWISE_FUNCTION(2, COLUMNS, VECTORS)
#define DEPTHWISE_SHAPE(COLUMNS, VECTORS) {COLUMNS, VECTORS * LANES},
#define DEPTHWISE_POINTERS(COLUMNS, VECTORS)           \
    {TILE_KERNEL(depthwise_stride1, COLUMNS, VECTORS), \
     TILE_KERNEL(depthwise_stride2, COLUMNS, VECTORS)},

DEPTHWISE_TILES(DEPTHWISE_FUNCTIONS)
static const vg_tile depthwise_tiles[] = {DEPTHWISE_TILES(DEPTHWISE_SHAPE){0, 0}};
static depthwise_rows_fn *const depthwise_functions[][2] = {DEPTHWISE_TILES(DEPTHWISE_POINTERS)};

/* Any shape: one vector of one output at a time. */
static void FALLBACK_KERNEL(depthwise)(float *c, const float *const *rows, const float *b,
                                       const float *bias, int out_width, int width, int stride,
                                       int borders)
{
    const int in_width = vg_depthwise_in_width(out_width, stride, borders);
    const int padding = vg_depthwise_has_left(stride, borders);
    for (int x = 0; x < out_width; x++, c += width) {
        for (int channel = 0; channel < width; channel += LANES) {
            vec sum = vec_load(bias + channel);
            for (int ky = 0; ky < 3; ky++) {
                for (int kx = 0; kx < 3; kx++) {
                    int column = x * stride + kx - padding;
                    if (column < 0 || column >= in_width) continue;
                    sum = vec_fma(vec_load(rows[ky] + column * width + channel),
                                  vec_load(b + (ky * 3 + kx) * width + channel), sum);
                }
            }
            vec_store(c + channel, vec_relu6(sum));
        }
    }
}

INLINE void depthwise(float *c, ptrdiff_t c_row, const float *const *rows, const float *b,
                      const float *bias, int height, int out_width, int width, const int stride,
                      int borders)
{
    assert(vg_depthwise_may(c, c_row, rows, b, bias, height, out_width, width, PANEL));
    for (int t = 0; depthwise_tiles[t].rows > 0; t++) {
        if (depthwise_tiles[t].width != width || out_width % depthwise_tiles[t].rows != 0) continue;
        depthwise_functions[t][stride - 1](c, c_row, rows, b, bias, height, out_width, borders);
        return;
    }
    for (int y = 0; y < height; y++, c += c_row, rows += stride)
        FALLBACK_KERNEL(depthwise)(c, rows, b, bias, out_width, width, stride, borders);
}

static void KERNEL(depthwise_stride1)(float *c, ptrdiff_t c_row, const float *const *rows,
                                      const float *b, const float *bias, int height, int out_width,
                                      int width, int borders)
{
    depthwise(c, c_row, rows, b, bias, height, out_width, width, 1, borders);
}

static void KERNEL(depthwise_stride2)(float *c, ptrdiff_t c_row, const float *const *rows,
                                      const float *b, const float *bias, int height, int out_width,
                                      int width, int borders)
{
    depthwise(c, c_row, rows, b, bias, height, out_width, width, 2, borders);
}
