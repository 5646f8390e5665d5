/* Components, as they are kept and as rows are projected on them. */
#ifndef VG_PCA_PCA_H
#define VG_PCA_PCA_H

#include "kernels/kernels.h"
#include "verger/verger.h"

struct vg_pca {
    int dims, components;
    double *matrix;    /* [components][dims] */
    double *explained; /* [components] */
    vg_kernels kernels;
    double *panels; /* [dims] of VG_GRAM_PANEL components, the last filled with zeros: matrix */
};

/* The components and what fills the last panel. */
static inline size_t vg_pca_stride(const vg_pca *pca)
{
    return ((size_t)pca->components + VG_GRAM_PANEL - 1) / VG_GRAM_PANEL * VG_GRAM_PANEL;
}

/* Fills the panels from the matrix. */
void vg_pca_pack(vg_pca *pca);

#endif
