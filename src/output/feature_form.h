/* How features are written: as the network gives them, or for those who search. */
#ifndef VG_OUTPUT_FEATURE_FORM_H
#define VG_OUTPUT_FEATURE_FORM_H

#include <stdbool.h>

#include "verger/verger.h"

typedef struct vg_feature_form {
    bool normalize; /* of length 1; all zeros stay */
    bool float16;   /* rounded to half precision */
} vg_feature_form;

/* Features [VG_FEATURE_COUNT] as a table of that form has them; `to` may be `from`. */
void vg_feature_form_apply(const vg_feature_form *form, const float *from, float *to);

#endif
