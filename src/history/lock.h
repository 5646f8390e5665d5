/* One run at a time may write to an output. */
#ifndef VG_HISTORY_LOCK_H
#define VG_HISTORY_LOCK_H

#include <stdatomic.h>

#include "base/observer.h"
#include "io/io.h"

typedef struct vg_lock vg_lock;

/* VG_EEXIST, saying who has it, where another run does. On a local store the system
 * lets go of the lock of a process that died. A bucket has no locks, and some network file
 * systems, of which `observer` is warned, have none: there the lock is a lease, an object that its
 * holder writes again every few seconds, and that counts as left behind once it has not changed for
 * a while; `store` must outlive it. */
vg_status vg_lock_open(vg_lock **lock, vg_store *store, const char *timestamp,
                       const vg_observer *observer, const atomic_bool *cancel, vg_error *error);
void vg_lock_close(vg_lock **lock);

/* VG_EEXIST where another run has taken the lock over, which it may when
 * this one did not get to write for long. */
vg_status vg_lock_check(vg_lock *lock, vg_error *error);

#endif
