/* Condition variables whose timed waits go by a clock that nobody sets. */
#ifndef VG_BASE_CONDITION_H
#define VG_BASE_CONDITION_H

#include <pthread.h>
#include <time.h>

/* 0, or an error number as of pthread_cond_init. */
int vg_condition_init(pthread_cond_t *condition);

/* So many milliseconds from now, for pthread_cond_timedwait on such a variable. */
struct timespec vg_deadline(long milliseconds);

#endif
