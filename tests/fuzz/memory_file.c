#define _GNU_SOURCE /* memfd_create */
#include "fuzz/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

void memory_file(char path[MEMORY_FILE_PATH], const void *data, size_t size)
{
    static int file = -1;
    if (file < 0) file = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_CHECK(file >= 0);
    FUZZ_CHECK(ftruncate(file, 0) == 0);
    FUZZ_CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
    snprintf(path, MEMORY_FILE_PATH, "/proc/self/fd/%d", file);
}
