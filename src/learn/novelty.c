#include "learn/novelty.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "learn/cholesky.h"
#include "learn/class_moments.h"

vg_status vg_novelty_open(vg_novelty *novelty, int dims, int classes, vg_error *error)
{
    size_t size = (size_t)dims;
    *novelty = (vg_novelty){.dims = dims, .classes = classes};
    novelty->whitening = vg_alloc_aligned(size * size, sizeof(float));
    novelty->centres = vg_alloc_aligned((size_t)classes * size, sizeof(float));
    if (novelty->whitening != NULL && novelty->centres != NULL) return VG_OK;
    vg_novelty_close(novelty);
    return vg_fail_memory(error, size * (size + (size_t)classes) * sizeof(float));
}

void vg_novelty_close(vg_novelty *novelty)
{
    free(novelty->whitening);
    free(novelty->centres);
    *novelty = (vg_novelty){0};
}

/* --- Fit ------------------------------------------------------------------------------ */

/* With the covariance U'U, the inverse of U' whitens: columns from `first` on. */
static void whiten_columns(vg_novelty *novelty, const vg_cholesky *factor, int first, double *panel)
{
    size_t dims = (size_t)novelty->dims;
    int left = novelty->dims - first, count = left < VG_GRAM_PANEL ? left : VG_GRAM_PANEL;
    memset(panel, 0, (size_t)factor->padded * VG_GRAM_PANEL * sizeof *panel);
    for (int c = 0; c < count; c++) panel[(first + c) * VG_GRAM_PANEL + c] = 1.0;
    vg_cholesky_solve_lower(factor, panel);
    for (size_t d = (size_t)first; d < dims; d++)
        for (size_t c = 0; c < (size_t)count; c++)
            novelty->whitening[d * dims + (size_t)first + c] = (float)panel[d * VG_GRAM_PANEL + c];
}

/* The centres from `first` on; classes [novelty->classes] says whose they are. */
static void place_centres(vg_novelty *novelty, const vg_cholesky *factor,
                          const vg_class_moments *moments, const int *classes, const float *mean,
                          int first, double *panel)
{
    size_t dims = (size_t)novelty->dims;
    int left = novelty->classes - first, count = left < VG_GRAM_PANEL ? left : VG_GRAM_PANEL;
    memset(panel, 0, (size_t)factor->padded * VG_GRAM_PANEL * sizeof *panel);
    for (int c = 0; c < count; c++) {
        const double *of_class = vg_class_mean(moments, classes[first + c]);
        for (size_t d = 0; d < dims; d++)
            panel[d * VG_GRAM_PANEL + (size_t)c] = of_class[d] - (double)mean[d];
    }
    vg_cholesky_solve_lower(factor, panel);
    for (int c = 0; c < count; c++)
        for (size_t d = 0; d < dims; d++)
            novelty->centres[(size_t)(first + c) * dims + d] =
                (float)panel[d * VG_GRAM_PANEL + (size_t)c];
}

static vg_status factorise(vg_cholesky *factor, const vg_class_moments *moments, double shrinkage,
                           const vg_kernels *kernels, vg_error *error)
{
    size_t dims = (size_t)moments->dims;
    double *covariance = vg_alloc_aligned(dims * dims, sizeof *covariance);
    if (covariance == NULL) return vg_fail_memory(error, dims * dims * sizeof *covariance);
    vg_status status = vg_class_moments_covariance(moments, shrinkage, covariance, error);
    if (status == VG_OK)
        status = vg_cholesky_open(factor, covariance, moments->dims, kernels, error);
    free(covariance);
    return status;
}

vg_status vg_novelty_fit(vg_novelty *novelty, const vg_class_moments *moments, double shrinkage,
                         const float *mean, const vg_kernels *kernels, vg_error *error)
{
    vg_cholesky factor = {0};
    double *panel = NULL;
    int present = 0, *classes = malloc((size_t)moments->classes * sizeof *classes);
    *novelty = (vg_novelty){0};
    if (classes == NULL) return vg_fail_memory(error, (size_t)moments->classes * sizeof *classes);
    for (int c = 0; c < moments->classes; c++)
        if (moments->counts[c] > 0) classes[present++] = c;
    vg_status status = factorise(&factor, moments, shrinkage, kernels, error);
    if (status == VG_OK) status = vg_novelty_open(novelty, moments->dims, present, error);
    if (status == VG_OK) {
        panel = vg_alloc_aligned((size_t)factor.padded * VG_GRAM_PANEL, sizeof *panel);
        if (panel == NULL)
            status = vg_fail_memory(error, (size_t)factor.padded * VG_GRAM_PANEL * sizeof *panel);
    }
    for (int d = 0; d < moments->dims && status == VG_OK; d += VG_GRAM_PANEL)
        whiten_columns(novelty, &factor, d, panel);
    for (int c = 0; c < present && status == VG_OK; c += VG_GRAM_PANEL)
        place_centres(novelty, &factor, moments, classes, mean, c, panel);
    if (status != VG_OK) vg_novelty_close(novelty);
    vg_cholesky_close(&factor);
    free(panel);
    free(classes);
    return status;
}

