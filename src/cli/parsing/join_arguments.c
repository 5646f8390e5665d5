#include "cli/parsing/join_arguments.h"

#include <stdlib.h>
#include <string.h>

void vg_cli_join_close(vg_cli_join *arguments)
{
    free(arguments->words);
    free(arguments->items);
    *arguments = (vg_cli_join){0};
}

bool vg_cli_is_join_option(int key)
{
    return key == VG_CLI_JOIN || key == VG_CLI_COLUMNS || key == VG_CLI_ON ||
           key == VG_CLI_JOIN_WEIGHT;
}

static bool take_weight(vg_cli_join *arguments, const vg_cli_command *command, const char *text)
{
    char *end = NULL;
    arguments->weight = strtod(text, &end);
    if (end != text && *end == '\0' && arguments->weight >= 1e-6 && arguments->weight <= 1e6)
        return true;
    vg_cli_usage_error(command, "--join-weight '%s': a number from 1e-06 to 1e+06", text);
    return false;
}

bool vg_cli_join_option(vg_cli_join *arguments, const vg_cli_command *command, int key,
                        const char *value)
{
    int choice;
    switch (key) {
    case VG_CLI_JOIN: arguments->join.file = value; return true;
    case VG_CLI_COLUMNS: arguments->columns = value; return true;
    case VG_CLI_JOIN_WEIGHT: return take_weight(arguments, command, value);
    default:
        choice = vg_cli_choice(command, "--on", value, VG_CLI_ON_VALUES);
        arguments->join.by_name = choice == 1;
        return choice >= 0;
    }
}

bool vg_cli_join_finish(vg_cli_join *arguments, const vg_cli_command *command)
{
    vg_join *join = &arguments->join;
    if ((join->file == NULL) != (arguments->columns == NULL)) {
        vg_cli_usage_error(command, "--join and --columns go together");
        return false;
    }
    if (join->file == NULL) return true;
    size_t count = 1;
    for (const char *c = arguments->columns; *c != '\0'; c++) count += *c == ',';
    arguments->words = strdup(arguments->columns);
    arguments->items = calloc(count, sizeof *arguments->items);
    char *rest = NULL, *word = NULL;
    if (arguments->words != NULL && arguments->items != NULL)
        word = strtok_r(arguments->words, ",", &rest);
    if (word == NULL) {
        vg_cli_usage_error(command, "--columns takes names with commas between, not '%s'",
                           arguments->columns);
        return false;
    }
    for (; word != NULL; word = strtok_r(NULL, ",", &rest))
        arguments->items[join->columns.count++] = word;
    join->columns.items = arguments->items;
    return true;
}
