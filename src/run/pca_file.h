/* A PCA as a file of the safetensors format, as Python's PCA.save writes it too
 * (docs/python.md): components [k][dims], mean [dims] and explained_variance [k], float64. Rows of
 * a PCA that whitens are projected like others: its components are divided by their deviations. */
#ifndef VG_RUN_PCA_FILE_H
#define VG_RUN_PCA_FILE_H

#include "io/io.h"

/* Writes the PCA of those moments; the file appears whole. The texts become its metadata. */
vg_status vg_pca_file_write(vg_store *output, const char *path, const vg_pca *pca,
                            const vg_moments *moments, const vg_fact *facts, size_t fact_count,
                            vg_error *error);

/* A PCA that was fitted, and how rows are projected with it. */
typedef struct vg_kept_pca {
    vg_pca *pca;  /* of components that are divided by their deviations, where it whitens */
    double *mean; /* [dims] of what it was fitted to, or NULL where the file has none */
    bool centers; /* the mean is taken off; MLlib leaves it */
    bool whitens;
} vg_kept_pca;

void vg_kept_pca_close(vg_kept_pca *kept);

/* Opens the PCA of a local file; its metadata "center" and "whiten" say how it projects.
 * VG_EFORMAT, naming the file, where it is none. */
vg_status vg_pca_file_read(vg_kept_pca *kept, const char *path, vg_error *error);

/* The same of its bytes. */
vg_status vg_pca_file_parse(vg_kept_pca *kept, const unsigned char *bytes, size_t size,
                            vg_error *error);

#endif
