/* Where weights may lie, and which are taken. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "weights/sources.h"

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int is_file(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

vg_status vg_model_cache_path(char path[VG_PATH_CHARS], vg_error *error)
{
    const char *cache = environment("XDG_CACHE_HOME"), *home = environment("HOME");
    int length;
    path[0] = '\0';
    /* A relative path there is to be ignored: XDG Base Directory Specification. */
    if (cache != NULL && cache[0] == '/')
        length = snprintf(path, VG_PATH_CHARS, "%s/verger/%s", cache, VG_MODEL_FILE);
    else if (home != NULL)
        length = snprintf(path, VG_PATH_CHARS, "%s/.cache/verger/%s", home, VG_MODEL_FILE);
    else
        return vg_fail(error, VG_ENOTFOUND,
                       "there is no place for a cache: set HOME or XDG_CACHE_HOME, or name the "
                       "weights with --model");
    if (length > 0 && length < VG_PATH_CHARS) return VG_OK;
    path[0] = '\0';
    return vg_fail(error, VG_EINVAL, "the path of the cache is too long");
}

static const char *official_address(void)
{
    const char *url = environment("VERGER_MODEL_URL");
    return url != NULL ? url : VG_MODEL_URL;
}

void vg_model_look(vg_model_place place, const char *argument, char source[VG_PATH_CHARS],
                   int *exists)
{
    const char *name = NULL;
    source[0] = '\0';
    switch (place) {
    case VG_MODEL_ARGUMENT: name = argument; break;
    case VG_MODEL_ENVIRONMENT: name = environment("VERGER_MODEL"); break;
    case VG_MODEL_CACHE: vg_model_cache_path(source, NULL); break;
    case VG_MODEL_DOWNLOAD: name = official_address(); break;
    }
    if (name != NULL && strlen(name) < VG_PATH_CHARS) snprintf(source, VG_PATH_CHARS, "%s", name);
    *exists = place != VG_MODEL_DOWNLOAD && (vg_model_is_seeded(source) || is_file(source));
}

/* Weights that are asked for by name are never passed over. */
static vg_status fail_named(const vg_model_location *location, vg_error *error)
{
    const char *who = location->place == VG_MODEL_ARGUMENT ? "--model" : "$VERGER_MODEL";
    struct stat facts;
    if (stat(location->source, &facts) != 0)
        return vg_fail(error, VG_ENOTFOUND,
                       "%s names weights that cannot be opened: %s: %s ('verger model list' shows "
                       "where there are some)",
                       who, location->source, strerror(errno));
    return vg_fail(error, VG_EINVAL, "%s names %s, which is not a file: name a .safetensors file",
                   who, location->source);
}

vg_status vg_model_locate(const char *argument, vg_model_location *location, vg_error *error)
{
    if (argument != NULL && (argument[0] == '\0' || strlen(argument) >= VG_PATH_CHARS))
        return vg_fail(error, VG_EINVAL, "--model is %s: name a .safetensors file or seeded:N",
                       argument[0] == '\0' ? "empty" : "too long");
    for (int i = 0; i < VG_MODEL_PLACES; i++) {
        int exists;
        location->place = (vg_model_place)i;
        vg_model_look(location->place, argument, location->source, &exists);
        if (exists || location->place == VG_MODEL_DOWNLOAD) break;
        if (location->source[0] != '\0' && location->place <= VG_MODEL_ENVIRONMENT)
            return fail_named(location, error);
    }
    return VG_OK;
}
