/* Tells threads that something has changed. Who changes it takes no lock while nobody
 * waits: an event count, after D. Vyukov. A thread that waits for something does
 *     for (;;) {
 *         unsigned seen = vg_event_changes(&event);
 *         if (it is there) break;
 *         vg_event_wait(&event, seen);
 *     }
 * and who brings it, afterwards, vg_event_tell. */
#ifndef VG_BASE_EVENT_H
#define VG_BASE_EVENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "verger/verger.h"

typedef struct vg_event {
    atomic_uint changes;
    atomic_int waiting;
    pthread_mutex_t lock; /* of those that wait */
    pthread_cond_t told;
} vg_event;

vg_status vg_event_open(vg_event *event, vg_error *error);
/* Only of an event that was opened, and that nobody waits for. */
void vg_event_close(vg_event *event);

unsigned vg_event_changes(vg_event *event);

/* Returns after a change that `seen` does not count; at once, if there was one. */
void vg_event_wait(vg_event *event, unsigned seen);
/* The same, or after so many milliseconds. */
void vg_event_wait_for(vg_event *event, unsigned seen, long milliseconds);

/* A change that one of those that wait can make use of, or all of them. */
void vg_event_tell(vg_event *event);
void vg_event_tell_all(vg_event *event);

#endif
