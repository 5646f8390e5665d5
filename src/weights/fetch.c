/* The official weights: downloaded, checked by importing them, converted, kept. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "weights/sources.h"

/* Keeps its name from address to address; the part knows its own. */
static const char download_name[] = "mobilenet_v2_no_top.h5";

vg_status vg_make_parent_folders(const char *path, vg_error *error)
{
    char folder[VG_PATH_CHARS];
    int length = snprintf(folder, sizeof folder, "%s", path);
    if (length < 0 || length >= VG_PATH_CHARS)
        return vg_fail(error, VG_EINVAL, "the path is too long: %s", path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return vg_fail(error, VG_EIO, "cannot make the folder %s: %s", folder, strerror(errno));
        *slash = '/';
    }
    return VG_OK;
}

static vg_status convert(const char *url, const char *download, const char *path, vg_error *error)
{
    vg_weights *weights = NULL;
    vg_status status = vg_weights_import_keras(&weights, download, error);
    if (status != VG_OK) {
        vg_fail_prefix(error, status, "what %s gave is not what is needed", url);
    } else {
        snprintf(weights->origin, sizeof weights->origin, "%.*s", VG_ORIGIN_CHARS - 1, url);
        status = vg_weights_write_safetensors(weights, path, error);
    }
    vg_weights_close(&weights);
    /* Whatever it was, the next fetch asks the server again. */
    unlink(download);
    return status;
}

vg_status vg_model_fetch(const char *url, vg_download_progress *progress, void *context,
                         char path[VG_PATH_CHARS], vg_error *error)
{
    char download[VG_PATH_CHARS], official[VG_PATH_CHARS];
    int exists;
    vg_status status = vg_model_cache_path(path, error);
    if (status != VG_OK) return status;
    if (url == NULL) {
        vg_model_look(VG_MODEL_DOWNLOAD, NULL, official, &exists);
        url = official;
    }
    int folder = (int)(strrchr(path, '/') - path);
    int length = snprintf(download, sizeof download, "%.*s/%s", folder, path, download_name);
    if (length < 0 || length >= VG_PATH_CHARS)
        return vg_fail(error, VG_EINVAL, "the path of the cache is too long");

    status = vg_make_parent_folders(path, error);
    if (status == VG_OK) status = vg_download(url, download, progress, context, error);
    if (status == VG_OK) status = convert(url, download, path, error);
    return status;
}
