#include <assert.h>

#include "kernels/normalise/normalise.h"

void vg_normalise_ref(float *to, const uint8_t *from, size_t n)
{
    assert(vg_normalise_may(to, from, n));
    for (size_t i = 0; i < n; i++) to[i] = (float)from[i] / 127.5F - 1.0F;
}
