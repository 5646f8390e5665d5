/* How a run stands to those that the output holds already: it is new, it goes on with
 * one that was broken off, it builds on one, or all of it is there. */
#ifndef VG_HISTORY_CONTINUATION_H
#define VG_HISTORY_CONTINUATION_H

#include "history/earlier_run.h"
#include "history/run_plan.h"

/* Images that the run which is updated does not have, that it has otherwise, that failed
 * there, and that are no more. */
typedef struct vg_changes {
    uint64_t added, changed, failed_before, vanished;
} vg_changes;

/* What the run that is updated has of a part. */
typedef struct vg_taken_part {
    const vg_part_record *record; /* of its part with the features of all images; NULL for none */
    bool is_told;                 /* by sizes and times; else images of it have to be read first */
    uint64_t known;               /* images whose features it has, as sizes and times tell */
} vg_taken_part;

typedef struct vg_continuation {
    char uuid[VG_UUID_CHARS];      /* of the parts */
    char base[VG_TIMESTAMP_CHARS]; /* the run that is updated, or "" */
    vg_earlier_run *earlier;       /* that run, or NULL */
    vg_taken_part *taken;          /* [parts] of an update, once compared; or NULL */
    bool is_resumed;
    bool *recorded;   /* of a resumed run: which parts are there; else NULL */
    bool is_complete; /* nothing is left to do, */
    uint64_t failed;  /* and so many images had failed */
} vg_continuation;

/* Starts as {0}. Only looks; plan->uuid and plan->base are "". `timestamp` is what
 * was asked for, or now, and becomes the run's. A resumed run fails with VG_EINVAL, and
 * the reason, where it would not do the same. */
vg_status vg_continuation_open(vg_continuation *continuation, vg_store *output, const vg_plan *plan,
                               char timestamp[VG_TIMESTAMP_CHARS], vg_error *error);
void vg_continuation_close(vg_continuation *continuation);

/* Readies the output: writes the plan of a new run, sweeps after one that was broken
 * off. */
vg_status vg_continuation_begin(const vg_continuation *continuation, vg_store *output,
                                const vg_plan *plan, const char *timestamp, vg_error *error);

/* How the selected images differ from those of the earlier run, and which parts are its. */
vg_status vg_continuation_compare(vg_continuation *continuation, vg_store *output,
                                  const vg_plan *plan, vg_changes *changes, vg_error *error);

#endif
