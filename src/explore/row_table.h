/* A table of features or of components, whole, in the order of its paths. */
#ifndef VG_EXPLORE_ROW_TABLE_H
#define VG_EXPLORE_ROW_TABLE_H

#include "base/observer.h"
#include "digest/sha256.h"
#include "explore/row_file.h"
#include "output/feature_table.h"
#include "output/paths.h"

typedef struct vg_row_table {
    vg_row_file values;                               /* [count][dims] */
    vg_paths paths, labels;                           /* [count] */
    vg_paths relative_paths, splits;                  /* [count], "" where the table has none */
    vg_paths names;                                   /* of more columns of text */
    vg_paths *texts;                                  /* [names.count] of [count] */
    uint64_t left_out;                                /* rows without features */
    char address[VG_ADDRESS_CHARS + VG_FOLDER_CHARS]; /* of the table that was read */
} vg_row_table;

/* Reads VG_TABLE_FEATURES, or VG_TABLE_PCA, of an output or of the folder of the table
 * itself. Rows without numbers are left out, with a warning; a number that is not finite is
 * VG_EFORMAT, no rows at all too. */
vg_status vg_row_table_open(vg_row_table *table, vg_store *store, vg_table which,
                            const vg_observer *observer, const atomic_bool *cancel,
                            vg_error *error);
void vg_row_table_close(vg_row_table *table);

static inline size_t vg_row_table_count(const vg_row_table *table)
{
    return table->values.count;
}

/* An empty text is no label. */
static inline bool vg_row_has_label(const vg_row_table *table, size_t row)
{
    return table->labels.items[row].text[0] != '\0';
}

/* Takes the mean of the rows off each. MLlib's components are not centred, and an angle is
 * that of the differences only where they are. */
vg_status vg_row_table_centre(vg_row_table *table, vg_error *error);

#endif
