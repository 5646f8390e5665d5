#include "cli/commands/run_weights.h"

#include "base/error.h"

vg_status vg_cli_fetch_weights(const vg_model_location *location, vg_cli_progress *progress,
                               char path[VG_PATH_CHARS], vg_error *error)
{
    char cache[VG_PATH_CHARS], shown[VG_PATH_CHARS];
    vg_status status = vg_model_cache_path(cache, error);
    if (status != VG_OK) return status;
    vg_shown_address(shown, location->source);
    vg_cli_log(progress, VG_LOG_INFO, "no weights on this machine yet: fetching %s to %s", shown,
               cache);
    status = vg_model_fetch(NULL, NULL, vg_cli_progress_download, progress, path, error);
    vg_cli_progress_finish(progress);
    if (status == VG_OK || status == VG_ECANCELLED) return status;
    vg_error cause = *error;
    return vg_fail(error, status,
                   "cannot fetch the weights: %.250s; $VERGER_MODEL_URL names another address, "
                   "'verger model import' takes an .h5 fetched by hand, --model FILE those of a "
                   "file, --model seeded:7 draws some for a trial",
                   cause.message);
}

void vg_cli_warn_seeded(vg_cli_progress *progress, const char *source)
{
    if (!vg_model_is_seeded(source)) return;
    vg_cli_log(progress, VG_LOG_WARNING,
               "the weights are drawn from a seed (%s): the features have no meaning", source);
}
