/* Products of digits on the tile registers of AMX: eight of 16 rows of 64 bytes, of which a
 * product of two is added to a third in 16 cycles, in 8 bytes a lane.
 *
 * Four registers sum 28 pixels x 32 outputs of one order, two hold rows of pixels, two
 * weights. A product takes as many cycles as its pixels are rows, but 16 where the weights
 * are others than those of the product before: so they come in pairs. */
#include <immintrin.h>

#include "kernels/digits/digits.h"
#include "kernels/template.h"

enum {
    ROWS = 14,
    LANES = 16,
    SECTION = 3, /* panels of inputs that are multiplied order by order */
};

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
    int has_second; /* twice 16 outputs, or the same once more, for nothing */
    float *c;       /* of the first output and pixel 0 */
    const float *residual;
} block;

typedef int32_t order_sums[2][2][ROWS][LANES]; /* [outputs][pixels] */

/* The sums of `block` as they are put together, a few rows at a time. */
typedef struct finishing {
    const block *block;
    const float *scales; /* or NULL */
    int width;
    vg_activation activation;
    const order_sums *sums[VG_DIGITS];
    int run, next; /* the first row that is left; run 2: none is */
} finishing;

/* A block is multiplied while the one before it is finished: AVX-512 and the matrix unit work at
 * the same time where their instructions take turns. The lowest order, which has most products,
 * comes first, and so needs room of its own beside the sums that are still read. */
typedef struct work {
    const vg_pointwise_input *a;
    int panels, last_width; /* of the input, and of its last panel */
    fetch ahead;
    finishing before;
    int rows_a_step; /* of `before`, after each product of four tiles */
    int turn;        /* which of these two is multiplied */
    block blocks[2];
    order_sums high, middle, low[2];
} work;

/* --- From sums to outputs ------------------------------------------------- */

INLINE __m512 put_together(const int32_t *high, const int32_t *middle, const int32_t *low)
{
    __m512i rest = _mm512_srai_epi32(_mm512_load_si512(low), 8);
    rest = _mm512_add_epi32(rest, _mm512_load_si512(middle));
    __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(high));
    return _mm512_fmadd_ps(sum, _mm512_set1_ps(256.0F), _mm512_cvtepi32_ps(rest));
}

/* Rows begin .. end of a run, `outputs` times 16 outputs. */
INLINE void finish_rows(const finishing *f, int begin, int end, const int outputs,
                        const int has_scales, const int has_residual, const int is_relu6)
{
    const int32_t *high = (*f->sums[0])[0][f->run][begin];
    const int32_t *middle = (*f->sums[1])[0][f->run][begin];
    const int32_t *low = (*f->sums[2])[0][f->run][begin];
    const int width = f->width;
    const ptrdiff_t pixel = f->block->pixels[f->run] + begin;
    float *c = f->block->c + pixel * width;
    const float *scales = has_scales ? f->scales + pixel : NULL;
    const float *residual = has_residual ? f->block->residual + pixel * width : NULL;
    __m512 scale[2], bias[2];
    UNROLL
    for (int n = 0; n < outputs; n++) {
        scale[n] = _mm512_loadu_ps(f->block->outputs[n]->scale);
        bias[n] = _mm512_loadu_ps(f->block->outputs[n]->bias);
    }
    for (int i = begin; i < end; i++, high += LANES, middle += LANES, low += LANES, c += width) {
        UNROLL
        for (int n = 0; n < outputs; n++) {
            const int at = n * 2 * ROWS * LANES;
            __m512 sum = put_together(high + at, middle + at, low + at);
            if (has_scales) sum = _mm512_mul_ps(sum, _mm512_set1_ps(scales[i - begin]));
            sum = _mm512_fmadd_ps(sum, scale[n], bias[n]);
            if (is_relu6) {
                sum = _mm512_max_ps(sum, _mm512_setzero_ps());
                sum = _mm512_min_ps(sum, _mm512_set1_ps(6.0F));
            }
            if (has_residual) sum = _mm512_add_ps(sum, _mm512_loadu_ps(residual + n * LANES));
            _mm512_storeu_ps(c + n * LANES, sum);
        }
        if (has_residual) residual += width;
    }
}

