/* Plain C: what every other set is held against. */
#include "kernels/kernels.h"

static const vg_tile no_tiles[] = {{0}};

void vg_kernels_init_ref(vg_kernels *kernels)
{
    *kernels = (vg_kernels){
        .name = "ref",
        .panel = VG_REF_PANEL,
        .pointwise = vg_pointwise_ref,
        .stem = vg_stem_ref,
        .depthwise_stride1 = vg_depthwise_stride1_ref,
        .depthwise_stride2 = vg_depthwise_stride2_ref,
        .average = vg_average_ref,
        .normalise = vg_normalise_ref,
        .resample_rows = vg_resample_rows_ref,
        .resample_column = vg_resample_column_ref,
        .gram = vg_gram_ref,
        .dot = vg_dot_ref,
        .square_distance = vg_square_distance_ref,
        .reach = vg_reach_ref,
        .pointwise_tiles = no_tiles,
        .stem_tiles = no_tiles,
        .depthwise_tiles = no_tiles,
    };
}
