/* Left-looking, a block row of tiles at a time: every sum over the rows above is one call of
 * the Gram kernel, which sums in row order (Golub and Van Loan, "Matrix Computations", 4.2). */
#include "learn/cholesky.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

enum { PANEL = VG_GRAM_PANEL };

static double *panel_of(const vg_cholesky *factor, double *panels, int index)
{
    return panels + (size_t)index * (size_t)factor->padded * PANEL;
}

/* The element of the matrix, or of the identity that pads it. */
static double element(const vg_cholesky *factor, const double *matrix, int row, int column)
{
    int dims = factor->dims;
    if (row >= dims || column >= dims) return row == column ? 1.0 : 0.0;
    return row <= column ? matrix[(size_t)row * (size_t)dims + (size_t)column]
                         : matrix[(size_t)column * (size_t)dims + (size_t)row];
}

/* U of the tile itself; the first pivot that is not positive, or -1. */
static int factor_tile(double *tile, const double *diagonal)
{
    for (int i = 0; i < PANEL; i++) {
        double *row = tile + i * PANEL;
        for (int r = 0; r < i; r++)
            for (int j = i; j < PANEL; j++) row[j] -= tile[r * PANEL + i] * tile[r * PANEL + j];
        if (!(row[i] > DBL_EPSILON * diagonal[i])) return i;
        double root = sqrt(row[i]);
        for (int j = i; j < PANEL; j++) row[j] /= root;
        for (int j = 0; j < i; j++) row[j] = 0.0;
    }
    return -1;
}

/* Solves U'x = b for the columns of a tile; u is the tile on the diagonal. */
static void solve_tile_lower(const double *u, double *b)
{
    for (int i = 0; i < PANEL; i++) {
        for (int r = 0; r < i; r++)
            for (int j = 0; j < PANEL; j++) b[i * PANEL + j] -= u[r * PANEL + i] * b[r * PANEL + j];
        for (int j = 0; j < PANEL; j++) b[i * PANEL + j] /= u[i * PANEL + i];
    }
}

static void solve_tile_upper(const double *u, double *b)
{
    for (int i = PANEL; i-- > 0;) {
        for (int r = i + 1; r < PANEL; r++)
            for (int j = 0; j < PANEL; j++) b[i * PANEL + j] -= u[i * PANEL + r] * b[r * PANEL + j];
        for (int j = 0; j < PANEL; j++) b[i * PANEL + j] /= u[i * PANEL + i];
    }
}

/* The tile of U at block (i, j), from the rows above it. */
static int make_tile(vg_cholesky *factor, const double *matrix, int i, int j)
{
    double sums[PANEL * PANEL], diagonal[PANEL];
    double *left = panel_of(factor, factor->upper, i), *right = panel_of(factor, factor->upper, j);
    double *tile = right + i * PANEL * PANEL;
    vg_gram_tile(factor->kernels->gram, sums, left, right, i * PANEL);
    for (int a = 0; a < PANEL; a++)
        for (int b = 0; b < PANEL; b++)
            tile[a * PANEL + b] =
                element(factor, matrix, i * PANEL + a, j * PANEL + b) - sums[a * PANEL + b];
    if (i != j) {
        solve_tile_lower(left + i * PANEL * PANEL, tile);
        return -1;
    }
    for (int a = 0; a < PANEL; a++)
        diagonal[a] = element(factor, matrix, i * PANEL + a, i * PANEL + a);
    return factor_tile(tile, diagonal);
}

static void turn(vg_cholesky *factor)
{
    int blocks = factor->padded / PANEL;
    for (int i = 0; i < blocks; i++) {
        double *to = panel_of(factor, factor->lower, i);
        for (int column = i * PANEL; column < factor->padded; column++) {
            const double *from = panel_of(factor, factor->upper, column / PANEL) + column % PANEL;
            for (int a = 0; a < PANEL; a++) to[column * PANEL + a] = from[(i * PANEL + a) * PANEL];
        }
    }
}

vg_status vg_cholesky_open(vg_cholesky *factor, const double *matrix, int dims,
                           const vg_kernels *kernels, vg_error *error)
{
    int blocks = (dims + PANEL - 1) / PANEL;
    *factor = (vg_cholesky){.kernels = kernels, .dims = dims, .padded = blocks * PANEL};
    size_t count = (size_t)factor->padded * (size_t)factor->padded;
    factor->upper = vg_alloc_aligned(count, sizeof(double));
    factor->lower = vg_alloc_aligned(count, sizeof(double));
    if (factor->upper == NULL || factor->lower == NULL) {
        vg_cholesky_close(factor);
        return vg_fail_memory(error, 2 * count * sizeof(double));
    }
    for (int i = 0; i < blocks; i++)
        for (int j = i; j < blocks; j++) {
            int pivot = make_tile(factor, matrix, i, j);
            if (pivot < 0) continue;
            vg_cholesky_close(factor);
            return vg_fail(error, VG_EFORMAT, "column %d depends on those before it",
                           i * PANEL + pivot);
        }
    turn(factor);
    return VG_OK;
}

void vg_cholesky_close(vg_cholesky *factor)
{
    free(factor->upper);
    free(factor->lower);
    factor->upper = factor->lower = NULL;
}

static void subtract(double *to, const double *sums)
{
    for (int i = 0; i < PANEL * PANEL; i++) to[i] -= sums[i];
}

void vg_cholesky_solve_lower(const vg_cholesky *factor, double *panel)
{
    double sums[PANEL * PANEL];
    for (int i = 0; i < factor->padded / PANEL; i++) {
        const double *columns = panel_of(factor, factor->upper, i);
        vg_gram_tile(factor->kernels->gram, sums, columns, panel, i * PANEL);
        subtract(panel + i * PANEL * PANEL, sums);
        solve_tile_lower(columns + i * PANEL * PANEL, panel + i * PANEL * PANEL);
    }
}

void vg_cholesky_solve_upper(const vg_cholesky *factor, double *panel)
{
    double sums[PANEL * PANEL];
    for (int i = factor->padded / PANEL; i-- > 0;) {
        int below = (i + 1) * PANEL;
        const double *rows = panel_of(factor, factor->lower, i);
        vg_gram_tile(factor->kernels->gram, sums, rows + below * PANEL, panel + below * PANEL,
                     factor->padded - below);
        subtract(panel + i * PANEL * PANEL, sums);
        const double *tile = panel_of(factor, factor->upper, i) + i * PANEL * PANEL;
        solve_tile_upper(tile, panel + i * PANEL * PANEL);
    }
}