/* The cases of the network, each without a branch in its loop. */
INLINE void finish_any(const finishing *f, int begin, int end, const int outputs)
{
#define FINISH(scales, residual, relu6) finish_rows(f, begin, end, outputs, scales, residual, relu6)
    const int is_relu6 = f->activation == VG_RELU6, has_residual = f->block->residual != NULL;
    if (f->scales != NULL)
        has_residual ? is_relu6 ? FINISH(1, 1, 1) : FINISH(1, 1, 0)
        : is_relu6 ? FINISH(1, 0, 1)
                     : FINISH(1, 0, 0);
    else
        has_residual ? is_relu6 ? FINISH(0, 1, 1) : FINISH(0, 1, 0)
        : is_relu6 ? FINISH(0, 0, 1)
                     : FINISH(0, 0, 0);
#undef FINISH
}

/* Not inlined: a copy at each of its calls would be more code than a core keeps decoded. */
static __attribute__((noinline)) void finish_some(finishing *f, int rows)
{
    if (f->run == 2) return;
    const int all = f->block->rows, end = f->next + rows < all ? f->next + rows : all;
    if (f->block->has_second)
        finish_any(f, f->next, end, 2);
    else
        finish_any(f, f->next, end, 1);
    f->next = end;
    if (end < all) return;
    f->run++;
    f->next = f->block->skipped[1];
}

static void finish_all(finishing *f)
{
    while (f->run < 2) finish_some(f, ROWS);
}

/* --- Products ------------------------------------------------------------- */

/* Adds a row of each pixel times a tile of weights. */
INLINE void add_products(const float *const rows[2], ptrdiff_t stride, const int8_t *const tiles[2])
{
    _tile_loadd(6, tiles[0], VG_DIGITS_ROW);
    _tile_loadd(4, rows[0], stride);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(5, rows[1], stride);
    _tile_dpbusd(1, 5, 6);
    _tile_loadd(7, tiles[1], VG_DIGITS_ROW);
    _tile_dpbusd(2, 4, 7);
    _tile_dpbusd(3, 5, 7);
}

/* What an order begins with: where the sums that are in the registers go, and what comes there. */
typedef struct exchange {
    order_sums *stored;
    const int32_t *started[2][2]; /* [outputs][pixels] */
    ptrdiff_t stride;
} exchange;

/* The same, the first of an order: sums are stored and others begun tile by tile, between
 * products, for four stores in a row would keep the unit waiting. */
INLINE void begin_products(const exchange *e, const float *const rows[2], ptrdiff_t stride,
                           const int8_t *const tiles[2])
{
    _tile_stored(0, (*e->stored)[0][0], VG_DIGITS_ROW);
    _tile_loadd(0, e->started[0][0], e->stride);
    _tile_loadd(6, tiles[0], VG_DIGITS_ROW);
    _tile_loadd(4, rows[0], stride);
    _tile_dpbusd(0, 4, 6);
    _tile_stored(1, (*e->stored)[0][1], VG_DIGITS_ROW);
    _tile_loadd(1, e->started[0][1], e->stride);
    _tile_loadd(5, rows[1], stride);
    _tile_dpbusd(1, 5, 6);
    _tile_stored(2, (*e->stored)[1][0], VG_DIGITS_ROW);
    _tile_loadd(2, e->started[1][0], e->stride);
    _tile_loadd(7, tiles[1], VG_DIGITS_ROW);
    _tile_dpbusd(2, 4, 7);
    _tile_stored(3, (*e->stored)[1][1], VG_DIGITS_ROW);
    _tile_loadd(3, e->started[1][1], e->stride);
    _tile_dpbusd(3, 5, 7);
}

