/* The rows of one file of features, pulled one by one. */
#ifndef VG_OUTPUT_FEATURE_READER_H
#define VG_OUTPUT_FEATURE_READER_H

#include "io/io.h"
#include "output/paths.h"

typedef struct vg_feature_text {
    const char *text; /* "" where there is none */
    size_t size;
} vg_feature_text;

typedef struct vg_feature_row {
    const char *path, *label;
    size_t path_size, label_size;
    const char *relative_path, *split; /* "" in tables that have no such column */
    size_t relative_path_size, split_size;
    const float *values; /* NULL where the table has none */
    size_t count;
    const vg_feature_text
        *texts; /* [text_count] of the columns that vg_feature_reader_keep named */
    size_t text_count;
    size_t following; /* rows that are read and valid together with this one */
} vg_feature_row;

typedef struct vg_feature_reader vg_feature_reader;

/* The column of numbers of features, and that of their components. */
#define VG_FEATURES_COLUMN "features"
#define VG_COMPONENTS_COLUMN "pca_features"

/* `path` and `column` live as long as the reader. */
vg_status vg_feature_reader_open(vg_feature_reader **reader, vg_store *store, const char *path,
                                 vg_format format, const char *column, vg_error *error);
void vg_feature_reader_close(vg_feature_reader **reader);

/* Adds the names of the columns of text besides those that a row has; `has_rows` is false, and
 * nothing is added, where the file has no row. For before the first row. */
vg_status vg_feature_reader_list_texts(vg_feature_reader *reader, vg_paths *names, bool *has_rows,
                                       vg_error *error);
/* Rows are to have these columns too, where the file has them; `names` outlive the reader. */
vg_status vg_feature_reader_keep(vg_feature_reader *reader, const vg_paths *names, vg_error *error);

/* The next row; its path is NULL past the last. It is valid until the call after the last of
 * those that follow it, but for the array `texts`, which is the next row's too. */
vg_status vg_feature_reader_next(vg_feature_reader *reader, vg_feature_row *row, vg_error *error);

#endif
