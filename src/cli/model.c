/* verger model: not built yet. */
#include <stdio.h>

#include "cli/cli.h"

static int run_model(const vg_cli_command *command, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fprintf(stderr, "verger: '%s' is not built yet\n", command->name);
    return VG_EXIT_FAILED;
}

static const vg_cli_option model_options[] = {{0}};

const vg_cli_command vg_command_model = {
    .name = "model",
    .synopsis = "[options]",
    .summary = "Not built yet.",
    .description = "",
    .options = model_options,
    .run = run_model,
};
