/* The classes of a table: its labels, in the order of their bytes. */
#ifndef VG_CLASSIFY_CLASS_NAMES_H
#define VG_CLASSIFY_CLASS_NAMES_H

#include "output/paths.h"

typedef struct vg_class_names {
    vg_paths names;  /* sorted, each once */
    int32_t *labels; /* of the rows, the number of each one's name; -1 where it is none of them */
} vg_class_names;

/* Of rows' labels; more than VG_MOST_CLASSES are VG_ELIMIT. */
vg_status vg_class_names_open(vg_class_names *classes, const vg_paths *labels, vg_error *error);
/* The same rows by names that are there already: those of a model. */
vg_status vg_class_names_match(int32_t **labels, const vg_paths *names, const vg_paths *of_rows,
                               vg_error *error);
void vg_class_names_close(vg_class_names *classes);

static inline int vg_class_count(const vg_class_names *classes)
{
    return (int)classes->names.count;
}

#endif
