/* The weights of a run: found on disk, or fetched. */
#ifndef VG_CLI_COMMANDS_RUN_WEIGHTS_H
#define VG_CLI_COMMANDS_RUN_WEIGHTS_H

#include "cli/reporting/progress.h"
#include "weights/sources.h"

/* Fetches what `location` names; `path` becomes the file in the cache. Says what
 * comes from where. */
vg_status vg_cli_fetch_weights(const vg_model_location *location, vg_cli_progress *progress,
                               char path[VG_PATH_CHARS], vg_error *error);

/* Warns where features have no meaning because the weights are drawn from a seed. */
void vg_cli_warn_seeded(vg_cli_progress *progress, const char *source);

#endif
