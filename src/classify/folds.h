/* Which rows are tested on together, after training on the others. */
#ifndef VG_CLASSIFY_FOLDS_H
#define VG_CLASSIFY_FOLDS_H

#include "output/paths.h"

typedef struct vg_folds {
    int count;
    size_t groups;   /* 0 where rows were not grouped */
    int32_t *of_row; /* [all rows]; -1 where the row is not among the picks */
} vg_folds;

/* Folds of the rows picks [n] among `rows`, in order. Without a group each class is spread over
 * the folds in runs of its rows, as by scikit-learn's StratifiedKFold. With one, an extended
 * POSIX expression, rows in whose paths its captures are equal (or all that it matches, where it
 * has none) are in one fold, and the folds are about as large, as by GroupKFold; where there are
 * fewer groups than folds, each group is a fold. VG_EINVAL for fewer rows than folds, for
 * an expression that matches no path or makes one group. */
vg_status vg_folds_open(vg_folds *folds, int count, const char *group, const vg_paths *paths,
                        const int32_t *labels, int classes, const size_t *picks, size_t n,
                        vg_error *error);
void vg_folds_close(vg_folds *folds);

#endif
