/* Of rows X with the Gram matrix XX' = U'U the columns of U are coordinates: X = U'Q, where the
 * rows of Q = U'^-1 X are orthonormal. */
#include "classify/row_span.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { PANEL = VG_GRAM_PANEL };

/* The share of the mean square that is added to each row's own: rows less their mean depend on one
 * another, and copies do. It is far below what float32 tells of a row. */
static const double ridge = 1e-11;

static const float *row_of(const vg_picked_rows *rows, size_t i)
{
    return rows->values + rows->picks[i] * (size_t)rows->dims;
}

/* As the kernels have it. */
static double centred(const vg_picked_rows *rows, const float *row, size_t d)
{
    return (double)(row[d] - rows->mean[d]);
}

/* --- Open and close ------------------------------------------------------------------- */

/* Rows as columns of panels: [panels][dims][PANEL]. */
static void turn(const vg_picked_rows *rows, double *panels)
{
    size_t dims = (size_t)rows->dims;
    for (size_t i = 0; i < rows->count; i++) {
        const float *row = row_of(rows, i);
        double *to = panels + i / PANEL * dims * PANEL + i % PANEL;
        for (size_t d = 0; d < dims; d++) to[d * PANEL] = centred(rows, row, d);
    }
}

static void multiply(const vg_kernels *kernels, const double *panels, size_t dims, double *gram,
                     size_t count)
{
    double tile[PANEL * PANEL], trace = 0.0;
    for (size_t i = 0; i < count; i += PANEL)
        for (size_t j = i; j < count; j += PANEL) {
            vg_gram_tile(kernels->gram, tile, panels + i * dims, panels + j * dims, (int)dims);
            for (size_t a = 0; a < PANEL && i + a < count; a++)
                for (size_t b = 0; b < PANEL && j + b < count; b++)
                    gram[(i + a) * count + j + b] = tile[a * PANEL + b];
        }
    for (size_t i = 0; i < count; i++) trace += gram[i * count + i];
    for (size_t i = 0; i < count; i++)
        gram[i * count + i] += fmax(ridge * trace / (double)count, 1e-300);
}

static vg_status factorise(vg_row_span *span, const vg_kernels *kernels, vg_error *error)
{
    size_t count = span->of->count, dims = (size_t)span->of->dims;
    size_t padded = (count + PANEL - 1) / PANEL * PANEL;
    double *panels = vg_alloc_aligned(padded * dims, sizeof *panels);
    double *gram = vg_alloc_aligned(count * count, sizeof *gram);
    vg_status status = VG_OK;
    if (panels == NULL || gram == NULL)
        status = vg_fail_memory(error, (padded * dims + count * count) * sizeof *gram);
    if (status == VG_OK) {
        turn(span->of, panels);
        multiply(kernels, panels, dims, gram, count);
        status = vg_cholesky_open(&span->factor, gram, (int)count, kernels, error);
    }
    free(panels);
    free(gram);
    return status;
}

vg_status vg_row_span_open(vg_row_span *span, const vg_picked_rows *of, const vg_kernels *kernels,
                           vg_error *error)
{
    size_t count = of->count;
    *span = (vg_row_span){.of = of};
    vg_status status = factorise(span, kernels, error);
    if (status != VG_OK) return status;
    span->values = vg_alloc_aligned(count * count, sizeof *span->values);
    span->mean = vg_alloc_aligned(count, sizeof *span->mean);
    span->picks = malloc(count * sizeof *span->picks);
    if (span->values == NULL || span->mean == NULL || span->picks == NULL) {
        vg_row_span_close(span);
        return vg_fail_memory(error, count * count * sizeof *span->values);
    }
    const double *upper = span->factor.upper;
    for (size_t i = 0; i < count; i++) {
        const double *column = upper + i / PANEL * (size_t)span->factor.padded * PANEL + i % PANEL;
        for (size_t j = 0; j < count; j++)
            span->values[i * count + j] = j <= i ? (float)column[j * PANEL] : 0.0F;
        span->mean[i] = 0.0F;
        span->picks[i] = i;
    }
    span->rows = (vg_picked_rows){.values = span->values,
                                  .picks = span->picks,
                                  .count = count,
                                  .dims = (int)count,
                                  .mean = span->mean};
    return VG_OK;
}

void vg_row_span_close(vg_row_span *span)
{
    vg_cholesky_close(&span->factor);
    free(span->values);
    free(span->mean);
    free(span->picks);
    *span = (vg_row_span){0};
}

/* --- There and back ----------------------------------------------------------------------- */

static double *open_panel(const vg_row_span *span, vg_error *error)
{
    size_t size = (size_t)span->factor.padded * PANEL;
    double *panel = vg_alloc_aligned(size, sizeof *panel);
    if (panel == NULL) vg_fail_memory(error, size * sizeof *panel);
    return panel;
}

/* v = Qw = U'^-1 Xw, for a panel of classes at a time. */
vg_status vg_row_span_enter(const vg_row_span *span, const double *weights, int classes,
                            double *coordinates, vg_error *error)
{
    size_t count = span->of->count, dims = (size_t)span->of->dims;
    double *panel = open_panel(span, error);
    if (panel == NULL) return VG_ENOMEM;
    for (int first = 0; first < classes; first += PANEL) {
        int width = classes - first < PANEL ? classes - first : PANEL;
        memset(panel, 0, (size_t)span->factor.padded * PANEL * sizeof *panel);
        for (size_t i = 0; i < count; i++) {
            const float *row = row_of(span->of, i);
            for (int c = 0; c < width; c++) {
                const double *of_class = weights + (size_t)(first + c) * dims;
                double sum = 0.0;
                for (size_t d = 0; d < dims; d++) sum += centred(span->of, row, d) * of_class[d];
                panel[i * PANEL + (size_t)c] = sum;
            }
        }
        vg_cholesky_solve_lower(&span->factor, panel);
        for (int c = 0; c < width; c++)
            for (size_t i = 0; i < count; i++)
                coordinates[(size_t)(first + c) * count + i] = panel[i * PANEL + (size_t)c];
    }
    free(panel);
    return VG_OK;
}

/* w = Q'v = X' U^-1 v. */
vg_status vg_row_span_leave(const vg_row_span *span, const double *coordinates, int classes,
                            double *weights, vg_error *error)
{
    size_t count = span->of->count, dims = (size_t)span->of->dims;
    double *panel = open_panel(span, error);
    if (panel == NULL) return VG_ENOMEM;
    memset(weights, 0, (size_t)classes * dims * sizeof *weights);
    for (int first = 0; first < classes; first += PANEL) {
        int width = classes - first < PANEL ? classes - first : PANEL;
        memset(panel, 0, (size_t)span->factor.padded * PANEL * sizeof *panel);
        for (int c = 0; c < width; c++)
            for (size_t i = 0; i < count; i++)
                panel[i * PANEL + (size_t)c] = coordinates[(size_t)(first + c) * count + i];
        vg_cholesky_solve_upper(&span->factor, panel);
        for (size_t i = 0; i < count; i++) {
            const float *row = row_of(span->of, i);
            for (int c = 0; c < width; c++) {
                double *to = weights + (size_t)(first + c) * dims;
                double share = panel[i * PANEL + (size_t)c];
                for (size_t d = 0; d < dims; d++) to[d] += share * centred(span->of, row, d);
            }
        }
    }
    free(panel);
    return VG_OK;
}
