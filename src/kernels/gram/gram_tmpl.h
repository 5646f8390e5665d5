/* The Gram kernel over vectors, once for all instruction sets. A file that includes
 * this defines SET (template.h) and
 *   GRAM_LANES   doubles of a vector `gram_vec`
 *   GRAM_ROWS    rows of a register tile that is two vectors wide; the last may have fewer
 *   GRAM_INPUTS  factors that one register holds: 1, broadcast, or GRAM_LANES where a
 *                multiply-add takes its factor from one lane
 * and gram_load, gram_store, gram_zero, gram_add,
 *   gram_load_inputs(p)         GRAM_INPUTS factors
 *   gram_fma_input(x, n, b, c)  factor n of x, times b, + c */
#include <assert.h>

#include "kernels/gram/gram.h"
#include "kernels/template.h"

INLINE void gram_tile(double *c, ptrdiff_t stride, const double *a, const double *b, int m,
                      const int rows)
{
    gram_vec acc[GRAM_ROWS][2];
    UNROLL
    for (int i = 0; i < rows; i++) acc[i][0] = acc[i][1] = gram_zero();
    /* A scatter matrix is larger than level 2: what is added to at the end is on its way
     * while the sums are made. */
    UNROLL
    for (int i = 0; i < rows; i++) {
        __builtin_prefetch(c + i * stride, 1);
        __builtin_prefetch(c + i * stride + GRAM_LANES, 1);
    }
    for (int r = 0; r < m; r++, a += VG_GRAM_PANEL, b += VG_GRAM_PANEL) {
        gram_vec left = gram_load(b), right = gram_load(b + GRAM_LANES);
        UNROLL
        for (int i = 0; i < rows; i += GRAM_INPUTS) {
            gram_vec x = gram_load_inputs(a + i);
            UNROLL
            for (int n = 0; n < GRAM_INPUTS; n++) {
                acc[i + n][0] = gram_fma_input(x, n, left, acc[i + n][0]);
                acc[i + n][1] = gram_fma_input(x, n, right, acc[i + n][1]);
            }
        }
    }
    UNROLL
    for (int i = 0; i < rows; i++, c += stride) {
        gram_store(c, gram_add(gram_load(c), acc[i][0]));
        gram_store(c + GRAM_LANES, gram_add(gram_load(c + GRAM_LANES), acc[i][1]));
    }
}

static void KERNEL(gram)(double *c, ptrdiff_t stride, const double *a, const double *b, int m)
{
    enum { REST = VG_GRAM_PANEL % GRAM_ROWS, FULL = VG_GRAM_PANEL - REST };
    assert(vg_gram_may(c, stride, a, b, m));
    for (int j = 0; j < VG_GRAM_PANEL; j += 2 * GRAM_LANES) {
        for (int i = 0; i < FULL; i += GRAM_ROWS)
            gram_tile(c + i * stride + j, stride, a + i, b + j, m, GRAM_ROWS);
        if (REST > 0) gram_tile(c + FULL * stride + j, stride, a + FULL, b + j, m, REST);
    }
}
