/* Words of the command line to options, by a command's table. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

void vg_cli_parser_init(vg_cli_parser *parser, const vg_cli_command *command, int argc, char **argv)
{
    *parser = (vg_cli_parser){.command = command, .argc = argc, .argv = argv, .next = 1};
}

static const vg_cli_option *find_letter(const vg_cli_command *command, char letter)
{
    for (const vg_cli_option *option = command->options; option->name != NULL; option++)
        if (option->key == letter) return option;
    return NULL;
}

static const vg_cli_option *find_name(const vg_cli_command *command, const char *name,
                                      size_t length)
{
    for (const vg_cli_option *option = command->options; option->name != NULL; option++)
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0)
            return option;
    return NULL;
}

static int help(const vg_cli_command *command)
{
    vg_cli_print_help(command);
    return VG_CLI_HELP;
}

static int unknown_option(const vg_cli_command *command, const char *word, const char *name)
{
    vg_cli_suggestion suggestion = {0};
    for (const vg_cli_option *option = command->options; option->name != NULL; option++)
        vg_cli_consider(&suggestion, name, option->name);
    vg_cli_consider(&suggestion, name, "help");
    if (suggestion.word != NULL)
        vg_cli_usage_error(command, "unknown option '%s'; did you mean '--%s'?", word,
                           suggestion.word);
    else
        vg_cli_usage_error(command, "unknown option '%s'", word);
    return VG_CLI_ERROR;
}

/* The argument of `option` is the next word, whatever it begins with. */
static int take_argument(vg_cli_parser *parser, const vg_cli_option *option, const char *shown,
                         const char **value)
{
    if (parser->next >= parser->argc) {
        vg_cli_usage_error(parser->command, "option '%s' needs a value: %s", shown,
                           option->argument);
        return VG_CLI_ERROR;
    }
    *value = parser->argv[parser->next++];
    return option->key;
}

/* `word` is "--name" or "--name=value". */
static int long_option(vg_cli_parser *parser, const char *word, const char **value)
{
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    char shown[64];
    snprintf(shown, sizeof shown, "--%.*s", (int)length, name);

    const vg_cli_option *option = find_name(parser->command, name, length);
    if (option == NULL && strcmp(shown, "--help") == 0) return help(parser->command);
    if (option == NULL) return unknown_option(parser->command, shown, shown + 2);
    if (name[length] == '\0') {
        if (option->argument == NULL) return option->key;
        return take_argument(parser, option, shown, value);
    }
    if (option->argument == NULL) {
        vg_cli_usage_error(parser->command, "option '%s' takes no value", shown);
        return VG_CLI_ERROR;
    }
    *value = name + length + 1;
    return option->key;
}

/* The next letter of "-k50", "-k 50" or "-qn". */
static int short_option(vg_cli_parser *parser, const char **value)
{
    const char *letter = parser->cluster;
    const char shown[] = {'-', *letter, '\0'};
    parser->cluster = letter[1] == '\0' ? NULL : letter + 1;

    const vg_cli_option *option = find_letter(parser->command, *letter);
    if (option == NULL && *letter == 'h') return help(parser->command);
    if (option == NULL) {
        /* "-threads" is more likely a slip for "--threads" than six letters. */
        const char *word = parser->argv[parser->next - 1];
        bool whole_word = letter == word + 1 && letter[1] != '\0';
        return unknown_option(parser->command, whole_word ? word : shown, letter);
    }
    if (option->argument == NULL) return option->key;
    if (parser->cluster == NULL) return take_argument(parser, option, shown, value);
    *value = parser->cluster;
    parser->cluster = NULL;
    return option->key;
}

int vg_cli_next(vg_cli_parser *parser, const char **value)
{
    *value = NULL;
    if (parser->cluster != NULL) return short_option(parser, value);
    if (parser->next >= parser->argc) return VG_CLI_END;

    const char *word = parser->argv[parser->next++];
    if (!parser->only_positional && strcmp(word, "--") == 0) {
        parser->only_positional = true;
        return vg_cli_next(parser, value);
    }
    if (parser->only_positional || word[0] != '-' || word[1] == '\0') {
        *value = word;
        return VG_CLI_POSITIONAL;
    }
    if (word[1] == '-') return long_option(parser, word, value);
    parser->cluster = word + 1;
    return short_option(parser, value);
}
