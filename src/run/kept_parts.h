/* The parts of a run whose features are there already: taken up as they are, or taken over from
 * the run that is updated, and their moments, which are read or summed again, on several threads.
 */
#ifndef VG_RUN_KEPT_PARTS_H
#define VG_RUN_KEPT_PARTS_H

#include "history/part_record.h"
#include "run/features_phase.h"

typedef enum vg_part_kind {
    VG_PART_NEW,      /* to be extracted: not kept */
    VG_PART_RECORDED, /* whole when the run was broken off: its files are checked */
    VG_PART_HANDED,   /* others have just written it for this run */
    VG_PART_OWN,      /* this call has just written it */
    VG_PART_TAKEN     /* its files are those of a part of the run that is updated */
} vg_part_kind;

typedef struct vg_kept_part {
    uint64_t number;
    vg_part_record record;
    vg_moments *moments; /* of what the PCA is fitted to; NULL where none is */
} vg_kept_part;

typedef struct vg_kept_parts vg_kept_parts;

/* Begins with those of `kinds` [parts] that are kept; `task` outlives it. */
vg_status vg_kept_parts_open(vg_kept_parts **kept, const vg_features_phase *task,
                             const vg_part_kind *kinds, vg_error *error);
void vg_kept_parts_close(vg_kept_parts **kept);

/* The next part that is kept, in order, valid until the next call; to be called once for each.
 * VG_EFORMAT, VG_ENOTFOUND or VG_EUNSUPPORTED where it cannot be kept: the next one can still be
 * asked for. */
vg_status vg_kept_parts_next(vg_kept_parts *kept, const vg_kept_part **part, vg_error *error);

/* Gives the run the files of tables that the part `from` of the run that is updated has, as those
 * of its part `number`: with `all` every one, else without errors and images. Adds them to
 * `files`. */
vg_status vg_kept_parts_share(const vg_features_phase *task, const vg_part_record *from,
                              uint64_t number, bool all, vg_part_files *files, vg_error *error);

/* The same of its moments, where that part has them as they were written. */
vg_status vg_kept_parts_share_moments(const vg_features_phase *task, const vg_part_record *from,
                                      uint64_t number, vg_part_files *files, vg_error *error);

/* Whether the PCA is fitted to rows of that split. */
bool vg_is_fitted_to(const vg_run_options *options, const char *split, size_t size);

#endif
