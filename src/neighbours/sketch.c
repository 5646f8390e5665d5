#include "neighbours/sketch.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "neighbours/basis.h"
#include "neighbours/shares.h"

/* Longer sketches of all rows would take as much memory as the rows. */
enum { LONGEST_STORED = 256 };

/* Rows of a panel of doubles, as the kernel of Gram matrices takes them. */
enum { ROWS = VG_SKETCH_ROWS };

/* --- Rows as the basis takes them --------------------------------------------- */

/* What a row is multiplied with before the mean is taken off. */
static double factor_of(const vg_sketch *sketch, double square)
{
    if (sketch->rows->metric == VG_L2) return sketch->scale;
    return square > 0.0 ? 1.0 / sqrt(square) : 0.0;
}

/* To [dims][ROWS], zeros past `count`, with the squares of their lengths. */
static void load_rows(const vg_sketch *sketch, const float *rows, size_t count, double *to,
                      double squares[ROWS])
{
    size_t dims = (size_t)sketch->rows->dims;
    double factors[ROWS] = {0};
    memset(to, 0, dims * ROWS * sizeof *to);
    memset(squares, 0, ROWS * sizeof *squares);
    for (size_t i = 0; i < count; i++)
        factors[i] = factor_of(sketch, vg_rowset_square(sketch->rows, rows + i * dims));
    for (size_t d = 0; d < dims; d++) {
        for (size_t i = 0; i < count; i++) {
            double value = (double)rows[i * dims + d] * factors[i] - sketch->mean[d];
            to[d * ROWS + i] = value;
            squares[i] += value * value;
        }
    }
}

/* --- Sketches --------------------------------------------------------------------- */

size_t vg_sketch_work_size(const vg_sketch *sketch)
{
    return (size_t)sketch->rows->dims * ROWS + ROWS * VG_GRAM_PANEL;
}

size_t vg_sketch_room_size(const vg_sketch *sketch)
{
    return (size_t)sketch->channels * (size_t)(sketch->panel + ROWS);
}

/* Components [ROWS][components] of loaded rows, at `to` with a stride of a sketch. */
static void project(const vg_sketch *sketch, const double *loaded, double *tile, float *to)
{
    size_t dims = (size_t)sketch->rows->dims, channels = (size_t)sketch->channels;
    size_t components = (size_t)sketch->components;
    if (sketch->basis == NULL) {
        for (size_t d = 0; d < dims; d++)
            for (size_t i = 0; i < ROWS; i++) to[i * channels + d] = (float)loaded[d * ROWS + i];
        return;
    }
    for (size_t c = 0; c < components; c += VG_GRAM_PANEL) {
        vg_gram_tile(sketch->rows->kernels.gram, tile, loaded, sketch->basis + c * dims, (int)dims);
        for (size_t i = 0; i < ROWS; i++)
            for (size_t j = 0; j < VG_GRAM_PANEL; j++)
                to[i * channels + c + j] = (float)tile[i * VG_GRAM_PANEL + j];
    }
}

/* r, m, 1 and -|x|^2 / 2, after the components, of which `projected` is the square. */
static void finish(const vg_sketch *sketch, double square, float *to)
{
    const double unit = FLT_EPSILON / 2, up = 1.0 + 4 * unit;
    double projected = 0.0;
    for (int c = 0; c < sketch->components; c++) projected += (double)to[c] * (double)to[c];
    /* The rounded components lie up to u |x| beside the true ones, so that the difference of
     * the squares may be short of what is left out by 2 u |x|^2. */
    double left_out = sqrt(fmax(square - projected, 0.0) + 4 * unit * square);
    float *extra = to + sketch->components;
    extra[0] = (float)(left_out * up);
    /* The constant is more than what is lost where products are too small for float32. */
    extra[1] = (float)(sketch->margin * sqrt(square) * up + 1e-18);
    extra[2] = 1.0F;
    extra[3] = (float)(-0.5 * square * (1.0 - 16 * unit));
}

