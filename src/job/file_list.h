#ifndef VG_JOB_FILE_LIST_H
#define VG_JOB_FILE_LIST_H

#include "io/io.h"
#include "job/paths.h"

/* Reads the paths of the list `name` ("-" is standard input), in its order: one a
 * line, or the first column of a CSV whose header begins with "path". A path is
 * relative to the input, or begins with the input's address, or is of the same tree
 * elsewhere (another address or an absolute path): of the last, the longest end
 * that is a file of the input is taken. Blank lines are left out. */
vg_status vg_read_file_list(vg_paths *paths, vg_store *input, const char *name, vg_error *error);

#endif
