/* Preloaded into the command: ends it by SIGKILL just before the n-th change to the disk,
 * n = VERGER_KILL_AT, of those below the folder VERGER_KILL_BELOW. A write has two such
 * moments, before it and when half of it is done. Without a number it only counts. At the
 * end of a process that lives to see it, the count goes to the file VERGER_KILL_COUNT. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long changes;
static long kill_at;
static const char *below;

/* The function that this file stands before. ISO C has no conversion from the pointer that
 * dlsym gives to one to a function, POSIX has them alike in memory. */
#define REAL(name)                                  \
    __extension__({                                 \
        void *found = dlsym(RTLD_NEXT, #name);      \
        __typeof__(name) *function;                 \
        memcpy(&function, &found, sizeof function); \
        function;                                   \
    })

__attribute__((constructor)) static void start(void)
{
    const char *number = getenv("VERGER_KILL_AT");
    kill_at = number != NULL ? atol(number) : 0;
    below = getenv("VERGER_KILL_BELOW");
}

__attribute__((destructor)) static void tell_count(void)
{
    const char *path = getenv("VERGER_KILL_COUNT");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file == NULL) return;
    fprintf(file, "%ld\n", changes);
    fclose(file);
}

static void count_change(void)
{
    if (atomic_fetch_add(&changes, 1) + 1 == kill_at) kill(getpid(), SIGKILL);
}

/* "/proc/self/fd/5/entry" by the name of the folder that is open. */
static const char *resolve(const char *path, char whole[PATH_MAX])
{
    static const char start[] = "/proc/self/fd/";
    char link[64], folder[PATH_MAX / 2];
    const char *rest = path + strlen(start) + strspn(path + strlen(start), "0123456789");
    if (*rest != '/' || rest - path >= (ptrdiff_t)sizeof link) return path;
    snprintf(link, sizeof link, "%.*s", (int)(rest - path), path);
    ssize_t size = readlink(link, folder, sizeof folder - 1);
    if (size < 0) return path;
    snprintf(whole, PATH_MAX, "%.*s%.*s", (int)size, folder, PATH_MAX / 4, rest);
    return whole;
}

static bool is_below(const char *path)
{
    char whole[PATH_MAX];
    size_t size = below != NULL ? strlen(below) : 0;
    if (strncmp(path, "/proc/self/fd/", strlen("/proc/self/fd/")) == 0) path = resolve(path, whole);
    return size > 0 && strncmp(path, below, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static bool is_file_below(int file)
{
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    return is_below(path);
}

static bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

/* The name of a folder's entry. */
static const char *entry(int folder, const char *name, char path[PATH_MAX])
{
    char link[32], above[PATH_MAX / 2];
    if (name[0] == '/' || folder == AT_FDCWD) return name;
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t size = readlink(link, above, sizeof above - 1);
    above[size > 0 ? size : 0] = '\0';
    snprintf(path, PATH_MAX, "%s/%.*s", above, PATH_MAX / 4, name);
    return path;
}

/* --- What changes the disk ----------------------------------------------------------- */

static void before_open(const char *path, int flags)
{
    bool changes_disk = (flags & O_CREAT && !exists(path)) || flags & O_TRUNC;
    if (changes_disk && is_below(path)) count_change();
}

static int mode_of(int flags, va_list rest)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = mode_of(flags, rest);
    va_end(rest);
    before_open(path, flags);
    return REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = mode_of(flags, rest);
    va_end(rest);
    before_open(path, flags);
    return REAL(open64)(path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t size)
{
    if (size == 0 || !is_file_below(file)) return REAL(write)(file, bytes, size);
    count_change();
    if (size < 2) return REAL(write)(file, bytes, size);
    ssize_t half = REAL(write)(file, bytes, size / 2);
    if (half < 0) return half;
    count_change();
    ssize_t rest = REAL(write)(file, (const char *)bytes + half, size - (size_t)half);
    return rest < 0 ? half : half + rest;
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at)
{
    if (is_file_below(file)) count_change();
    return REAL(pwrite)(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at)
{
    if (is_file_below(file)) count_change();
    return REAL(pwrite64)(file, bytes, size, at);
}

int ftruncate(int file, off_t size)
{
    if (is_file_below(file)) count_change();
    return REAL(ftruncate)(file, size);
}

int ftruncate64(int file, off64_t size)
{
    if (is_file_below(file)) count_change();
    return REAL(ftruncate64)(file, size);
}

int mkdir(const char *path, mode_t mode)
{
    if (is_below(path) && !exists(path)) count_change();
    return REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
    if (is_below(to)) count_change();
    return REAL(rename)(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    char path[PATH_MAX];
    if (is_below(entry(to_folder, to, path))) count_change();
    return REAL(linkat)(from_folder, from, to_folder, to, flags);
}

int unlink(const char *path)
{
    if (is_below(path) && exists(path)) count_change();
    return REAL(unlink)(path);
}

int rmdir(const char *path)
{
    if (is_below(path) && exists(path)) count_change();
    return REAL(rmdir)(path);
}

int remove(const char *path)
{
    if (is_below(path) && exists(path)) count_change();
    return REAL(remove)(path);
}

int unlinkat(int folder, const char *name, int flags)
{
    char path[PATH_MAX];
    const char *whole = entry(folder, name, path);
    if (is_below(whole) && exists(whole)) count_change();
    return REAL(unlinkat)(folder, name, flags);
}
