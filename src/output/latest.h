/* An address that does not change for tables whose folders do: _verger/latest.json names the
 * newest complete folder of each table, for readers that have no verger at hand. */
#ifndef VG_OUTPUT_LATEST_H
#define VG_OUTPUT_LATEST_H

#include "output/layout.h"

/* "pca/parquet", "pca/csv", or "metadata" of a table that has one format; "pca_file" is that of
 * the components. */
void vg_latest_name(char name[VG_FOLDER_CHARS], vg_table table, vg_format format);

/* Names the tables [n] of this timestamp, in the formats in which they are complete, unless newer
 * ones are named already. The file is a JSON object of folders by name, relative to the output;
 * one that is damaged is written anew. */
vg_status vg_latest_add(vg_store *output, const vg_table *tables, size_t n, bool parquet, bool csv,
                        const char *timestamp, vg_error *error);

/* Tables of this timestamp are no more. */
vg_status vg_latest_forget(vg_store *output, const char *timestamp, vg_error *error);

/* The newest complete folder of a table by its name, or by its first word ("pca", Parquet before
 * CSV), as the output is now. VG_ENOTFOUND where there is none, VG_EINVAL where no table has that
 * name. */
vg_status vg_latest_find(char folder[VG_FOLDER_CHARS], vg_store *output, const char *name,
                         vg_error *error);

#endif
