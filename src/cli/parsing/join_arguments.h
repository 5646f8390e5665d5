/* --join, --columns and --on: columns of another table for the images of an output. */
#ifndef VG_CLI_PARSING_JOIN_ARGUMENTS_H
#define VG_CLI_PARSING_JOIN_ARGUMENTS_H

#include "cli/cli.h"
#include "explore/joined_columns.h"

enum { VG_CLI_JOIN = 832, VG_CLI_COLUMNS, VG_CLI_ON, VG_CLI_JOIN_WEIGHT };

#define VG_CLI_ON_VALUES "path name"

#define VG_CLI_ON_HELP                                                                         \
    "what the column path of --join holds: path, whole or below the input, or name, the last " \
    "part "                                                                                    \
    "(default: path)"

/* For commands that learn from the columns. */
#define VG_CLI_JOIN_OPTIONS                                                                       \
    {VG_CLI_JOIN, "join", "FILE", "FILE",                                                         \
     "learn from columns of this table too, CSV, TSV, JSON lines or Parquet: numbers by their "   \
     "deviation, other texts as categories"},                                                     \
        {VG_CLI_COLUMNS, "columns", "NAMES", NULL, "the columns of --join, with commas between"}, \
        {VG_CLI_ON, "on", "KEY", VG_CLI_ON_VALUES, VG_CLI_ON_HELP},                               \
    {                                                                                             \
        VG_CLI_JOIN_WEIGHT, "join-weight", "W", NULL,                                             \
            "multiply what the columns of --join give by W (default: 1)"                          \
    }

/* Starts as {0}. */
typedef struct vg_cli_join {
    vg_join join;
    const char *columns; /* as they were given */
    double weight;       /* 0 where none was given */
    char *words;         /* owned; the join's columns point into them */
    const char **items;
} vg_cli_join;

void vg_cli_join_close(vg_cli_join *arguments);

/* Takes one of these options; false after having printed what is wrong. */
bool vg_cli_join_option(vg_cli_join *arguments, const vg_cli_command *command, int key,
                        const char *value);
bool vg_cli_is_join_option(int key);

/* Cuts the columns, after the last option; false after having printed what does not go together. */
bool vg_cli_join_finish(vg_cli_join *arguments, const vg_cli_command *command);

#endif
