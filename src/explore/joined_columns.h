/* Columns of somebody else's table for the rows of an output: Parquet, CSV, TSV, JSON lines. */
#ifndef VG_EXPLORE_JOINED_COLUMNS_H
#define VG_EXPLORE_JOINED_COLUMNS_H

#include "explore/row_table.h"
#include "selection/texts.h"

typedef struct vg_join {
    const char *file; /* on this machine */
    vg_texts columns; /* of the file; it has to have all */
    bool by_name;     /* by the last part of the path: that of the whole path, or of the one below
                       * the input, else */
} vg_join;

/* The names of the columns with commas between, as far as they fit. */
void vg_join_text(const vg_join *join, char *text, size_t size);

typedef struct vg_joined {
    uint64_t rows;              /* of the output that got values */
    uint64_t unknown, repeated; /* records of the file that are of no row, or of one that has its
                                 * values from an earlier record */
    char first_unknown[128], first_repeated[128];
} vg_joined;

/* Adds to texts [join->columns.count] a text a row, "" where the file says nothing; they start as
 * {0}, and are the caller's to free. Names that several rows have get the same values. */
vg_status vg_join_columns(vg_paths *texts, vg_joined *joined, const vg_join *join,
                          const vg_row_table *rows, vg_error *error);

/* Adds the columns to those that the table kept, and warns of what does not match. */
vg_status vg_join_to_rows(vg_row_table *rows, const vg_join *join, const vg_observer *observer,
                          vg_error *error);

#endif
