/* Products of digits on the tile registers of AMX: eight of 16 rows of 64 bytes, of which a
 * product of two is added to a third in 16 cycles, in 8 bytes a lane.
 *
 * Four registers sum 28 pixels x 32 outputs of one order, two hold rows of pixels, two
 * weights. A product takes as many cycles as its pixels are rows, but 16 where the weights
 * are others than those of the product before: so they come in pairs. */
#include <immintrin.h>

#include "kernels/digits/digits.h"
#include "kernels/template.h"

enum { ROWS = 14, LANES = 16 };

/* Intel SDM vol. 1, 18.3: what LDTILECFG reads. gcc's intrinsic does not say that it reads all
 * of it. */
typedef struct tile_shapes {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

/* Of `rows` pixels. */
static void set_shapes(int rows)
{
    const uint8_t r = (uint8_t)rows;
    _Alignas(64) const tile_shapes shapes = {.palette = 1,
                                             .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                             .rows = {r, r, r, r, r, r, 16, 16}};
    __asm__ volatile("ldtilecfg %0" : : "m"(shapes));
}

/* It takes 0.1 us: so the shapes stay from call to call. */
void vg_digits_begin_amx(void)
{
    set_shapes(ROWS);
}

void vg_digits_end_amx(void)
{
    _tile_release();
}

/* While tiles are multiplied, the weights of the next panel, which follow, are fetched: at 7 x 7
 * pixels, where two blocks use them, so many lines a product. */
typedef struct fetch {
    const int8_t *next, *end;
} fetch;

enum { LINE_BYTES = 64, LINES_A_PRODUCT = 8 };

INLINE void fetch_some(fetch *ahead)
{
    if (ahead->next >= ahead->end) return;
    UNROLL
    for (int line = 0; line < LINES_A_PRODUCT; line++)
        __builtin_prefetch(ahead->next + line * LINE_BYTES, 0, 2);
    ahead->next += LINES_A_PRODUCT * LINE_BYTES;
}

/* Two runs of pixels times twice 16 outputs. */
typedef struct block {
    int pixels[2];  /* of the output, where each run begins ... */
    int skipped[2]; /* ... and how many of its pixels the run before it has had */
    int rows;       /* pixels of a run */
    const int8_t *tiles[2];
    const vg_digits_outputs *outputs[2];
    fetch ahead;
} block;

typedef int32_t order_sums[2][2][ROWS][LANES]; /* [outputs][pixels] */

/* Adds a row of each pixel times a tile of weights. */
INLINE void add_products(const float *const rows[2], int row, int pixel_floats,
                         const int8_t *const tiles[2], int tile)
{
    const ptrdiff_t stride = pixel_floats * (ptrdiff_t)sizeof(float);
    const int at = row * VG_DIGITS_ROW_FLOATS;
    _tile_loadd(6, tiles[0] + tile * VG_DIGITS_TILE, VG_DIGITS_ROW);
    _tile_loadd(4, rows[0] + at, stride);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(5, rows[1] + at, stride);
    _tile_dpbusd(1, 5, 6);
    _tile_loadd(7, tiles[1] + tile * VG_DIGITS_TILE, VG_DIGITS_ROW);
    _tile_dpbusd(2, 4, 7);
    _tile_dpbusd(3, 5, 7);
}

INLINE void add_panel(const float *panel, const int pixels[2], const int8_t *const tiles[2],
                      fetch *ahead, const int order, const int width)
{
    const int floats = vg_digits_floats(width);
    const float *const rows[2] = {panel + pixels[0] * floats, panel + pixels[1] * floats};
    UNROLL
    for (int row = 0; row < vg_digits_rows(width); row++) {
        int tile = vg_digits_tile_of(width, row, order);
        if (tile < 0) continue;
        add_products(rows, row, floats, tiles, tile);
        fetch_some(ahead);
    }
}

INLINE void sum_order(order_sums sums, const vg_pointwise_input *a, block *b, const int order)
{
    const int pixels[2] = {a->first + b->pixels[0], a->first + b->pixels[1]};
    const int8_t *tiles[2] = {b->tiles[0], b->tiles[1]};
    const float *panel = a->values;
    /* One row for all pixels: the stride is 0. */
    _tile_loadd(0, b->outputs[0]->start[order], 0);
    _tile_loadd(1, b->outputs[0]->start[order], 0);
    _tile_loadd(2, b->outputs[1]->start[order], 0);
    _tile_loadd(3, b->outputs[1]->start[order], 0);
    const int panels = vg_panel_count(a->channels, a->panel);
    for (int p = 0; p < panels; p++, panel += a->panel_stride) {
        const int width = p + 1 < panels ? a->panel : vg_panel_width(a->channels, a->panel, p);
        if (width == VG_DIGITS_PANEL)
            add_panel(panel, pixels, tiles, &b->ahead, order, VG_DIGITS_PANEL);
        else if (width == VG_DIGITS_PANEL / 2)
            add_panel(panel, pixels, tiles, &b->ahead, order, VG_DIGITS_PANEL / 2);
        else
            add_panel(panel, pixels, tiles, &b->ahead, order, VG_DIGITS_PANEL / 4);
        const int size = vg_digits_panel_tiles(width) * VG_DIGITS_TILE;
        tiles[0] += size;
        tiles[1] += size;
    }
    _tile_stored(0, sums[0][0], VG_DIGITS_ROW);
    _tile_stored(1, sums[0][1], VG_DIGITS_ROW);
    _tile_stored(2, sums[1][0], VG_DIGITS_ROW);
    _tile_stored(3, sums[1][1], VG_DIGITS_ROW);
}

/* --- From sums to outputs ------------------------------------------------- */

typedef struct finishing {
    const float *scales; /* or NULL */
    const float *residual;
    int width;
} finishing;

/* One run of pixels times 16 outputs. */
INLINE void finish_run(float *c, int32_t (*const sums[VG_DIGITS])[LANES],
                       const vg_digits_outputs *outputs, const finishing *f, int begin, int end,
                       const int has_scales, const int has_residual, const int is_relu6)
{
    const __m512 scale = _mm512_loadu_ps(outputs->scale), bias = _mm512_loadu_ps(outputs->bias);
    for (int i = begin; i < end; i++) {
        ptrdiff_t at = (ptrdiff_t)i * f->width;
        __m512i low = _mm512_srai_epi32(_mm512_load_si512(sums[2][i]), 8);
        low = _mm512_add_epi32(low, _mm512_load_si512(sums[1][i]));
        __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums[0][i]));
        sum = _mm512_fmadd_ps(sum, _mm512_set1_ps(256.0F), _mm512_cvtepi32_ps(low));
        if (has_scales) sum = _mm512_mul_ps(sum, _mm512_set1_ps(f->scales[i]));
        sum = _mm512_fmadd_ps(sum, scale, bias);
        if (is_relu6) {
            sum = _mm512_max_ps(sum, _mm512_setzero_ps());
            sum = _mm512_min_ps(sum, _mm512_set1_ps(6.0F));
        }
        if (has_residual) sum = _mm512_add_ps(sum, _mm512_loadu_ps(f->residual + at));
        _mm512_storeu_ps(c + at, sum);
    }
}

