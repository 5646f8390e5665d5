#include <assert.h>
#include <math.h>

#include "kernels/gram/gram.h"

void vg_gram_ref(double *c, ptrdiff_t stride, const double *a, const double *b, int m)
{
    assert(vg_gram_may(c, stride, a, b, m));
    for (int i = 0; i < VG_GRAM_PANEL; i++) {
        for (int j = 0; j < VG_GRAM_PANEL; j++) {
            double sum = 0.0;
            for (int r = 0; r < m; r++)
                sum = fma(a[r * VG_GRAM_PANEL + i], b[r * VG_GRAM_PANEL + j], sum);
            c[i * stride + j] += sum;
        }
    }
}
