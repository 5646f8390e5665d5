/* Lists of names: files that say which images to take, and may say what they show. */
#ifndef VG_SELECTION_NAME_LIST_H
#define VG_SELECTION_NAME_LIST_H

#include "io/io.h"
#include "selection/adder.h"

/* Adds the paths of the list `name` ("-" is standard input): one a line, or a table whose
 * header names a column of paths: path, image, file, filename, file_name, filepath or
 * image_path, in any case, between commas, tabs or semicolons. In a table \xNN is a byte.
 * Its column `label_column`, or NULL for label, class or category, is the label; split or
 * subset the split.
 *
 * A path is relative to the input, or begins with the input's address, or leads into the
 * input from the current folder, or is of the same tree elsewhere (another address or an
 * absolute path): of the last, the longest end that is a file of the input is taken. Blank
 * lines are left out. A bucket is not asked for sizes and times.
 *
 * A table without such columns, or of which a local input has not one file, is an error. */
vg_status vg_read_name_list(vg_adder *adder, vg_store *input, const char *name,
                            const char *label_column, vg_error *error);

#endif
