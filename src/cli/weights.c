#include "cli/weights.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"

static vg_status fetch(const char *url, vg_cli_progress *progress, char path[VG_PATH_CHARS],
                       vg_error *error)
{
    char cache[VG_PATH_CHARS];
    vg_status status = vg_model_cache_path(cache, error);
    if (status != VG_OK) return status;
    vg_cli_log(progress, VG_LOG_INFO, "no weights on this machine yet: fetching %s to %s", url,
               cache);
    status = vg_model_fetch(NULL, vg_cli_progress_download, progress, path, error);
    if (status == VG_OK || status == VG_ECANCELLED) return status;
    return vg_fail_prefix(error, status,
                          "cannot fetch the weights (--model FILE takes those of a file, --model "
                          "seeded:7 draws some for a trial)");
}

vg_status vg_cli_weights(const char *argument, vg_cli_progress *progress,
                         char source[VG_PATH_CHARS], vg_error *error)
{
    vg_model_location location;
    vg_status status = vg_model_locate(argument, &location, error);
    if (status != VG_OK) return status;
    if (location.place == VG_MODEL_DOWNLOAD) return fetch(location.source, progress, source, error);
    snprintf(source, VG_PATH_CHARS, "%s", location.source);
    return VG_OK;
}

void vg_cli_warn_seeded(vg_cli_progress *progress, const char *source)
{
    if (strncmp(source, "seeded:", strlen("seeded:")) != 0) return;
    vg_cli_log(progress, VG_LOG_WARNING,
               "the weights are drawn from a seed (%s): the features have no meaning", source);
}
