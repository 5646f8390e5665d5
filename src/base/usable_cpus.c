#define _GNU_SOURCE /* sched_getaffinity, pthread_setaffinity_np */
#include "base/usable_cpus.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quota.h"

enum { MAX_CPUS = 8192 };

static int cpus_of_affinity(void)
{
    int count = 0;
    cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
    if (set != NULL) {
        size_t size = CPU_ALLOC_SIZE(MAX_CPUS);
        if (sched_getaffinity(0, size, set) == 0) count = CPU_COUNT_S(size, set);
        CPU_FREE(set);
    }
    if (count < 1) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count;
}

int vg_usable_cpus(void)
{
    int cpus = cpus_of_affinity(), quota = vg_quota_cpus("");
    return quota > 0 && quota < cpus ? quota : cpus;
}

/* --- Binding ---------------------------------------------------------------- */

/* The CPU at that place of a set with at least one, round and round. */
static size_t cpu_at(const cpu_set_t *set, size_t size, int index)
{
    int left = index % CPU_COUNT_S(size, set);
    for (size_t cpu = 0;; cpu++)
        if (CPU_ISSET_S(cpu, size, set) && left-- == 0) return cpu;
}

static vg_status refuse(int index, int reason, vg_error *error)
{
    return vg_fail(error, VG_EUNSUPPORTED,
                   "thread %d cannot be bound to a CPU: %s: leave out --pin", index + 1,
                   strerror(reason));
}

vg_status vg_pin_thread(pthread_t thread, int index, vg_error *error)
{
    size_t size = CPU_ALLOC_SIZE(MAX_CPUS);
    cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
    if (set == NULL) return vg_fail_memory(error, size);
    int failed = pthread_getaffinity_np(pthread_self(), size, set);
    if (failed == 0) {
        size_t cpu = cpu_at(set, size, index);
        CPU_ZERO_S(size, set);
        CPU_SET_S(cpu, size, set);
        failed = pthread_setaffinity_np(thread, size, set);
    }
    CPU_FREE(set);
    return failed == 0 ? VG_OK : refuse(index, failed, error);
}