/* Right sides [ROWS][channels]. */
static void sketch_rows(const vg_sketch *sketch, const float *rows, size_t count, float *to,
                        double *work)
{
    double squares[ROWS];
    size_t channels = (size_t)sketch->channels;
    double *tile = work + (size_t)sketch->rows->dims * ROWS;
    memset(to, 0, ROWS * channels * sizeof *to);
    load_rows(sketch, rows, count, work, squares);
    project(sketch, work, tile, to);
    for (size_t i = 0; i < count; i++) finish(sketch, squares[i], to + i * channels);
}

static void swap_sides(const vg_sketch *sketch, float *row)
{
    float *last = row + sketch->components + 2, first = last[0];
    last[0] = last[1];
    last[1] = first;
}

void vg_sketch_queries(const vg_sketch *sketch, const float *rows, size_t count, float *to,
                       double *work)
{
    sketch_rows(sketch, rows, count, to, work);
    for (size_t i = 0; i < count; i++) swap_sides(sketch, to + i * (size_t)sketch->channels);
}

/* --- Panels ------------------------------------------------------------------------- */

/* A row that no threshold reaches: its last channel meets a 1. */
static void make_unreachable(const vg_sketch *sketch, float *row)
{
    memset(row, 0, (size_t)sketch->channels * sizeof *row);
    row[sketch->components + 2] = 1.0F;
    row[sketch->components + 3] = -INFINITY;
}

/* Right sides of rows from `first` on into columns of a panel from `column` on. */
static void fill_columns(const vg_sketch *sketch, size_t first, float *panel, size_t column,
                         float *rows, double *work)
{
    const vg_rowset *set = sketch->rows;
    size_t channels = (size_t)sketch->channels, width = (size_t)sketch->panel;
    size_t left = first < set->count ? set->count - first : 0, count = left < ROWS ? left : ROWS;
    if (count > 0) sketch_rows(sketch, vg_rowset_row(set, first), count, rows, work);
    for (size_t i = count; i < ROWS; i++) make_unreachable(sketch, rows + i * channels);
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < ROWS; i++) panel[c * width + column + i] = rows[i * channels + c];
}

static void fill_panel(const vg_sketch *sketch, size_t index, float *panel, float *rows,
                       double *work)
{
    size_t width = (size_t)sketch->panel;
    for (size_t column = 0; column < width; column += ROWS)
        fill_columns(sketch, index * width + column, panel, column, rows, work);
}

/* `room` has ROWS sketches behind the panel. */
const float *vg_sketch_panel(const vg_sketch *sketch, size_t index, float *room, double *work)
{
    size_t size = (size_t)sketch->channels * (size_t)sketch->panel;
    if (sketch->panels != NULL) return sketch->panels + index * size;
    fill_panel(sketch, index, room, room + size, work);
    return room;
}

/* Column `column` of a panel of right sides, as the left side of row `row` of a block. */
static void turn_column(const vg_sketch *sketch, const float *panel, size_t column, float *to,
                        size_t row, size_t count)
{
    size_t width = (size_t)sketch->panel, channels = (size_t)sketch->channels;
    size_t one = (size_t)sketch->components + 2;
    for (size_t c = 0; c < channels; c++) {
        size_t from = c == one ? one + 1 : c == one + 1 ? one : c;
        to[(c / width * count + row) * width + c % width] = panel[from * width + column];
    }
}

void vg_sketch_block(const vg_sketch *sketch, size_t first, size_t count, float *to, float *room,
                     double *work)
{
    size_t width = (size_t)sketch->panel;
    for (size_t row = 0; row < count;) {
        const float *panel = vg_sketch_panel(sketch, (first + row) / width, room, work);
        for (size_t column = 0; column < width && row < count; column++, row++)
            turn_column(sketch, panel, column, to, row, count);
    }
}

typedef struct filling {
    const vg_sketch *sketch;
    int threads;
    float *rows;  /* [threads][ROWS][channels] */
    double *work; /* [threads][work size] */
} filling;

