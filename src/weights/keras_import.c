/* The import of Keras weights in a process of its own: on damaged files HDF5 writes where
 * it must not, and loops (1.10.8: one file in sixty with some bytes changed). */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "weights/sources.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "model/weights.h"

enum { MAX_CPU_SECONDS = 20 }; /* the official file takes a fifth of one */

/* Beside what the process had when it was forked; the official file takes 20 MB. */
#define MAX_MEMORY ((rlim_t)128 << 20)

/* What the child hands over, in memory that both have. */
typedef struct handover {
    vg_status status;
    vg_error error;
    char origin[VG_ORIGIN_CHARS];
    float values[]; /* of all tensors, one behind the other */
} handover;

static size_t value_count(const vg_weights *weights)
{
    size_t count = 0;
    for (size_t i = 0; i < weights->count; i++) count += vg_tensor_count(&weights->tensors[i]);
    return count;
}

/* --- The child ---------------------------------------------------------------------- */

#ifndef VERGER_SANITIZED /* a sanitizer asks for terabytes, most of which it never touches */
/* Bytes of writable memory of this process: field 6 of /proc/self/statm, proc(5). */
static rlim_t own_memory(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1) pages = 0;
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit_memory(void)
{
    const rlim_t most = own_memory() + MAX_MEMORY;
    const struct rlimit memory = {most, most};
    setrlimit(RLIMIT_DATA, &memory);
}
#else
static void limit_memory(void)
{
}
#endif

static void limit_child(void)
{
    limit_memory();
    const struct rlimit cpu = {MAX_CPU_SECONDS, MAX_CPU_SECONDS}, core = {0, 0};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &core);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

static void read_in_child(handover *to, const char *path)
{
    vg_weights *weights = NULL;
    limit_child();
    vg_status status = vg_weights_read_keras(&weights, path, &to->error);
    if (status == VG_OK) {
        float *next = to->values;
        for (size_t i = 0; i < weights->count; i++) {
            size_t count = vg_tensor_count(&weights->tensors[i]);
            memcpy(next, weights->tensors[i].values, count * sizeof *next);
            next += count;
        }
        memcpy(to->origin, weights->origin, sizeof to->origin);
    }
    vg_weights_close(&weights);
    to->status = status;
}

/* --- The parent --------------------------------------------------------------------- */

static vg_status wait_for(pid_t child, vg_error *error)
{
    int ending = 0;
    while (waitpid(child, &ending, 0) < 0)
        if (errno != EINTR)
            return vg_fail(error, VG_EIO, "cannot wait for its reader: %s", strerror(errno));
    if (WIFEXITED(ending) && WEXITSTATUS(ending) == 0) return VG_OK;
    int number = WIFSIGNALED(ending) ? WTERMSIG(ending) : 0;
    if (number == SIGINT || number == SIGTERM)
        return vg_fail(error, VG_ECANCELLED, "stopped as asked");
    return vg_fail(error, VG_EFORMAT, "the file is damaged: HDF5 %s on it",
                   number == SIGXCPU || number == SIGKILL ? "does not end" : "breaks off");
}

/* Runs the child to its end. */
static vg_status read_apart(handover *from, const char *path, vg_error *error)
{
    pid_t child = fork();
    if (child < 0) return vg_fail(error, VG_EIO, "cannot start its reader: %s", strerror(errno));
    if (child == 0) {
        read_in_child(from, path);
        _exit(0);
    }
    vg_status status = wait_for(child, error);
    if (status != VG_OK) return status;
    return from->status == VG_OK ? VG_OK : vg_fail(error, from->status, "%s", from->error.message);
}

static void take_values(vg_weights *weights, const handover *from)
{
    const float *next = from->values;
    for (size_t i = 0; i < weights->count; i++) {
        size_t count = vg_tensor_count(&weights->tensors[i]);
        memcpy(weights->tensors[i].values, next, count * sizeof *next);
        next += count;
    }
    memcpy(weights->origin, from->origin, sizeof weights->origin);
}

static vg_status import_apart(vg_weights *weights, const char *path, vg_error *error)
{
    size_t size = sizeof(handover) + value_count(weights) * sizeof(float);
    handover *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return vg_fail_memory(error, size);
    vg_status status = read_apart(shared, path, error);
    if (status == VG_OK) take_values(weights, shared);
    munmap(shared, size);
    return status;
}

/* A FIFO or a device would be waited for without end. */
static vg_status check_file(const char *path, vg_error *error)
{
    struct stat facts;
    if (stat(path, &facts) != 0)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO, "%s", strerror(errno));
    if (!S_ISREG(facts.st_mode)) return vg_fail(error, VG_EINVAL, "it is not a regular file");
    if ((uint64_t)facts.st_size > VG_MODEL_MAX_BYTES)
        return vg_fail(error, VG_EFORMAT, "it is too large for weights of MobileNetV2: %lld bytes",
                       (long long)facts.st_size);
    return VG_OK;
}

vg_status vg_weights_import_keras(vg_weights **weights, const char *path, vg_error *error)
{
    vg_status status = vg_weights_open_layers(weights, error);
    if (status != VG_OK) return status;
    status = check_file(path, error);
    if (status == VG_OK) status = import_apart(*weights, path, error);
    if (status == VG_OK) return VG_OK;
    vg_weights_close(weights);
    if (status == VG_ENOMEM) return status;
    return vg_fail_prefix(error, status, "cannot import %s", path);
}