/* The cases of the network, each without a branch in its loop. */
INLINE void finish_any(float *c, int32_t (*const sums[VG_DIGITS])[LANES],
                       const vg_digits_outputs *outputs, const finishing *f, int begin, int end,
                       vg_activation activation)
{
#define FINISH(scales, residual, relu6) \
    finish_run(c, sums, outputs, f, begin, end, scales, residual, relu6)
    const int is_relu6 = activation == VG_RELU6;
    if (f->scales != NULL)
        f->residual != NULL ? is_relu6 ? FINISH(1, 1, 1) : FINISH(1, 1, 0)
        : is_relu6 ? FINISH(1, 0, 1)
                            : FINISH(1, 0, 0);
    else
        f->residual != NULL ? is_relu6 ? FINISH(0, 1, 1) : FINISH(0, 1, 0)
        : is_relu6 ? FINISH(0, 0, 1)
                            : FINISH(0, 0, 0);
#undef FINISH
}

static void run_block(float *c, const vg_pointwise_input *a, block *b, const float *residual,
                      int width, int outputs, vg_activation activation)
{
    _Alignas(64) order_sums sums[VG_DIGITS];
    sum_order(sums[0], a, b, 0);
    sum_order(sums[1], a, b, 1);
    sum_order(sums[2], a, b, 2);
    for (int n = 0; n < outputs; n++)
        for (int run = 0; run < 2; run++) {
            ptrdiff_t at = (ptrdiff_t)b->pixels[run] * width + n * LANES;
            int32_t(*const parts[VG_DIGITS])[LANES] = {sums[0][n][run], sums[1][n][run],
                                                       sums[2][n][run]};
            const finishing f = {.scales = a->scales != NULL ? a->scales + a->first + b->pixels[run]
                                                             : NULL,
                                 .residual = residual != NULL ? residual + at : NULL,
                                 .width = width};
            finish_any(c + at, parts, b->outputs[n], &f, b->skipped[run], b->rows, activation);
        }
}

/* --- All of it ------------------------------------------------------------ */

/* Runs of ROWS pixels; the last is moved up to end with them. */
static void place_runs(block *b, int first, int m)
{
    for (int run = 0; run < 2; run++) {
        int begin = first + run * b->rows;
        b->pixels[run] = begin < m - b->rows ? begin : m - b->rows;
        b->skipped[run] = begin - b->pixels[run] < b->rows ? begin - b->pixels[run] : b->rows;
    }
}

void vg_digits_pointwise_amx(float *c, const vg_pointwise_input *a, const float *b,
                             const float *bias, const float *residual, int m, int width,
                             vg_activation activation)
{
    const int8_t *tiles = (const int8_t *)b;
    const vg_digits_outputs *outputs = (const vg_digits_outputs *)(const void *)bias;
    const ptrdiff_t size = (ptrdiff_t)vg_digits_tiles(a->channels, a->panel) * VG_DIGITS_TILE;
    if (m == 0) return;
    /* gcc does not know that tile loads read memory: what is to be read is stored by here. */
    __asm__ volatile("" : : : "memory");
    const int8_t *end = tiles + width / LANES * size;
    block run = {.rows = m < ROWS ? m : ROWS, .ahead = {end, end + width / LANES * size}};
    if (run.rows != ROWS) set_shapes(run.rows);
    for (int n = 0; n < width; n += 2 * LANES, tiles += 2 * size, outputs += 2) {
        const int second = n + LANES < width; /* else the same again, for nothing */
        run.tiles[0] = tiles;
        run.tiles[1] = tiles + second * size;
        run.outputs[0] = outputs;
        run.outputs[1] = outputs + second;
        for (int first = 0; first < m; first += 2 * run.rows) {
            place_runs(&run, first, m);
            run_block(c + n, a, &run, residual != NULL ? residual + n : NULL, width, 1 + second,
                      activation);
        }
    }
    if (run.rows != ROWS) set_shapes(ROWS);
}
