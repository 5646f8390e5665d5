#include "measure/peak.h"

#include <math.h>

double vg_peak_ref(long rounds)
{
    enum { SUMS = 8 };
    volatile float kept[SUMS];
    float sums[SUMS] = {0};
    for (long round = 0; round < rounds; round++)
        for (int i = 0; i < SUMS; i++) sums[i] = fmaf(sums[i], 0.5F, 0.25F);
    for (int i = 0; i < SUMS; i++) kept[i] = sums[i];
    (void)kept;
    return (double)(2 * SUMS) * (double)rounds;
}
