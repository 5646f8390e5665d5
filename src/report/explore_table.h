/* All that a page shows as one table, for other programs: embedding-atlas, Spotlight, FiftyOne,
 * DuckDB. */
#ifndef VG_REPORT_EXPLORE_TABLE_H
#define VG_REPORT_EXPLORE_TABLE_H

#include "explore/inspection.h"

/* What its rows are made of; they outlive the table. */
typedef struct vg_explore_source {
    vg_store *output;
    const vg_row_table *rows;             /* components */
    const float *places;                  /* [rows][2]; NULL takes the first two components */
    const vg_neighbour_lists *neighbours; /* of no k where there are none */
    const vg_inspection *inspection;      /* of no rows then */
} vg_explore_source;

typedef struct vg_explore_table vg_explore_table;

/* explore/explore_<timestamp>/, in Parquet. */
vg_status vg_explore_table_open(vg_explore_table **table, const vg_explore_source *source,
                                vg_error *error);
/* Without its mark a table that was not finished is no table. */
void vg_explore_table_close(vg_explore_table **table);

/* The next row, with its thumbnail as WebP; `size` is 0 for none. */
vg_status vg_explore_table_append(vg_explore_table *table, const void *thumbnail, size_t size,
                                  vg_error *error);
/* Appends what rows are left, without thumbnails, and says that the table is whole. */
vg_status vg_explore_table_finish(vg_explore_table *table, vg_error *error);
/* Its folder, below the output. */
const char *vg_explore_table_folder(const vg_explore_table *table);

#endif
