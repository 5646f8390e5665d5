/* Items of work done on some threads, ahead of who takes the results in their order. */
#ifndef VG_BASE_AHEAD_H
#define VG_BASE_AHEAD_H

#include <stddef.h>

#include "verger/verger.h"

typedef struct vg_ahead vg_ahead;

/* Does the item, counted from 0, on the thread of that number; `result` is zeros, or what another
 * item left in its place. */
typedef vg_status vg_ahead_task(void *context, int thread, uint64_t item, void *result,
                                vg_error *error);

typedef struct vg_ahead_options {
    int threads;    /* at least 1; no more are started than there are items */
    uint64_t items; /* how many */
    vg_ahead_task *task;
    void *context;      /* of the task, shared by the threads */
    size_t result_size; /* of each, at least 1; there are two more of them than threads */
    void (*free_result)(void *result); /* of what tasks left in it, when all ends; or NULL */
} vg_ahead_options;

vg_status vg_ahead_open(vg_ahead **ahead, const vg_ahead_options *options, vg_error *error);
/* Waits for the items that were begun. */
void vg_ahead_close(vg_ahead **ahead);

/* Waits for the next item, the first one first; to be called once for each. Returns what its task
 * did; `result` is the caller's until the next call. */
vg_status vg_ahead_next(vg_ahead *ahead, void **result, vg_error *error);

#endif
