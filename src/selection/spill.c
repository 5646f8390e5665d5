#include "selection/spill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

enum { FIRST_CAPACITY = 1 << 16 };

struct vg_spill {
    char *buffer; /* the last bytes, those behind `in_file` */
    size_t buffered, capacity, memory;
    int file; /* -1 for none */
    uint64_t in_file;
};

vg_status vg_spill_open(vg_spill **scratch, size_t memory, vg_error *error)
{
    vg_spill *opened = *scratch = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->memory = memory > FIRST_CAPACITY ? memory : FIRST_CAPACITY;
    opened->file = -1;
    return VG_OK;
}

void vg_spill_close(vg_spill **scratch)
{
    if (*scratch == NULL) return;
    if ((*scratch)->file >= 0) close((*scratch)->file);
    free((*scratch)->buffer);
    free(*scratch);
    *scratch = NULL;
}

static const char *folder(void)
{
    const char *chosen = getenv("TMPDIR");
    return chosen != NULL && chosen[0] != '\0' ? chosen : "/tmp";
}

static vg_status fail(const char *action, vg_error *error)
{
    return vg_fail(error, VG_EIO,
                   "cannot %s a temporary file in %s: %s: free some space there, or name another "
                   "folder with TMPDIR",
                   action, folder(), strerror(errno));
}

static vg_status open_file(vg_spill *scratch, vg_error *error)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/verger-XXXXXX", folder());
    scratch->file = mkstemp(name);
    if (scratch->file < 0) return fail("make", error);
    unlink(name);
    return VG_OK;
}

static vg_status write_out(vg_spill *scratch, vg_error *error)
{
    vg_status status = scratch->file < 0 ? open_file(scratch, error) : VG_OK;
    if (status != VG_OK) return status;
    size_t done = 0;
    while (done < scratch->buffered) {
        ssize_t written = pwrite(scratch->file, scratch->buffer + done, scratch->buffered - done,
                                 (off_t)scratch->in_file);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail("write", error);
        done += (size_t)written;
        scratch->in_file += (uint64_t)written;
    }
    scratch->buffered = 0;
    return VG_OK;
}

static vg_status grow(vg_spill *scratch, size_t needed, vg_error *error)
{
    size_t capacity = scratch->capacity > 0 ? 2 * scratch->capacity : FIRST_CAPACITY;
    if (capacity > scratch->memory) capacity = scratch->memory;
    if (capacity < needed) capacity = needed;
    char *buffer = realloc(scratch->buffer, capacity);
    if (buffer == NULL) return vg_fail_memory(error, capacity);
    scratch->buffer = buffer;
    scratch->capacity = capacity;
    return VG_OK;
}

vg_status vg_spill_append(vg_spill *scratch, const void *bytes, size_t size, vg_error *error)
{
    vg_status status = VG_OK;
    if (scratch->buffered > 0 && scratch->buffered + size > scratch->memory)
        status = write_out(scratch, error);
    if (status == VG_OK && scratch->buffered + size > scratch->capacity)
        status = grow(scratch, scratch->buffered + size, error);
    if (status != VG_OK) return status;
    memcpy(scratch->buffer + scratch->buffered, bytes, size);
    scratch->buffered += size;
    return VG_OK;
}

uint64_t vg_spill_size(const vg_spill *scratch)
{
    return scratch->in_file + scratch->buffered;
}

vg_status vg_spill_read(const vg_spill *scratch, uint64_t offset, void *to, size_t size,
                        vg_error *error)
{
    char *target = to;
    while (size > 0 && offset < scratch->in_file) {
        uint64_t there = scratch->in_file - offset;
        ssize_t got =
            pread(scratch->file, target, there < size ? (size_t)there : size, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fail("read", error);
        target += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    if (size > 0) memcpy(target, scratch->buffer + (offset - scratch->in_file), size);
    return VG_OK;
}
