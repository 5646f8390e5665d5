/* CPUs this process may use. */
#define _GNU_SOURCE /* sched_getaffinity */
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "job/pipeline.h"

static int cpus_of_affinity(void)
{
    enum { MAX_CPUS = 8192 };
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

/* The quota of a container, rounded up; 0 where there is none. Source: the Linux
 * kernel's Documentation/admin-guide/cgroup-v2.rst, cpu.max. */
static int cpus_of_quota(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (file == NULL) return 0;
    long long quota = 0, period = 0;
    int read = fscanf(file, "%lld %lld", &quota, &period);
    fclose(file);
    if (read != 2 || quota <= 0 || period <= 0) return 0;
    long long cpus = (quota + period - 1) / period;
    return cpus < 8192 ? (int)cpus : 0;
}

int vg_usable_cpus(void)
{
    int cpus = cpus_of_affinity(), quota = cpus_of_quota();
    return quota > 0 && quota < cpus ? quota : cpus;
}
