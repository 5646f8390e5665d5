/* What CPUs with AVX-512 VNNI do better: images are resampled by products of bytes. The network in
 * float32 has no use for these. */
#include "kernels/kernels.h"

void vg_kernels_init_vnni(vg_kernels *kernels)
{
    kernels->resample_rows = vg_resample_rows_vnni;
    kernels->resample_column = vg_resample_column_vnni;
}
