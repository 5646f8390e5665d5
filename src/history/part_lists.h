/* The images of a run as files, for processes that extract some of its parts and list nothing
 * themselves. */
#ifndef VG_HISTORY_PART_LISTS_H
#define VG_HISTORY_PART_LISTS_H

#include <stdatomic.h>

#include "history/earlier_run.h"
#include "history/part_bounds.h"
#include "io/io.h"

/* Into the state of the run, whose folder is there; several parts a file. `earlier` is the run that
 * is updated, or NULL. */
vg_status vg_part_lists_write(vg_store *output, const char *timestamp, const vg_image_list *images,
                              const vg_part_bounds *parts, const vg_earlier_run *earlier,
                              const atomic_bool *cancel, vg_error *error);

/* What a list says of one part. */
typedef struct vg_listed_part {
    vg_image_list *images;               /* finished; the caller's */
    uint64_t earlier_first, earlier_end; /* parts of the run that is updated which have them */
} vg_listed_part;

vg_status vg_part_lists_read(vg_listed_part *part, vg_store *output, const char *timestamp,
                             uint64_t number, vg_error *error);

/* Deletes the files of so many parts. */
vg_status vg_part_lists_delete(vg_store *output, const char *timestamp, uint64_t parts,
                               vg_error *error);

#endif
