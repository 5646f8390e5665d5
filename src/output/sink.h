/* A table on its way to the output: rows to batches, batches to part files, in one
 * format or in both. A part is written under a name that readers skip and gets its
 * own only when it is whole. */
#ifndef VG_OUTPUT_SINK_H
#define VG_OUTPUT_SINK_H

#include "io/io.h"
#include "output/layout.h"
#include "table/table.h"

typedef struct vg_sink vg_sink;

typedef struct vg_sink_options {
    vg_store *output;
    vg_table table;
    bool parquet, csv;
    const char *timestamp;
    const char *uuid; /* in the names of the parts */
    const vg_column *columns;
    size_t column_count;
    const vg_fact *facts; /* must outlive the sink */
    size_t fact_count;
    bool goes_on; /* parts are kept for a later call, and a lock keeps others away from them */
} vg_sink_options;

/* VG_EEXIST where the table has parts of another call, unless a lock is known to keep it away. */
vg_status vg_sink_open(vg_sink **sink, const vg_sink_options *options, vg_error *error);
/* Drops a part that is not whole; whole ones stay. */
void vg_sink_close(vg_sink **sink);

/* Append one value to every column, then end the row. */
vg_builder *vg_sink_builder(vg_sink *sink);
vg_status vg_sink_end_row(vg_sink *sink, vg_error *error);

enum { VG_SINK_FORMATS = 2 };

/* The rows that follow are of the part `number`; parts begin at 0. */
void vg_sink_begin_part(vg_sink *sink, uint64_t number);
/* Makes those rows, if only none, a part file in each format, which `files` gets too
 * where it is not NULL. */
vg_status vg_sink_end_part(vg_sink *sink, vg_part_files *files, vg_error *error);

/* Says that all parts are there. VG_EEXIST where another call wrote parts of the table in the
 * meantime; those of this one are deleted then, unless somebody goes on with them. */
vg_status vg_sink_mark_complete(vg_sink *sink, vg_error *error);

/* Rows of the part so far. */
uint64_t vg_sink_rows(const vg_sink *sink);

#endif
