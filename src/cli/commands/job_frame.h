/* What every command that works on tables does around its job: progress, signals, metrics, the
 * events of its beginning and its end, the summary, the exit code. */
#ifndef VG_CLI_COMMANDS_JOB_FRAME_H
#define VG_CLI_COMMANDS_JOB_FRAME_H

#include "cli/cli.h"
#include "cli/parsing/shared_options.h"
#include "cli/reporting/json_events.h"
#include "cli/reporting/progress.h"

/* An address without keys, as all that is printed has to have it. */
#define VG_CLI_SHOWN(address) \
    vg_public_address((address), (char[VG_ADDRESS_CHARS]){""}, VG_ADDRESS_CHARS)

/* What a job finds around it. */
typedef struct vg_cli_surroundings {
    vg_cli_progress *progress;
    vg_observer observer; /* to be told of phases and messages */
    int exit_code; /* VG_EXIT_OK; the job sets another where it is done, but not all is well */
} vg_cli_surroundings;

typedef struct vg_cli_job {
    const vg_cli_command *command;
    const vg_cli_shared_options *shared;
    const char *input, *output; /* as the event "start" tells them */
    void *context;              /* of the three calls */
    /* One that was cancelled says in `error` what it left behind. */
    vg_status (*work)(void *context, vg_cli_surroundings *surroundings, vg_error *error);
    void (*print_summary)(const void *context);                 /* of a job that is done */
    void (*add_figures)(const void *context, vg_cli_json *end); /* to the event "end" */
    const vg_run_result *run; /* for the metrics; NULL where the job is no run */
} vg_cli_job;

/* Returns the exit code. */
int vg_cli_do(const vg_cli_job *job);

#endif
