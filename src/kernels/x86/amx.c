/* AMX: 1x1 convolutions of digits, the rest as AVX-512 does it, over panels of 64 too. */
#include "kernels/kernels.h"
#include "kernels/x86/avx512_vec_tmpl.h"

#define SET amx
enum { PANEL_VECTORS = 4, FULL_ROWS = 7, TALLEST = 14 };

#define DEPTHWISE_TILES(X) X(7, 4) X(7, 2) X(7, 1)

#include "kernels/tile_tmpl.h"

#include "kernels/average/average_tmpl.h"
#include "kernels/depthwise/depthwise_tmpl.h"

void vg_kernels_init_amx(vg_kernels *kernels)
{
    kernels->name = "amx";
    kernels->panel = PANEL;
    kernels->pointwise_24 = NULL; /* those layers take digits */
    kernels->depthwise_stride1 = KERNEL(depthwise_stride1);
    kernels->depthwise_stride2 = KERNEL(depthwise_stride2);
    kernels->average = KERNEL(average);
    kernels->pointwise_digits = vg_digits_pointwise_amx;
    kernels->begin_digits = vg_digits_begin_amx;
    kernels->end_digits = vg_digits_end_amx;
    kernels->encode = vg_digits_encode_avx512;
    kernels->encode_bounded = vg_digits_encode_bounded_avx512;
    kernels->depthwise_tiles = depthwise_tiles;
}
