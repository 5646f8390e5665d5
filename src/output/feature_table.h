/* Features that are written already, by a run or by others. */
#ifndef VG_OUTPUT_FEATURE_TABLE_H
#define VG_OUTPUT_FEATURE_TABLE_H

#include "base/observer.h"
#include "output/feature_reader.h"
#include "output/layout.h"
#include "output/paths.h"
#include "output/timestamp.h"

typedef struct vg_feature_table {
    vg_store *store; /* the caller's */
    vg_format format;
    const char *column; /* of the numbers */
    vg_paths parts;     /* in name order */
    vg_paths texts; /* names of more columns of text that rows have; none before they are found */
    char folder[VG_TIMESTAMP_CHARS + 64]; /* of the parts in the store; "" for the store itself */
} vg_feature_table;

/* The parts of one folder of features. */
vg_status vg_feature_table_open(vg_feature_table *table, vg_store *store, const char *folder,
                                vg_format format, vg_error *error);

/* The table of features, VG_TABLE_PCA or VG_TABLE_NEIGHBOURS, that `store` is or holds: part
 * files directly in it (Parquet before CSV), or the newest complete ones of an output. One that
 * is not finished is VG_ENOTFOUND, no such table at all too. Neighbours are those in Parquet
 * alone. `store` must outlive the table. */
vg_status vg_feature_table_find(vg_feature_table *table, vg_store *store, vg_table which,
                                const vg_observer *observer, vg_error *error);
void vg_feature_table_close(vg_feature_table *table);

/* Finds the columns of text besides path, label, relative_path and split, which rows have from
 * then on. */
vg_status vg_feature_table_find_texts(vg_feature_table *table, vg_error *error);

typedef vg_status vg_feature_visitor(void *context, const vg_feature_row *row, vg_error *error);

/* Every row of one part, in order; anything but VG_OK ends the reading and is
 * returned with the part's name in front. */
vg_status vg_feature_table_read(const vg_feature_table *table, size_t part,
                                vg_feature_visitor *visitor, void *context, vg_error *error);

#endif
