/* The words after `verger run`. */
#ifndef VG_CLI_COMMANDS_RUN_ARGUMENTS_H
#define VG_CLI_COMMANDS_RUN_ARGUMENTS_H

#include "cli/parsing/selection_arguments.h"
#include "cli/parsing/shared_options.h"

extern const vg_cli_option vg_cli_run_options[];

typedef struct vg_cli_run_arguments {
    vg_run_options options; /* all that the words say of it */
    vg_cli_selection selection;
    vg_cli_shared_options shared;
    const char *model;      /* of --model, or NULL */
    const char *components; /* of -k, or the fourth word */
    uint64_t *parts;        /* [part_count], of --parts; NULL for none */
    size_t part_count;
    const char *positional[4]; /* INPUT OUTPUT MODE K */
    size_t positional_count;
} vg_cli_run_arguments;

void vg_cli_run_arguments_close(vg_cli_run_arguments *arguments);

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
int vg_cli_run_parse(vg_cli_run_arguments *arguments, const vg_cli_command *command, int argc,
                     char **argv);

#endif
