/* A table that is made of the rows of an output and goes beside them: what is checked before, its
 * parts, its place. */
#ifndef VG_EXPLORE_DERIVED_TABLE_H
#define VG_EXPLORE_DERIVED_TABLE_H

#include "output/sink.h"
#include "output/target.h"
#include "output/timestamp.h"

typedef struct vg_derived_table {
    vg_table table;
    vg_target target;
    vg_store *output; /* open from the first call to the last */
    char timestamp[VG_TIMESTAMP_CHARS], uuid[VG_UUID_CHARS];
    char folder[VG_ADDRESS_CHARS]; /* address of the table, Parquet if written */
} vg_derived_table;

/* Opens the output and checks what can be checked before any work. What the target points
 * at has to outlive the table. To be closed, also on failure. */
vg_status vg_derived_table_open(vg_derived_table *derived, vg_table table, const vg_target *target,
                                vg_error *error);
/* It becomes that of another timestamp. */
void vg_derived_table_move(vg_derived_table *table, const char *timestamp);
void vg_derived_table_close(vg_derived_table *table);

typedef struct vg_derived_rows {
    const vg_column *columns;
    size_t column_count;
    const vg_fact *facts;
    size_t fact_count;
    uint64_t count;
    /* Appends a value to every column for one row. */
    vg_status (*append)(void *context, vg_builder *builder, size_t row, vg_error *error);
    void *context;
} vg_derived_rows;

/* Writes all rows and marks the table as complete. */
vg_status vg_derived_table_write(vg_derived_table *table, const vg_derived_rows *rows,
                                 vg_error *error);

#endif
