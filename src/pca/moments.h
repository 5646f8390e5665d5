/* What the files of this room share. */
#ifndef VG_PCA_MOMENTS_H
#define VG_PCA_MOMENTS_H

#include "kernels/kernels.h"
#include "verger/verger.h"

enum {
    VG_MOMENTS_MAX_DIMS = 16384, /* a scatter matrix of 2 GiB */
    VG_MOMENTS_BLOCK = 255       /* rows of a block; one more brings the blocks together */
};

struct vg_moments {
    int dims, threads;
    size_t stride;   /* dims and what fills the last panel of VG_GRAM_PANEL columns */
    uint64_t count;  /* rows in mean and scatter */
    double *mean;    /* [stride], 0 past dims */
    double *scatter; /* [stride][stride], upper triangle: sum of (x - mean)(x - mean)'. What
                      * lies below it and past dims says nothing */
    vg_kernels kernels;
    float *pending; /* [VG_MOMENTS_BLOCK][stride], rows not yet in mean and scatter */
    int pending_count;
    double *panels; /* [stride / VG_GRAM_PANEL][VG_MOMENTS_BLOCK + 1][VG_GRAM_PANEL] */
};

/* Brings the pending rows into mean and scatter. To a caller nothing changes, so
 * the functions that only read call it too. */
void vg_moments_settle(const vg_moments *moments);

/* VG_EINVAL, naming the row and the value, where a value is a NaN or an infinity. */
vg_status vg_check_finite(const float *values, size_t n, uint64_t row, vg_error *error);

#endif
