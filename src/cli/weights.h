/* The weights of a run: found on disk, or fetched. */
#ifndef VG_CLI_WEIGHTS_H
#define VG_CLI_WEIGHTS_H

#include "cli/progress.h"
#include "model/sources/sources.h"

/* `argument` is that of --model, or NULL. `source` becomes what vg_model_open
 * takes. Says where the weights come from. */
vg_status vg_cli_weights(const char *argument, vg_cli_progress *progress,
                         char source[VG_PATH_CHARS], vg_error *error);

/* Warns where features have no meaning because the weights are drawn from a seed. */
void vg_cli_warn_seeded(vg_cli_progress *progress, const char *source);

#endif