static void fill_share(void *argument, int part)
{
    filling *job = argument;
    const vg_sketch *sketch = job->sketch;
    size_t thread = (size_t)part, threads = (size_t)job->threads;
    size_t channels = (size_t)sketch->channels, panels = vg_sketch_panel_count(sketch);
    float *rows = job->rows + thread * ROWS * channels;
    double *work = job->work + thread * vg_sketch_work_size(sketch);
    for (size_t i = panels * thread / threads; i < panels * (thread + 1) / threads; i++)
        fill_panel(sketch, i, sketch->panels + i * channels * (size_t)sketch->panel, rows, work);
}

static vg_status store_panels(vg_sketch *sketch, vg_team *team, vg_error *error)
{
    size_t channels = (size_t)sketch->channels;
    double products = (double)sketch->rows->count * sketch->rows->dims *
                      (sketch->basis != NULL ? sketch->components : 1);
    size_t threads = (size_t)vg_share_count(team, products);
    size_t floats = vg_sketch_panel_count(sketch) * channels * (size_t)sketch->panel;
    filling job = {.sketch = sketch, .threads = (int)threads};
    sketch->panels = vg_alloc_aligned(floats, sizeof(float));
    job.rows = vg_alloc_aligned(threads * ROWS * channels, sizeof(float));
    job.work = vg_alloc_aligned(threads * vg_sketch_work_size(sketch), sizeof(double));
    vg_status status = VG_OK;
    if (sketch->panels == NULL || job.rows == NULL || job.work == NULL)
        status = vg_fail_memory(error, floats * sizeof(float));
    else
        vg_run_shares(team, job.threads, fill_share, &job);
    free(job.rows);
    free(job.work);
    return status;
}

/* --- Open and close ----------------------------------------------------------------- */

vg_status vg_sketch_open(vg_sketch *sketch, const vg_rowset *rows, int components, vg_team *team,
                         vg_error *error)
{
    int panel = rows->kernels.panel;
    *sketch = (vg_sketch){.rows = rows, .panel = panel, .scale = 1.0};
    if (rows->metric == VG_L2 && rows->largest_value > 0.0F)
        sketch->scale = ldexp(1.0, -ilogbf(rows->largest_value) - 1);
    sketch->components = components > 0
                             ? (components + VG_GRAM_PANEL - 1) / VG_GRAM_PANEL * VG_GRAM_PANEL
                             : rows->dims;
    sketch->channels = (sketch->components + VG_SKETCH_EXTRA + panel - 1) / panel * panel;
    sketch->margin = sqrt((sketch->components + 20) * 1.02 * (FLT_EPSILON / 2));

    double factor = sketch->scale;
    vg_status status = vg_basis_mean(&sketch->mean, rows, factor, error);
    if (status == VG_OK && components > 0)
        status = vg_basis_find(&sketch->basis, rows, factor, sketch->mean, sketch->components, team,
                               error);
    if (status == VG_OK && sketch->channels <= LONGEST_STORED)
        status = store_panels(sketch, team, error);
    if (status != VG_OK) vg_sketch_close(sketch);
    return status;
}

void vg_sketch_close(vg_sketch *sketch)
{
    free(sketch->mean);
    free(sketch->basis);
    free(sketch->panels);
    *sketch = (vg_sketch){0};
}

/* Keys themselves are rounded: those of VG_L2 by a share of themselves, those of VG_COSINE by
 * a share of 1. */
float vg_sketch_threshold(const vg_sketch *sketch, double key)
{
    if (isinf(key)) return -FLT_MAX;
    double least = -(key + 1e-12);
    if (sketch->rows->metric == VG_L2)
        least = -(0.5 * key * sketch->scale * sketch->scale * (1.0 + 1e-12) + 1e-36);
    float rounded = (float)least;
    return (double)rounded > least ? nextafterf(rounded, -INFINITY) : rounded;
}
