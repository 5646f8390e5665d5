/* Preloaded into the command: system calls that fail as those of other machines do, and a
 * list of those that keep files.
 *   VERGER_FAULT_CALL    flock, rename, read, fsync, truncate, list (a folder that is opened),
 * link, or copy (links, and copies that the kernel makes) VERGER_FAULT_ERRNO   the number that it
 * fails with VERGER_FAULT_BELOW   only for files whose path holds this text; unset, for all
 *   VERGER_FAULT_FIRST   the first call that fails, from 1
 *   VERGER_FAULT_TIMES   how many fail; unset, all from the first on
 *   VERGER_FAULT_SLOW    reading a file whose path holds this text takes half a second
 *   VERGER_FAULT_LOG     a file that gets a line for each write, fsync and rename */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;

/* The function that this file stands before. ISO C has no conversion from the pointer that
 * dlsym gives to one to a function, POSIX has them alike in memory. */
#define REAL(name)                                  \
    __extension__({                                 \
        void *found = dlsym(RTLD_NEXT, #name);      \
        __typeof__(name) *function;                 \
        memcpy(&function, &found, sizeof function); \
        function;                                   \
    })

static long number_of(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? atol(text) : otherwise;
}

/* Whether this call fails; sets errno. */
static bool fails(const char *call, const char *path)
{
    const char *wanted = getenv("VERGER_FAULT_CALL"), *below = getenv("VERGER_FAULT_BELOW");
    if (wanted == NULL || strcmp(wanted, call) != 0) return false;
    if (below != NULL && strstr(path, below) == NULL) return false;
    long count = atomic_fetch_add(&calls, 1) + 1, first = number_of("VERGER_FAULT_FIRST", 1);
    if (count < first || count - first >= number_of("VERGER_FAULT_TIMES", LONG_MAX)) return false;
    errno = (int)number_of("VERGER_FAULT_ERRNO", EIO);
    return true;
}

/* What the kernel calls it now: a file that lies behind /proc/self/fd too. */
static void resolve(const char *path, char real[PATH_MAX])
{
    char folder[PATH_MAX], at[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(real, PATH_MAX, "%s", path);
    if (slash == NULL || strncmp(path, "/proc/self/fd/", 14) != 0) return;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    ssize_t size = readlink(folder, at, sizeof at - 1);
    if (size < 0) return;
    at[size] = '\0';
    snprintf(real, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, at, NAME_MAX, slash + 1);
}

static void path_of_file(int file, char real[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, real, PATH_MAX - 1);
    real[size > 0 ? size : 0] = '\0';
}

/* One write to a file that is opened for appending: lines of threads do not mix. */
static void tell(const char *call, const char *path, const char *more)
{
    const char *name = getenv("VERGER_FAULT_LOG");
    if (name == NULL || strcmp(path, name) == 0) return;
    char line[2 * PATH_MAX + 32];
    int size = snprintf(line, sizeof line, "%s\t%s\t%s\n", call, path, more);
    int file = REAL(open)(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file >= 0 && size > 0) (void)!REAL(write)(file, line, (size_t)size);
    if (file >= 0) close(file);
}

int flock(int file, int operation)
{
    char path[PATH_MAX];
    path_of_file(file, path);
    return fails("flock", path) ? -1 : REAL(flock)(file, operation);
}

int rename(const char *from, const char *to)
{
    char real_from[PATH_MAX], real_to[PATH_MAX];
    resolve(from, real_from);
    resolve(to, real_to);
    if (fails("rename", real_to)) return -1;
    int result = REAL(rename)(from, to);
    if (result == 0) tell("rename", real_from, real_to);
    return result;
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    char real_to[PATH_MAX];
    resolve(to, real_to);
    if (fails("link", real_to) || fails("copy", real_to)) return -1;
    return REAL(linkat)(from_folder, from, to_folder, to, flags);
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
                        unsigned flags)
{
    char path[PATH_MAX];
    path_of_file(to, path);
    if (fails("copy", path)) return -1;
    return REAL(copy_file_range)(from, from_at, to, to_at, size, flags);
}

int ftruncate(int file, off_t size)
{
    char path[PATH_MAX];
    path_of_file(file, path);
    return fails("truncate", path) ? -1 : REAL(ftruncate)(file, size);
}

int ftruncate64(int file, off64_t size)
{
    char path[PATH_MAX];
    path_of_file(file, path);
    return fails("truncate", path) ? -1 : REAL(ftruncate64)(file, size);
}

int fsync(int file)
{
    char path[PATH_MAX];
    path_of_file(file, path);
    if (fails("fsync", path)) return -1;
    int result = REAL(fsync)(file);
    if (result == 0) tell("fsync", path, "");
    return result;
}

ssize_t write(int file, const void *bytes, size_t size)
{
    char path[PATH_MAX];
    path_of_file(file, path);
    ssize_t written = REAL(write)(file, bytes, size);
    if (written > 0) tell("write", path, "");
    return written;
}

ssize_t read(int file, void *bytes, size_t size)
{
    char path[PATH_MAX];
    path_of_file(file, path);
    const char *slow = getenv("VERGER_FAULT_SLOW");
    if (slow != NULL && strstr(path, slow) != NULL)
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    return fails("read", path) ? -1 : REAL(read)(file, bytes, size);
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    bool is_listed = (flags & O_DIRECTORY) != 0 && (flags & O_PATH) == 0;
    return is_listed && fails("list", path) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    bool is_listed = (flags & O_DIRECTORY) != 0 && (flags & O_PATH) == 0;
    return is_listed && fails("list", path) ? -1 : REAL(open64)(path, flags, mode);
}
