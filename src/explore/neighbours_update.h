/* What the newest table of neighbours spares the next one. */
#ifndef VG_EXPLORE_NEIGHBOURS_UPDATE_H
#define VG_EXPLORE_NEIGHBOURS_UPDATE_H

#include "explore/row_table.h"
#include "io/io.h"

/* Facts of a table of neighbours beside what was asked: the table that its rows are of, and
 * vg_row_digests_sum of them. */
#define VG_ROWS_OF "rows_of"
#define VG_ROWS_SHA256 "rows_sha256"

typedef struct vg_neighbours_update_options {
    vg_store *output;
    vg_table which;               /* that the rows are of */
    const vg_row_table *rows;     /* as they were read */
    const unsigned char *digests; /* vg_row_digests_find of them */
    int k;
    const vg_fact *facts; /* of the table to be written */
    size_t fact_count;
    bool csv; /* it is to have that beside Parquet, which is what is read */
    const atomic_bool *cancel;
    const vg_observer *observer;
} vg_neighbours_update_options;

typedef struct vg_neighbours_update {
    /* The table is of these rows already and has these formats: nothing is to be done. */
    bool is_current;
    char timestamp[VG_TIMESTAMP_CHARS]; /* of the table */
    /* Where lists can be taken over, what vg_graph_update takes; else NULL. */
    unsigned char *is_new; /* [rows] */
    int64_t *indices;      /* [rows][k] */
    uint64_t added, changed, vanished;
    uint64_t lost; /* rows that stay, but have lost a neighbour */
} vg_neighbours_update;

/* Says in a line of the log why nothing can be taken over. */
vg_status vg_neighbours_update_open(vg_neighbours_update *update,
                                    const vg_neighbours_update_options *options, vg_error *error);
void vg_neighbours_update_close(vg_neighbours_update *update);

#endif
