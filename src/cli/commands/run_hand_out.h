/* The leader's talk with who shares out the parts of a run. */
#ifndef VG_CLI_COMMANDS_RUN_HAND_OUT_H
#define VG_CLI_COMMANDS_RUN_HAND_OUT_H

#include "run/job.h"

/* A vg_hand_out: one line of JSON on standard output, then waits for a line on standard input. */
vg_hand_out vg_cli_hand_out;

#endif
