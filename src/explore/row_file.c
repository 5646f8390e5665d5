#include "explore/row_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "base/error.h"

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

vg_status vg_row_file_open(vg_row_file *file, int dims, vg_error *error)
{
    char name[4096];
    *file = (vg_row_file){.dims = dims};
    snprintf(name, sizeof name, "%s/verger-XXXXXX", folder());
    int descriptor = mkstemp(name);
    if (descriptor < 0) return fail("make", error);
    unlink(name);
    file->stream = fdopen(descriptor, "w+b");
    if (file->stream != NULL) return VG_OK;
    vg_status status = fail("open", error);
    close(descriptor);
    return status;
}

vg_status vg_row_file_append(vg_row_file *file, const float *row, vg_error *error)
{
    size_t dims = (size_t)file->dims;
    if (fwrite(row, sizeof *row, dims, file->stream) != dims) return fail("write", error);
    file->count++;
    return VG_OK;
}

vg_status vg_row_file_map(vg_row_file *file, vg_error *error)
{
    size_t bytes = file->count * (size_t)file->dims * sizeof(float);
    if (fflush(file->stream) != 0) return fail("write", error);
    void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file->stream), 0);
    if (mapped == MAP_FAILED) return fail("map", error);
    file->rows = mapped;
    fclose(file->stream);
    file->stream = NULL;
    return VG_OK;
}

void vg_row_file_close(vg_row_file *file)
{
    if (file->stream != NULL) fclose(file->stream);
    if (file->rows != NULL) munmap(file->rows, file->count * (size_t)file->dims * sizeof(float));
    *file = (vg_row_file){0};
}
