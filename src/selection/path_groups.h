/* Which paths belong together, by a regular expression: frames of one object, say. */
#ifndef VG_SELECTION_PATH_GROUPS_H
#define VG_SELECTION_PATH_GROUPS_H

#include "output/paths.h"

/* Captures of an expression at most. */
enum { VG_MOST_CAPTURES = 9 };

/* group_of [n] of the paths picks [n], all paths in order where that is NULL: numbers from 0 on,
 * in the byte order of what the captures of the extended POSIX expression are in them (all that it
 * matches, where it has none), and how many there are. VG_EINVAL where it does not match a path,
 * or puts all into one group. */
vg_status vg_path_groups_find(size_t *group_of, size_t *groups, const char *expression,
                              const vg_paths *paths, const size_t *picks, size_t n,
                              vg_error *error);

#endif
