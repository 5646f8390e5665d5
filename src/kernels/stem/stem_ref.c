#include <assert.h>
#include <math.h>

#include "kernels/stem/stem.h"

void vg_stem_ref(float *c, const float *a, ptrdiff_t a_row, const float *b, const float *bias,
                 int m, int width)
{
    assert(vg_stem_may(c, a, b, bias, m, width, VG_REF_PANEL) ||
           vg_stem_may(c, a, b, bias, m, width, VG_DIGITS_PANEL));
    for (int i = 0; i < m; i++, a += VG_STEM_PIXEL_STRIDE) {
        for (int j = 0; j < width; j++) {
            float sum = bias[j];
            for (int ky = 0; ky < 3; ky++)
                for (int p = 0; p < VG_STEM_ROW_PRODUCTS; p++)
                    sum = fmaf(a[ky * a_row + p], b[(ky * VG_STEM_ROW_PRODUCTS + p) * width + j],
                               sum);
            c[i * width + j] = vg_relu6(sum);
        }
    }
}
