/* Globs with braces, several of them as one. */
#ifndef VG_SELECTION_PATTERNS_H
#define VG_SELECTION_PATTERNS_H

#include <stdbool.h>

#include "output/paths.h"

/* Starts as {0}. */
typedef struct vg_patterns {
    vg_paths globs; /* braces taken out */
} vg_patterns;

/* Adds what `text` stands for: of "{train,val}" + "/x" both "train/x" and "val/x", as in a
 * shell. Braces may be nested; without a comma, or behind '\' or in a set, they are
 * themselves. More than 4096 globs in all are VG_EINVAL. */
vg_status vg_patterns_add(vg_patterns *patterns, const char *text, vg_error *error);
void vg_patterns_free(vg_patterns *patterns);

/* Whether one of them matches the path (vg_glob_match). */
bool vg_patterns_match(const vg_patterns *patterns, const char *path);
/* The same with capital and small letters of ASCII for one. */
bool vg_patterns_match_any_case(const vg_patterns *patterns, const char *path);
/* Whether one of them matches the path or a folder above it. */
bool vg_patterns_match_tree(const vg_patterns *patterns, const char *path);
/* Whether one of them has a part between its '/' that is this name of a file or folder, and
 * does not begin with a wildcard. */
bool vg_patterns_name(const vg_patterns *patterns, const char *name, size_t size);

#endif
