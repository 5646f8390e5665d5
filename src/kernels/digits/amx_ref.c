/* What the set "amx" computes, in plain C. */
#include "kernels/kernels.h"

void vg_kernels_init_amx_ref(vg_kernels *kernels)
{
    kernels->name = "amx-ref";
    kernels->panel = VG_DIGITS_PANEL;
    kernels->pointwise = vg_pointwise_of_32_ref;
    kernels->pointwise_digits = vg_digits_pointwise_ref;
    kernels->begin_digits = kernels->end_digits = vg_digits_begin_ref;
    kernels->encode = vg_digits_encode_ref;
    kernels->encode_bounded = vg_digits_encode_bounded_ref;
}
