/* The CPUs this process may use; vg_usable_cpus counts them. */
#ifndef VG_BASE_USABLE_CPUS_H
#define VG_BASE_USABLE_CPUS_H

#include <pthread.h>

#include "verger/verger.h"

/* More threads than this are refused: somebody mistyped. */
enum { VG_MOST_THREADS = 1024 };

/* Binds a thread to one CPU: thread 0 to the first of the calling thread's affinity, and
 * so on, from the first again where there are more threads than CPUs. The caller has to be
 * unbound itself. VG_EUNSUPPORTED where the system refuses. */
vg_status vg_pin_thread(pthread_t thread, int index, vg_error *error);

#endif
