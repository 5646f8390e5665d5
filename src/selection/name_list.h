/* Lists of names: files that say which images to take, and may say what they show. */
#ifndef VG_SELECTION_NAME_LIST_H
#define VG_SELECTION_NAME_LIST_H

#include "io/io.h"
#include "selection/adder.h"
#include "selection/list_fields.h"

/* Adds the paths of the list `name` ("-" is standard input, an address a file of a store): one a
 * line, or a table, CSV, TSV, Parquet or JSON lines, of which a column holds paths: path, image,
 * file, filename, file_name, filepath or image_path, in any case. A table's header is between
 * commas, tabs or semicolons. In a table \xNN is a byte. Its column `label_column` of the wishes,
 * or else label, class or category, is the label; split or subset the split.
 *
 * A path is relative to the input, or begins with the input's address, or leads into the
 * input from the current folder, or is of the same tree elsewhere (another address or an
 * absolute path): of the last, the longest end that is a file of the input is taken. Blank
 * lines are left out. A bucket is not asked for sizes and times.
 *
 * A table without such columns, or of which a local input has not one file, is an error. */
vg_status vg_read_name_list(vg_adder *adder, vg_store *input, const char *name,
                            const vg_list_wishes *wishes, vg_error *error);

/* Whether a file of the input is a table of the images beside it, as HF's imagefolder names
 * them: metadata.csv, metadata.jsonl, metadata.parquet. */
bool vg_metadata_list_is(const char *path);

/* Adds what such a table says as notes. Its paths begin at its folder; `named` is their number.
 * VG_EFORMAT where it has no column of paths, or is damaged. */
vg_status vg_read_metadata_list(vg_adder *adder, vg_store *input, const char *path,
                                const vg_list_wishes *wishes, uint64_t *named, vg_error *error);

#endif
