/* The rows of one file of features, pulled one by one. */
#ifndef VG_OUTPUT_FEATURE_READER_H
#define VG_OUTPUT_FEATURE_READER_H

#include "io/io.h"

typedef struct vg_feature_row {
    const char *path, *label;
    size_t path_size, label_size;
    const char *relative_path, *split; /* "" in tables that have no such column */
    size_t relative_path_size, split_size;
    const float *values; /* NULL where the table has none */
    size_t count;
} vg_feature_row;

typedef struct vg_feature_reader vg_feature_reader;

/* The column of numbers of features, and that of their components. */
#define VG_FEATURES_COLUMN "features"
#define VG_COMPONENTS_COLUMN "pca_features"

/* `path` and `column` live as long as the reader. */
vg_status vg_feature_reader_open(vg_feature_reader **reader, vg_store *store, const char *path,
                                 vg_format format, const char *column, vg_error *error);
void vg_feature_reader_close(vg_feature_reader **reader);

/* The next row, valid until the next call; its path is NULL past the last. */
vg_status vg_feature_reader_next(vg_feature_reader *reader, vg_feature_row *row, vg_error *error);

#endif
