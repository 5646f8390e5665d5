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
    int dims;
    uint64_t count;  /* rows in mean and scatter */
    double *mean;    /* [dims] */
    double *scatter; /* [dims][dims], upper triangle: sum of (x - mean)(x - mean)' */
    vg_kernels kernels;
    double *panels;  /* a block of rows, in panels of VG_GRAM_PANEL columns */
    double *pending; /* [VG_MOMENTS_BLOCK + 1][dims], rows not yet in mean and scatter */
    int pending_count;
};

/* Brings the pending rows into mean and scatter. To a caller nothing changes, so
 * the functions that only read call it too. */
void vg_moments_settle(const vg_moments *moments);

/* VG_EINVAL, naming the row and the value, where a value is a NaN or an infinity. */
vg_status vg_check_finite(const float *values, size_t n, uint64_t row, vg_error *error);

#endif
