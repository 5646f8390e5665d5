/* What a run tells its observer, and whether it shall stop. */
#ifndef VG_JOB_NOTIFY_H
#define VG_JOB_NOTIFY_H

#include "job/job.h"

__attribute__((format(printf, 3, 4))) void
vg_notify_log(const vg_observer *observer, vg_log_level level, const char *format, ...);

/* The phase began at `start` (vg_seconds). */
void vg_notify_progress(const vg_observer *observer, vg_phase phase, uint64_t done, uint64_t total,
                        uint64_t failed, double start);

/* VG_ECANCELLED once the caller asked to stop; `cancel` may be NULL. */
vg_status vg_check_cancel(const atomic_bool *cancel, vg_error *error);

#endif
