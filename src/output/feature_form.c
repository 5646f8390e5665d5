#include "output/feature_form.h"

#include <math.h>

#include "base/half.h"

void vg_feature_form_apply(const vg_feature_form *form, const float *from, float *to)
{
    double sum = 0.0;
    for (int i = 0; i < VG_FEATURE_COUNT; i++) sum += (double)from[i] * (double)from[i];
    double length = form->normalize && sum > 0.0 ? sqrt(sum) : 1.0;
    for (int i = 0; i < VG_FEATURE_COUNT; i++) {
        float value = (float)((double)from[i] / length);
        to[i] = form->float16 ? vg_half_to_float(vg_half_from_float(value)) : value;
    }
}
