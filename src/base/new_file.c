#include "base/new_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static char *hidden_name(const char *path)
{
    static const char suffix[] = ".XXXXXX";
    const char *slash = strrchr(path, '/');
    int folder = slash != NULL ? (int)(slash + 1 - path) : 0;
    size_t size = strlen(path) + 1 + sizeof suffix;
    char *name = malloc(size);
    if (name != NULL) snprintf(name, size, "%.*s.%s%s", folder, path, path + folder, suffix);
    return name;
}

vg_status vg_new_file_open(vg_new_file *file, const char *path, vg_error *error)
{
    *file = (vg_new_file){.path = path, .temporary = hidden_name(path)};
    if (file->temporary == NULL) return vg_fail_memory(error, strlen(path));
    vg_status status;
    int descriptor = mkstemp(file->temporary);
    if (descriptor < 0) {
        status = vg_fail(error, VG_EIO, "cannot write beside %s: %s", path, strerror(errno));
        goto fail;
    }
    /* mkstemp lets the owner alone read; weights are no secret. */
    if (fchmod(descriptor, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) == 0)
        file->stream = fdopen(descriptor, "wb");
    if (file->stream != NULL) return VG_OK;
    status = vg_fail(error, VG_EIO, "cannot write %s: %s", path, strerror(errno));
    close(descriptor);
    unlink(file->temporary);
fail:
    free(file->temporary);
    *file = (vg_new_file){0};
    return status;
}

vg_status vg_new_file_try(const char *path, vg_error *error)
{
    vg_new_file file;
    vg_status status = vg_new_file_open(&file, path, error);
    /* Taking it away again is no failure. */
    if (status == VG_OK && vg_new_file_close(&file, 0, NULL) != VG_OK) return VG_OK;
    return status;
}

vg_status vg_new_file_close(vg_new_file *file, int is_written, vg_error *error)
{
    if (is_written) is_written = fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
    int reason = errno;
    if (fclose(file->stream) != 0 && is_written) {
        is_written = 0;
        reason = errno;
    }
    if (is_written && rename(file->temporary, file->path) != 0) {
        is_written = 0;
        reason = errno;
    }
    vg_status status = VG_OK;
    if (!is_written) {
        unlink(file->temporary);
        status = vg_fail(error, VG_EIO, "cannot write %s: %s", file->path, strerror(reason));
    }
    free(file->temporary);
    *file = (vg_new_file){0};
    return status;
}
