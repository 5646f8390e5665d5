#include "cli/reporting/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* The second number of proc(5)'s statm, in pages. */
static uint64_t resident_bytes(void)
{
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    if (fscanf(file, "%*u %" SCNu64, &pages) != 1) pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_files(void)
{
    enum { NOT_FILES = 3 }; /* ".", ".." and the folder itself */
    uint64_t entries = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) return 0;
    while (readdir(folder) != NULL) entries++;
    closedir(folder);
    return entries > NOT_FILES ? entries - NOT_FILES : 0;
}

static double seconds(const struct timeval *time)
{
    return (double)time->tv_sec + 1e-6 * (double)time->tv_usec;
}

vg_cli_process vg_cli_process_now(void)
{
    vg_cli_process process = {.resident_bytes = resident_bytes(), .open_files = open_files()};
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return process;
    process.cpu_seconds = seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
    process.peak_resident_bytes = 1024 * (uint64_t)usage.ru_maxrss;
    return process;
}