/* --- Distances ------------------------------------------------------------------------- */

/* Columns of the triangle that reach into panel `p` of its rows. */
static int columns_of(const vg_novelty_gauge *gauge, int p)
{
    int dims = gauge->novelty->dims, panel = gauge->kernels->panel;
    return p == vg_panel_count(dims, panel) - 1 ? dims : (p + 1) * panel;
}

static size_t panel_weights(const vg_novelty_gauge *gauge, int p)
{
    return (size_t)columns_of(gauge, p) *
           (size_t)vg_panel_width(gauge->novelty->dims, gauge->kernels->panel, p);
}

static void pack(vg_novelty_gauge *gauge)
{
    const vg_novelty *novelty = gauge->novelty;
    int dims = novelty->dims, panel = gauge->kernels->panel;
    float *to = gauge->weights;
    for (int p = 0; p < vg_panel_count(dims, panel); p++) {
        int first = p * panel, width = vg_panel_width(dims, panel, p);
        for (int k = 0; k < columns_of(gauge, p); k++)
            for (int j = 0; j < width; j++)
                *to++ = first + j < dims
                            ? novelty->whitening[(size_t)(first + j) * (size_t)dims + (size_t)k]
                            : 0.0F;
    }
}

vg_status vg_novelty_gauge_open(vg_novelty_gauge *gauge, const vg_novelty *novelty,
                                const vg_kernels *kernels, vg_error *error)
{
    size_t count = 0;
    *gauge = (vg_novelty_gauge){.kernels = kernels, .novelty = novelty};
    for (int p = 0; p < vg_panel_count(novelty->dims, kernels->panel); p++)
        count += panel_weights(gauge, p);
    gauge->weights = vg_alloc_aligned(count, sizeof(float));
    gauge->zeros = vg_alloc_aligned(2 * (size_t)kernels->panel, sizeof(float));
    if (gauge->weights == NULL || gauge->zeros == NULL) {
        vg_novelty_gauge_close(gauge);
        return vg_fail_memory(error, count * sizeof(float));
    }
    pack(gauge);
    return VG_OK;
}

void vg_novelty_gauge_close(vg_novelty_gauge *gauge)
{
    free(gauge->weights);
    free(gauge->zeros);
    *gauge = (vg_novelty_gauge){0};
}

static size_t input_channels(const vg_novelty_gauge *gauge)
{
    return (size_t)vg_panel_channels(gauge->novelty->dims, gauge->kernels->panel);
}

size_t vg_novelty_room(const vg_novelty_gauge *gauge)
{
    size_t widest = 2 * (size_t)gauge->kernels->panel, dims = (size_t)gauge->novelty->dims;
    return VG_PICKED_BLOCK * (input_channels(gauge) + widest + dims);
}

/* The square of the distance of a whitened row from the nearest centre. */
static double least_square(const vg_novelty_gauge *gauge, const float *row)
{
    size_t dims = (size_t)gauge->novelty->dims;
    double least = INFINITY;
    for (size_t c = 0; c < (size_t)gauge->novelty->classes; c++)
        least = fmin(
            least, gauge->kernels->square_distance(row, gauge->novelty->centres + c * dims, dims));
    return least;
}

void vg_novelty_block(const vg_novelty_gauge *gauge, const vg_picked_rows *rows, size_t block,
                      float *room, double *distances)
{
    size_t dims = (size_t)gauge->novelty->dims;
    int panel = gauge->kernels->panel, m = (int)vg_picked_block_size(rows, block);
    float *sums = room + VG_PICKED_BLOCK * input_channels(gauge);
    float *whitened = sums + VG_PICKED_BLOCK * 2 * (size_t)panel;
    const float *weights = gauge->weights;
    vg_picked_rows_panels(rows, block, panel, room);
    for (int p = 0; p < vg_panel_count(rows->dims, panel); p++) {
        int width = vg_panel_width(rows->dims, panel, p), first = p * panel;
        int left = rows->dims - first, count = left < width ? left : width;
        const vg_pointwise_input input = {
            .values = room, .panel_stride = (ptrdiff_t)panel * m, .channels = columns_of(gauge, p)};
        gauge->kernels->pointwise(sums, &input, weights, gauge->zeros, NULL, m, width, VG_LINEAR);
        for (int i = 0; i < m; i++)
            memcpy(whitened + (size_t)i * dims + first, sums + (ptrdiff_t)i * width,
                   (size_t)count * sizeof *whitened);
        weights += panel_weights(gauge, p);
    }
    for (size_t i = 0; i < (size_t)m; i++)
        distances[i] = sqrt(least_square(gauge, whitened + i * dims));
}
