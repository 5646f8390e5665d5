/* A PCA as a file of the safetensors format, as Python's PCA.save writes it too
 * (docs/python.md): components [k][dims], mean [dims] and explained_variance [k], float64. */
#ifndef VG_RUN_PCA_FILE_H
#define VG_RUN_PCA_FILE_H

#include "io/io.h"

/* Writes the PCA of those moments; the file appears whole. The texts become its metadata. */
vg_status vg_pca_file_write(vg_store *output, const char *path, const vg_pca *pca,
                            const vg_moments *moments, const vg_fact *facts, size_t fact_count,
                            vg_error *error);

/* Opens the PCA of a local file. VG_EFORMAT, naming the file, where it is none. */
vg_status vg_pca_file_read(vg_pca **pca, const char *path, vg_error *error);

/* The same of its bytes. */
vg_status vg_pca_file_parse(vg_pca **pca, const unsigned char *bytes, size_t size, vg_error *error);

#endif
