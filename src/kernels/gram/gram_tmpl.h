/* The Gram kernel over vectors, once for all instruction sets. A file that includes
 * this defines SET (template.h) and
 *   GRAM_LANES   doubles of a vector `gram_vec`
 *   GRAM_ROWS    rows of a register tile that is two vectors wide
 *   GRAM_INPUTS  factors that one register holds: 1, broadcast, or GRAM_LANES where a
 *                multiply-add takes its factor from one lane
 * and gram_load, gram_store, gram_zero,
 *   gram_load_inputs(p)         GRAM_INPUTS factors
 *   gram_fma_input(x, n, b, c)  factor n of x, times b, + c */
#include <assert.h>

#include "kernels/gram/gram.h"
#include "kernels/template.h"

INLINE void gram_tile(double *c, const double *a, const double *b, int m)
{
    gram_vec acc[GRAM_ROWS][2];
    UNROLL
    for (int i = 0; i < GRAM_ROWS; i++) acc[i][0] = acc[i][1] = gram_zero();
    for (int r = 0; r < m; r++, a += VG_GRAM_PANEL, b += VG_GRAM_PANEL) {
        gram_vec left = gram_load(b), right = gram_load(b + GRAM_LANES);
        UNROLL
        for (int i = 0; i < GRAM_ROWS; i += GRAM_INPUTS) {
            gram_vec x = gram_load_inputs(a + i);
            UNROLL
            for (int n = 0; n < GRAM_INPUTS; n++) {
                acc[i + n][0] = gram_fma_input(x, n, left, acc[i + n][0]);
                acc[i + n][1] = gram_fma_input(x, n, right, acc[i + n][1]);
            }
        }
    }
    UNROLL
    for (int i = 0; i < GRAM_ROWS; i++) {
        gram_store(c + i * VG_GRAM_PANEL, acc[i][0]);
        gram_store(c + i * VG_GRAM_PANEL + GRAM_LANES, acc[i][1]);
    }
}

static void KERNEL(gram)(double *c, const double *a, const double *b, int m)
{
    assert(vg_gram_may(c, a, b, m));
    for (int i = 0; i < VG_GRAM_PANEL; i += GRAM_ROWS)
        for (int j = 0; j < VG_GRAM_PANEL; j += 2 * GRAM_LANES)
            gram_tile(c + i * VG_GRAM_PANEL + j, a + i, b + j, m);
}
