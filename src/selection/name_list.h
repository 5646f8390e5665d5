/* Lists of names: files that say which images to take. */
#ifndef VG_SELECTION_NAME_LIST_H
#define VG_SELECTION_NAME_LIST_H

#include "io/io.h"
#include "selection/image_list.h"
#include "selection/left_out.h"
#include "selection/patterns.h"

/* Adds the paths of the list `name` ("-" is standard input): one a line, or the first
 * column of a CSV whose header begins with "path", in which \xNN is a byte. A path is
 * relative to the input, or begins with the input's address, or leads into the input from
 * the current folder, or is of the same tree elsewhere (another address or an absolute
 * path): of the last, the longest end that is a file of the input is taken. Blank lines are
 * left out. A bucket is not asked for sizes and times. Paths that one of `excludes` matches
 * are counted in `left_out` instead. */
vg_status vg_read_name_list(vg_image_list *images, vg_store *input, const char *name,
                            const vg_patterns *excludes, vg_left_out *left_out, vg_error *error);

#endif
