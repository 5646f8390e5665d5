/* The directions along which rows differ most: of a sample, for any basis gives the same
 * neighbours, a better one sooner. */
#ifndef VG_NEIGHBOURS_BASIS_H
#define VG_NEIGHBOURS_BASIS_H

#include "neighbours/rowset.h"

/* The mean of rows spread over the set, [dims], freed with free(). Rows of VG_L2 are
 * multiplied with `factor`, those of VG_COSINE scaled to unit length. */
vg_status vg_basis_mean(double **mean, const vg_rowset *rows, double factor, vg_error *error);

/* `components` orthonormal vectors, a multiple of VG_GRAM_PANEL, in panels
 * [components / VG_GRAM_PANEL][dims][VG_GRAM_PANEL], freed with free(). Where there are not
 * as many directions the last ones are zero. */
vg_status vg_basis_find(double **basis, const vg_rowset *rows, double factor, const double *mean,
                        int components, vg_team *team, vg_error *error);

#endif
