/* Cholesky's factor of a symmetric matrix, by the kernel of Gram matrices: LAPACK's differs in
 * the last bits from one CPU to another, this one does not. */
#ifndef VG_LEARN_CHOLESKY_H
#define VG_LEARN_CHOLESKY_H

#include "kernels/kernels.h"
#include "verger/verger.h"

/* U with U'U the matrix, in panels of VG_GRAM_PANEL columns; padded with the identity. */
typedef struct vg_cholesky {
    const vg_kernels *kernels; /* the caller's */
    int dims, padded;
    double *upper; /* panels of U: [padded / panel][padded][panel] */
    double *lower; /* panels of U' */
} vg_cholesky;

/* Of the upper triangle of matrix [dims][dims], in float64. VG_EFORMAT where the matrix is not
 * positive definite. */
vg_status vg_cholesky_open(vg_cholesky *factor, const double *matrix, int dims,
                           const vg_kernels *kernels, vg_error *error);
void vg_cholesky_close(vg_cholesky *factor);

/* In place of a panel of right sides [padded][panel], those past dims 0: the solution of
 * U'y = b, or of Ux = b. */
void vg_cholesky_solve_lower(const vg_cholesky *factor, double *panel);
void vg_cholesky_solve_upper(const vg_cholesky *factor, double *panel);

#endif
