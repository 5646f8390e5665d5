#include <assert.h>

#include "kernels/average/average.h"

void vg_average_ref(float *c, const float *a, int m, int width)
{
    assert(vg_average_may(c, a, m, width, VG_REF_PANEL) ||
           vg_average_may(c, a, m, width, VG_DIGITS_PANEL));
    for (int j = 0; j < width; j++) {
        float sum = 0.0F;
        for (int i = 0; i < m; i++) sum += a[i * width + j];
        c[j] = sum / (float)m;
    }
}
