#include "base/event.h"

#include <errno.h>
#include <string.h>

#include "base/condition.h"
#include "base/error.h"

vg_status vg_event_open(vg_event *event, vg_error *error)
{
    atomic_init(&event->changes, 0);
    atomic_init(&event->waiting, 0);
    int failed = pthread_mutex_init(&event->lock, NULL);
    if (failed == 0 && (failed = vg_condition_init(&event->told)) != 0)
        pthread_mutex_destroy(&event->lock);
    if (failed == 0) return VG_OK;
    return vg_fail(error, VG_ENOMEM, "no lock could be made for the threads: %s", strerror(failed));
}

void vg_event_close(vg_event *event)
{
    pthread_cond_destroy(&event->told);
    pthread_mutex_destroy(&event->lock);
}

unsigned vg_event_changes(vg_event *event)
{
    return atomic_load(&event->changes);
}

/* In one order of all these loads and stores, either this thread sees the change or
 * whoever made it sees that this thread waits. */
static void wait_until(vg_event *event, unsigned seen, const struct timespec *until)
{
    int failed = 0;
    atomic_fetch_add(&event->waiting, 1);
    pthread_mutex_lock(&event->lock);
    while (atomic_load(&event->changes) == seen && failed != ETIMEDOUT)
        failed = until != NULL ? pthread_cond_timedwait(&event->told, &event->lock, until)
                               : pthread_cond_wait(&event->told, &event->lock);
    pthread_mutex_unlock(&event->lock);
    atomic_fetch_sub(&event->waiting, 1);
}

void vg_event_wait(vg_event *event, unsigned seen)
{
    wait_until(event, seen, NULL);
}

void vg_event_wait_for(vg_event *event, unsigned seen, long milliseconds)
{
    struct timespec until = vg_deadline(milliseconds);
    wait_until(event, seen, &until);
}

static void tell(vg_event *event, int wake(pthread_cond_t *))
{
    atomic_fetch_add(&event->changes, 1);
    if (atomic_load(&event->waiting) == 0) return;
    pthread_mutex_lock(&event->lock);
    wake(&event->told);
    pthread_mutex_unlock(&event->lock);
}

void vg_event_tell(vg_event *event)
{
    tell(event, pthread_cond_signal);
}

void vg_event_tell_all(vg_event *event)
{
    tell(event, pthread_cond_broadcast);
}