/* A panel of inputs, of which the block's runs begin at pixels[]. `e`: NULL past the
 * first panel of an order. */
INLINE void add_panel(work *w, const exchange *e, const float *panel, const int pixels[2],
                      const int8_t *const panel_tiles[2], const int order, const int width)
{
    const int floats = vg_digits_floats(width);
    const float *const runs[2] = {panel + pixels[0] * floats, panel + pixels[1] * floats};
    UNROLL
    for (int row = 0; row < vg_digits_rows(width); row++) {
        const int tile = vg_digits_tile_of(width, row, order);
        if (tile < 0) continue;
        const ptrdiff_t stride = floats * (ptrdiff_t)sizeof(float);
        const float *const rows[2] = {runs[0] + row * VG_DIGITS_ROW_FLOATS,
                                      runs[1] + row * VG_DIGITS_ROW_FLOATS};
        const int8_t *const tiles[2] = {panel_tiles[0] + tile * VG_DIGITS_TILE,
                                        panel_tiles[1] + tile * VG_DIGITS_TILE};
        const int is_first = row == 0 && e != NULL;
        if (is_first)
            begin_products(e, rows, stride, tiles);
        else
            add_products(rows, stride, tiles);
        fetch_some(&w->ahead);
        /* Neither what has just been stored nor what is about to be. */
        if (order == 1 || (order == 2 && !is_first)) finish_some(&w->before, w->rows_a_step);
    }
}

INLINE void add_panel_of(work *w, const exchange *e, const float *panel, const int pixels[2],
                         const int8_t *const tiles[2], const int order, int width)
{
    if (width == VG_DIGITS_PANEL)
        add_panel(w, e, panel, pixels, tiles, order, VG_DIGITS_PANEL);
    else if (width == VG_DIGITS_PANEL / 2)
        add_panel(w, e, panel, pixels, tiles, order, VG_DIGITS_PANEL / 2);
    else
        add_panel(w, e, panel, pixels, tiles, order, VG_DIGITS_PANEL / 4);
}

/* Some panels of a block's inputs, so few that they and their weights stay in the level 1 cache
 * from order to order. */
typedef struct section {
    int begin, end;
    const float *panel;
    const int8_t *tiles[2];
} section;

/* Leaves an order's sums over a section in the registers, and stores those that were there. `sums`
 * has what the sections before it came to. */
INLINE void sum_order(work *w, const block *b, const section *s, order_sums *stored,
                      order_sums *sums, const int order)
{
    const ptrdiff_t panel_stride = w->a->panel_stride;
    const int pixels[2] = {w->a->first + b->pixels[0], w->a->first + b->pixels[1]};
    const int8_t *tiles[2] = {s->tiles[0], s->tiles[1]};
    const float *panel = s->panel;
    const int panels = w->panels, full = w->a->panel, last = w->last_width, end = s->end;
    const int size = vg_digits_panel_tiles(full) * VG_DIGITS_TILE;
    exchange e = {.stored = stored, .stride = VG_DIGITS_ROW};
    for (int n = 0; n < 2; n++)
        for (int run = 0; run < 2; run++) e.started[n][run] = (*sums)[n][run][0];
    if (s->begin == 0) {
        /* One row for all pixels: the stride is 0. */
        e.stride = 0;
        e.started[0][0] = e.started[0][1] = b->outputs[0]->start[order];
        e.started[1][0] = e.started[1][1] = b->outputs[1]->start[order];
    }
    add_panel_of(w, &e, panel, pixels, tiles, order, s->begin + 1 < panels ? full : last);
    for (int p = s->begin + 1; p < end; p++) {
        panel += panel_stride;
        tiles[0] += size;
        tiles[1] += size;
        add_panel_of(w, NULL, panel, pixels, tiles, order, p + 1 < panels ? full : last);
    }
}

