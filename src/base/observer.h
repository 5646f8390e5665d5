/* What a job tells who watches it, and whether it shall stop. */
#ifndef VG_BASE_OBSERVER_H
#define VG_BASE_OBSERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "verger/verger.h"

typedef enum vg_log_level { VG_LOG_ERROR, VG_LOG_WARNING, VG_LOG_INFO, VG_LOG_DEBUG } vg_log_level;

typedef enum vg_phase {
    VG_PHASE_LIST,    /* total is not known yet */
    VG_PHASE_EXTRACT, /* images */
    VG_PHASE_FIT,
    VG_PHASE_PROJECT, /* rows */
    VG_PHASE_READ,    /* rows */
    VG_PHASE_MATCH,   /* rows */
    VG_PHASE_LAYOUT,  /* rows */
    VG_PHASE_DRAW,    /* thumbnails */
    VG_PHASE_COMMIT
} vg_phase;

typedef struct vg_progress {
    vg_phase phase;
    uint64_t done, total, failed;
    double seconds; /* since the phase began */
} vg_progress;

/* Any function may be NULL. Called from several threads, one call at a time.
 * `progress` comes often (after every few images): the observer thins it out. */
typedef struct vg_observer {
    void *context;
    void (*progress)(void *context, const vg_progress *progress);
    void (*log)(void *context, vg_log_level level, const char *message);
} vg_observer;

__attribute__((format(printf, 3, 4))) void
vg_notify_log(const vg_observer *observer, vg_log_level level, const char *format, ...);

/* The phase began at `start` (vg_seconds). */
void vg_notify_progress(const vg_observer *observer, vg_phase phase, uint64_t done, uint64_t total,
                        uint64_t failed, double start);

/* VG_ECANCELLED once the caller asked to stop; `cancel` may be NULL. */
vg_status vg_check_cancel(const atomic_bool *cancel, vg_error *error);

#endif
