#include "base/usable_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* The limit of a container; 0 where there is none ("max"). Sources: the Linux kernel's
 * Documentation/admin-guide/cgroup-v2.rst, memory.max, and cgroup-v1/memory.rst. */
static uint64_t limit_in(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    uint64_t limit = 0;
    if (fscanf(file, "%" SCNu64, &limit) != 1) limit = 0;
    fclose(file);
    return limit;
}

uint64_t vg_usable_memory(void)
{
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    for (int i = 0; i < 2; i++) {
        uint64_t limit = limit_in(limits[i]);
        if (limit > 0 && limit < bytes) bytes = limit;
    }
    return bytes;
}