/* Finishes the block before as well. */
static __attribute__((noinline)) void run_block(work *w)
{
    const block *b = &w->blocks[w->turn];
    const int size = SECTION * vg_digits_panel_tiles(w->a->panel) * VG_DIGITS_TILE;
    section s = {.panel = w->a->values, .tiles = {b->tiles[0], b->tiles[1]}};
    for (; s.begin < w->panels; s.begin = s.end) {
        s.end = s.begin + SECTION < w->panels ? s.begin + SECTION : w->panels;
        sum_order(w, b, &s, &w->high, &w->low[w->turn], 2);
        sum_order(w, b, &s, &w->low[w->turn], &w->middle, 1);
        finish_all(&w->before);
        sum_order(w, b, &s, &w->middle, &w->high, 0);
        s.panel += SECTION * w->a->panel_stride;
        s.tiles[0] += size;
        s.tiles[1] += size;
    }
    w->before.block = b;
    w->before.sums[2] = &w->low[w->turn];
    w->before.run = 0;
    w->before.next = b->skipped[0];
    w->turn = !w->turn;
}

static void end_blocks(work *w)
{
    _tile_stored(0, w->high[0][0], VG_DIGITS_ROW);
    _tile_stored(1, w->high[0][1], VG_DIGITS_ROW);
    _tile_stored(2, w->high[1][0], VG_DIGITS_ROW);
    _tile_stored(3, w->high[1][1], VG_DIGITS_ROW);
    finish_all(&w->before);
}

/* --- All of it ------------------------------------------------------------ */

/* Rows to finish after each product of four tiles, so that none is left at the end; but soon,
 * for the inputs of many channels displace the sums from the level 1 cache. */
static int rows_a_step(const work *w, int rows)
{
    enum { LEAST = 4 };
    const int panels = w->panels < SECTION ? w->panels : SECTION;
    const int steps = panels * (w->a->panel == VG_DIGITS_PANEL ? 5 : 3) - 1;
    const int share = (2 * rows + steps - 1) / steps;
    return share > LEAST ? share : LEAST;
}

static void begin_work(work *w, const vg_pointwise_input *a, int width, int rows,
                       vg_activation activation)
{
    w->a = a;
    w->panels = vg_panel_count(a->channels, a->panel);
    w->last_width = vg_panel_width(a->channels, a->panel, w->panels - 1);
    w->rows_a_step = rows_a_step(w, rows);
    w->turn = 0;
    w->before = (finishing){.scales = a->scales != NULL ? a->scales + a->first : NULL,
                            .width = width,
                            .activation = activation,
                            .sums = {&w->high, &w->middle},
                            .run = 2};
}

/* Runs of so many pixels; the last is moved up to end with them. */
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
    const int rows = m < ROWS ? m : ROWS;
    if (m == 0) return;
    /* gcc does not know that tile loads read memory: what is to be read is stored by here. */
    __asm__ volatile("" : : : "memory");
    const int8_t *end = tiles + width / LANES * size;
    _Alignas(64) work w;
    begin_work(&w, a, width, rows, activation);
    w.ahead = (fetch){end, end + width / LANES * size};
    if (rows != ROWS) set_shapes(rows);
    for (int n = 0; n < width; n += 2 * LANES, tiles += 2 * size, outputs += 2) {
        const int second = n + LANES < width;
        for (int first = 0; first < m; first += 2 * rows) {
            block *next = &w.blocks[w.turn];
            *next = (block){.rows = rows,
                            .tiles = {tiles, tiles + second * size},
                            .outputs = {outputs, outputs + second},
                            .has_second = second,
                            .c = c + n,
                            .residual = residual != NULL ? residual + n : NULL};
            place_runs(next, first, m);
            run_block(&w);
        }
    }
    end_blocks(&w);
    if (rows != ROWS) set_shapes(ROWS);
}
