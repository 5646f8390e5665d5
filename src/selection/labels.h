/* What an image is called in tables, by its path. */
#ifndef VG_SELECTION_LABELS_H
#define VG_SELECTION_LABELS_H

#include <regex.h>

#include "io/io.h"

/* A piece of a text, not NUL-terminated. */
typedef struct vg_slice {
    const char *text;
    size_t size;
} vg_slice;

/* The folder that holds the image; for one directly in the input, the input's. */
vg_slice vg_path_label(const vg_store *input, const char *path);
/* How labels are told from paths: by "parent" (the default), the folder that holds the
 * image; "level:N", the N-th folder below the input; or "regex:EXPR", what the first group of
 * an extended POSIX expression matches in the path, or all of it where it has no group. */
typedef struct vg_label_rule {
    int level; /* from 1; 0 for the parent */
    bool has_expression;
    regex_t expression;
} vg_label_rule;

/* `text` NULL is the default; anything else that is no rule is VG_EINVAL. */
vg_status vg_label_rule_open(vg_label_rule *rule, const char *text, vg_error *error);
void vg_label_rule_close(vg_label_rule *rule);
/* Empty where the path has no such folder, or does not match. */
vg_slice vg_label_rule_apply(const vg_label_rule *rule, const vg_store *input, const char *path);

/* The name of the first folder of the path that is one of train, training, val, valid,
 * validation, dev, test and testing, in any case; empty where there is none. */
vg_slice vg_path_split_name(const char *path);

/* The first folder of the path, empty where it is less than two folders deep. */
vg_slice vg_path_split(const char *path);
const char *vg_path_filename(const char *path);

/* Writes the address of the image, which goes into the tables. `address` grows as
 * needed. */
vg_status vg_path_address(vg_bytes *address, const vg_store *input, const char *path,
                          vg_error *error);

#endif
