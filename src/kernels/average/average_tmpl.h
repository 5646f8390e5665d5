/* For a vector of LANES floats: see tile_tmpl.h. */
#include <assert.h>

#include "kernels/average/average.h"
#include "kernels/template.h"

static void KERNEL(average)(float *c, const float *a, int m, int width)
{
    assert(vg_average_may(c, a, m, width, PANEL_VECTORS * LANES));
    for (int channel = 0; channel < width; channel += LANES) {
        vec sum = vec_set1(0.0F);
        for (int i = 0; i < m; i++) sum = vec_add(sum, vec_load(a + i * width + channel));
        vec_store(c + channel, vec_div(sum, vec_set1((float)m)));
    }
}
