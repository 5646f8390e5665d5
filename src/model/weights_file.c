/* Weights from a file on disk. */
#include "model/weights.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

/* MobileNetV2's file has 9 MB: one beyond this is something else. */
enum { MAX_FILE_BYTES = 1 << 28 };

static vg_status check_file(const char *path, size_t *size, vg_error *error)
{
    struct stat facts;
    if (stat(path, &facts) != 0)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO,
                       "cannot open the weights %s: %s; 'verger model list' shows where weights "
                       "are looked for, 'verger model fetch' gets them",
                       path, strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return vg_fail(error, VG_EINVAL, "%s is not a file: name a .safetensors file", path);
    if (facts.st_size > MAX_FILE_BYTES)
        return vg_fail(error, VG_EFORMAT, "%s is too large for weights of MobileNetV2: %lld bytes",
                       path, (long long)facts.st_size);
    *size = (size_t)facts.st_size;
    return VG_OK;
}

static vg_status read_file(const char *path, void *data, size_t size, vg_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vg_fail(error, VG_EIO, "cannot open the weights %s: %s", path, strerror(errno));
    errno = 0;
    size_t got = fread(data, 1, size, file);
    vg_status status = VG_OK;
    if (got != size)
        status = vg_fail(error, VG_EIO, "cannot read the weights %s: %s", path,
                         errno != 0 ? strerror(errno) : "it became shorter meanwhile");
    fclose(file);
    return status;
}

vg_status vg_weights_read_safetensors(vg_weights **weights, const char *path, vg_error *error)
{
    vg_error reason = {{0}};
    size_t size = 0;
    *weights = NULL;
    vg_status status = check_file(path, &size, error);
    if (status != VG_OK) return status;
    void *data = malloc(size > 0 ? size : 1);
    if (data == NULL) return vg_fail_memory(error, size);

    status = read_file(path, data, size, error);
    if (status == VG_OK) {
        status = vg_weights_parse_safetensors(weights, data, size, &reason);
        if (status == VG_EFORMAT)
            vg_fail(error, status,
                    "%s cannot be used as weights: %s (where it came from 'verger model fetch', "
                    "fetch it again with --force)",
                    path, reason.message);
        else if (status != VG_OK && error != NULL)
            *error = reason;
    }
    free(data);
    return status;
}
