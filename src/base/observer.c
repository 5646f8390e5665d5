#include "base/observer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"

void vg_notify_log(const vg_observer *observer, vg_log_level level, const char *format, ...)
{
    if (observer->log == NULL) return;
    char message[2 * sizeof((vg_error *)0)->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    observer->log(observer->context, level, message);
}

void vg_notify_progress(const vg_observer *observer, vg_phase phase, uint64_t done, uint64_t total,
                        uint64_t failed, double start)
{
    if (observer->progress == NULL) return;
    vg_progress progress = {.phase = phase,
                            .done = done,
                            .total = total,
                            .failed = failed,
                            .seconds = vg_seconds() - start};
    observer->progress(observer->context, &progress);
}

vg_status vg_check_cancel(const atomic_bool *cancel, vg_error *error)
{
    if (cancel == NULL || !atomic_load(cancel)) return VG_OK;
    return vg_fail(error, VG_ECANCELLED, "stopped as asked");
}
