/* The official weights: downloaded, checked by importing them, converted, kept. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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

/* --- what came --- */

static int is_sha256(const char *text)
{
    return strlen(text) == VG_SHA256_CHARS - 1 &&
           strspn(text, "0123456789abcdefABCDEF") == VG_SHA256_CHARS - 1;
}

static vg_status check_pin(const vg_model_pin *pin, const char *download, vg_error *error)
{
    char hex[VG_SHA256_CHARS];
    struct stat facts;
    if (stat(download, &facts) != 0)
        return vg_fail(error, VG_EIO, "cannot read %s: %s", download, strerror(errno));
    if (pin->bytes != 0 && (uint64_t)facts.st_size != pin->bytes)
        return vg_fail(error, VG_EFORMAT, "it has %lld bytes instead of %" PRIu64,
                       (long long)facts.st_size, pin->bytes);
    if (pin->sha256 == NULL) return VG_OK;
    vg_status status = vg_file_sha256(download, hex, error);
    if (status != VG_OK || strcasecmp(hex, pin->sha256) == 0) return status;
    return vg_fail(error, VG_EFORMAT, "its SHA-256 is %s instead of %s", hex, pin->sha256);
}

static vg_status check_features(const char *path, vg_error *error)
{
    vg_verification result;
    vg_status status = vg_model_verify(path, &result, error);
    if (status != VG_OK || result.difference <= VG_VERIFY_TOLERANCE) return status;
    return vg_fail(error, VG_EFORMAT,
                   "its features differ by %.1e from those of the official ImageNet weights",
                   result.difference);
}

/* "Keras .h5 of sha256 ... from ADDRESS", cut at its end where that is too long. */
static void name_origin(vg_weights *weights, const char *shown)
{
    size_t used = strlen(weights->origin);
    snprintf(weights->origin + used, sizeof weights->origin - used, " from %s", shown);
}

static vg_status convert(const char *shown, const vg_model_pin *pin, const char *download,
                         const char *path, vg_error *error)
{
    char converted[VG_PATH_CHARS];
    vg_weights *weights = NULL;
    int length = snprintf(converted, sizeof converted, "%s.converted", path);
    if (length < 0 || length >= VG_PATH_CHARS)
        return vg_fail(error, VG_EINVAL, "the path of the cache is too long");
    vg_status status = check_pin(pin, download, error);
    if (status == VG_OK) status = vg_weights_import_keras(&weights, download, error);
    if (status == VG_OK) {
        name_origin(weights, shown);
        status = vg_weights_write_safetensors(weights, converted, error);
    }
    if (status == VG_OK && pin->is_imagenet) status = check_features(converted, error);
    if (status == VG_EFORMAT || status == VG_EUNSUPPORTED)
        vg_fail_prefix(error, status, "what %s gave is not what is needed", shown);
    if (status == VG_OK && rename(converted, path) != 0)
        status = vg_fail(error, VG_EIO, "cannot write %s: %s", path, strerror(errno));
    vg_weights_close(&weights);
    if (status != VG_OK) unlink(converted);
    return status;
}

/* --- the whole --- */

vg_status vg_model_fetch_pinned(const char *url, const vg_model_pin *pin,
                                vg_download_progress *progress, void *context,
                                char path[VG_PATH_CHARS], vg_error *error)
{
    char download[VG_PATH_CHARS], shown[VG_PATH_CHARS];
    if (pin->sha256 != NULL && !is_sha256(pin->sha256))
        return vg_fail(error, VG_EINVAL, "a SHA-256 has 64 hexadecimal digits, not \"%.80s\"",
                       pin->sha256);
    vg_status status = vg_model_cache_path(path, error);
    if (status != VG_OK) return status;
    int folder = (int)(strrchr(path, '/') - path);
    int length = snprintf(download, sizeof download, "%.*s/%s", folder, path, download_name);
    if (length < 0 || length >= VG_PATH_CHARS)
        return vg_fail(error, VG_EINVAL, "the path of the cache is too long");

    vg_shown_address(shown, url);
    uint64_t max_bytes = pin->bytes != 0 ? pin->bytes : VG_MODEL_MAX_BYTES;
    status = vg_make_parent_folders(path, error);
    if (status == VG_OK) status = vg_download(url, download, max_bytes, progress, context, error);
    if (status == VG_OK) {
        status = convert(shown, pin, download, path, error);
        /* Whatever it was, the next fetch asks the server again. */
        unlink(download);
    }
    return status;
}

vg_status vg_model_fetch(const char *url, const char *sha256, vg_download_progress *progress,
                         void *context, char path[VG_PATH_CHARS], vg_error *error)
{
    static const vg_model_pin official = {.bytes = VG_MODEL_BYTES, .is_imagenet = 1};
    char source[VG_PATH_CHARS];
    int exists;
    if (url == NULL) {
        vg_model_look(VG_MODEL_DOWNLOAD, NULL, source, &exists);
        url = source;
        const char *expected = getenv("VERGER_MODEL_SHA256");
        if (sha256 == NULL && expected != NULL && expected[0] != '\0') sha256 = expected;
    }
    vg_model_pin pin = strcmp(url, VG_MODEL_URL) == 0 ? official : (vg_model_pin){0};
    pin.sha256 = sha256;
    return vg_model_fetch_pinned(url, &pin, progress, context, path, error);
}
