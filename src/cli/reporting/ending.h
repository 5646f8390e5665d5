/* How a command that works on tables begins and ends, whatever it does between. */
#ifndef VG_CLI_REPORTING_ENDING_H
#define VG_CLI_REPORTING_ENDING_H

#include "cli/cli.h"
#include "cli/reporting/json_events.h"
#include "cli/reporting/progress.h"

/* An address without keys, as all that is printed has to have it. */
#define VG_CLI_SHOWN(address) \
    vg_public_address((address), (char[VG_ADDRESS_CHARS]){""}, VG_ADDRESS_CHARS)

/* The event "start", where events are asked for. */
void vg_cli_start(const vg_cli_progress *progress, const vg_cli_command *command, const char *input,
                  const char *output);

/* The exit code of a command whose work returned `status`. */
int vg_cli_exit_code(vg_status status, uint64_t failed_images);

/* Begins the event "end"; the command adds its figures and sends it. */
void vg_cli_end_begin(vg_cli_json *json, int exit_code, vg_status status, const vg_error *error);

#endif
