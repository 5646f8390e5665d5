/* verger completion: what shells offer, written from the tables of the commands. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* --- What may stand at a place -------------------------------------------- */

/* A word of a synopsis: "run" has INPUT and OUTPUT, "completion" bash|zsh|fish.
 * False where there is no such word. */
static bool synopsis_word(const vg_cli_command *command, int position, char *word, size_t capacity)
{
    const char *at = command->synopsis;
    for (int i = 0;; i++) {
        at += strspn(at, " []");
        size_t length = strcspn(at, " []");
        if (length == 0 || strncmp(at, "options", length) == 0 || length >= capacity) return false;
        if (i == position) {
            memcpy(word, at, length);
            word[length] = '\0';
            return true;
        }
        at += length;
    }
}

/* "DIR", "FILE", or the words themselves, into `values`. */
static bool positional_values(const vg_cli_command *command, int position, char *values,
                              size_t capacity)
{
    char word[128];
    if (!synopsis_word(command, position, word, sizeof word)) return false;
    if (strcmp(word, "COMMAND") == 0) {
        size_t used = 0;
        for (size_t i = 0; vg_cli_commands[i] != NULL && used < capacity; i++)
            used += (size_t)snprintf(values + used, capacity - used, "%s%s", i > 0 ? " " : "",
                                     vg_cli_commands[i]->name);
    } else if (strcmp(word, "MODE") == 0) {
        snprintf(values, capacity, "mini apples full");
    } else if (strcmp(word, "K") == 0) {
        return false;
    } else if (strncmp(word, "IMAGE", strlen("IMAGE")) == 0 || strcmp(word, "CLASSIFIER") == 0) {
        snprintf(values, capacity, "FILE");
    } else if (strchr(word, '|') != NULL) {
        snprintf(values, capacity, "%s", word);
        for (char *bar; (bar = strchr(values, '|')) != NULL;) *bar = ' ';
    } else {
        snprintf(values, capacity, "%s", strcmp(word, "FILE") == 0 ? "FILE" : "DIR");
    }
    return true;
}

enum { MAX_POSITIONALS = 4, VALUES_CHARS = 256 };

static bool has_letter(const vg_cli_option *option)
{
    return option->key > ' ' && option->key <= '~';
}

static const vg_cli_option help_row = {'h', "help", NULL, NULL, "print this help"};

/* --- bash ------------------------------------------------------------------- */

static void print_bash_options(const vg_cli_command *command)
{
    printf("    %s) echo '", command->name);
    for (const vg_cli_option *option = command->options; option->name != NULL; option++) {
        if (has_letter(option)) printf("-%c ", option->key);
        printf("--%s ", option->name);
    }
    printf("-h --help' ;;\n");
}

static void print_bash_values(const vg_cli_command *command)
{
    char values[VALUES_CHARS];
    for (const vg_cli_option *option = command->options; option->name != NULL; option++) {
        if (option->argument == NULL) continue;
        printf("    '%s --%s'", command->name, option->name);
        if (has_letter(option)) printf(" | '%s -%c'", command->name, option->key);
        printf(") echo '%s' ;;\n", option->values != NULL ? option->values : "");
    }
    for (int i = 0; i < MAX_POSITIONALS; i++)
        if (positional_values(command, i, values, sizeof values))
            printf("    '%s %d') echo '%s' ;;\n", command->name, i + 1, values);
}

static void print_bash(void)
{
    fputs("# bash completion for verger, written by 'verger completion bash'\n"
          "\n"
          "_verger_options() {\n"
          "    case $1 in\n",
          stdout);
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++) print_bash_options(vg_cli_commands[i]);
    fputs("    esac\n"
          "}\n"
          "\n"
          "# What may follow an option, or stand at a position; fails for a switch.\n"
          "_verger_values() {\n"
          "    case \"$1 $2\" in\n",
          stdout);
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++) print_bash_values(vg_cli_commands[i]);
    fputs("    *) return 1 ;;\n"
          "    esac\n"
          "}\n"
          "\n"
          "_verger_offer() {\n"
          "    case $1 in\n"
          "    FILE) mapfile -t COMPREPLY < <(compgen -f -- \"$2\"); compopt -o filenames "
          "2>/dev/null ;;\n"
          "    DIR) mapfile -t COMPREPLY < <(compgen -d -- \"$2\"); compopt -o filenames "
          "2>/dev/null ;;\n"
          "    *) mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$2\") ;;\n"
          "    esac\n"
          "}\n"
          "\n"
          "_verger() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=${COMP_WORDS[1]} values position=1 i\n"
          "    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        _verger_offer '",
          stdout);
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++) printf("%s ", vg_cli_commands[i]->name);
    fputs("--help --version' \"$word\"\n"
          "        return\n"
          "    fi\n"
          "    # bash splits --name=value into three words.\n"
          "    if [[ $word == = ]]; then\n"
          "        word=\n"
          "    elif [[ $before == = ]]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    if [[ $before == -* ]] && values=$(_verger_values \"$command\" \"$before\"); then\n"
          "        _verger_offer \"$values\" \"$word\"\n"
          "        return\n"
          "    fi\n"
          "    if [[ $word == -* ]]; then\n"
          "        _verger_offer \"$(_verger_options \"$command\")\" \"$word\"\n"
          "        return\n"
          "    fi\n"
          "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "        if [[ ${COMP_WORDS[i]} != -* ]]; then\n"
          "            ((position++))\n"
          "        elif [[ ${COMP_WORDS[i + 1]} == = ]]; then\n"
          "            ((i += 2))\n"
          "        elif _verger_values \"$command\" \"${COMP_WORDS[i]}\" >/dev/null; then\n"
          "            ((i++))\n"
          "        fi\n"
          "    done\n"
          "    values=$(_verger_values \"$command\" \"$position\") && _verger_offer \"$values\" "
          "\"$word\"\n"
          "}\n"
          "\n"
          "complete -F _verger verger\n",
          stdout);
}

/* --- zsh -------------------------------------------------------------------- */

/* Inside '...' of an _arguments specification: ' ends the word, [ ] : and \ have a
 * meaning. */
static void print_zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text) != NULL)
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void print_zsh_action(const char *values)
{
    if (values == NULL)
        putchar(' ');
    else if (strcmp(values, "FILE") == 0)
        fputs("_files", stdout);
    else if (strcmp(values, "DIR") == 0)
        fputs("_files -/", stdout);
    else
        printf("(%s)", values);
}

static void print_zsh_option(const vg_cli_option *option)
{
    const char *joint = option->argument != NULL ? "=" : "";
    if (has_letter(option))
        printf("        '(-%c --%s)'{-%c%s,--%s%s}'[", option->key, option->name, option->key,
               option->argument != NULL ? "+" : "", option->name, joint);
    else
        printf("        '--%s%s[", option->name, joint);
    print_zsh_text(option->help);
    putchar(']');
    if (option->argument != NULL) {
        putchar(':');
        print_zsh_text(option->argument);
        putchar(':');
        print_zsh_action(option->values);
    }
    fputs("' \\\n", stdout);
}

static void print_zsh_command(const vg_cli_command *command)
{
    char values[VALUES_CHARS];
    printf("    %s)\n        _arguments -s -S \\\n", command->name);
    for (const vg_cli_option *option = command->options; option->name != NULL; option++)
        print_zsh_option(option);
    print_zsh_option(&help_row);
    for (int i = 0; i < MAX_POSITIONALS; i++) {
        char word[128];
        if (!synopsis_word(command, i, word, sizeof word)) break;
        bool offered = positional_values(command, i, values, sizeof values);
        printf("        '%d::", i + 1);
        print_zsh_text(word);
        putchar(':');
        print_zsh_action(offered ? values : NULL);
        fputs("' \\\n", stdout);
    }
    fputs("        && return 0\n        ;;\n", stdout);
}

static void print_zsh(void)
{
    fputs("#compdef verger\n"
          "# zsh completion for verger, written by 'verger completion zsh'\n"
          "\n"
          "_verger() {\n"
          "    local -a commands\n"
          "    if (( CURRENT == 2 )); then\n"
          "        commands=(\n",
          stdout);
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++) {
        printf("            '%s:", vg_cli_commands[i]->name);
        print_zsh_text(vg_cli_commands[i]->summary);
        fputs("'\n", stdout);
    }
    fputs("            '--help:print this help'\n"
          "            '--version:print the version, the CPU kernels and the libraries'\n"
          "        )\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    local command=$words[2]\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case $command in\n",
          stdout);
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++) print_zsh_command(vg_cli_commands[i]);
    fputs("    esac\n"
          "}\n"
          "\n"
          "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
          "    _verger \"$@\"\n"
          "else\n"
          "    compdef _verger verger\n"
          "fi\n",
          stdout);
}

/* --- fish ------------------------------------------------------------------- */

static void print_fish_text(const char *text)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void print_fish_option(const vg_cli_command *command, const vg_cli_option *option)
{
    printf("complete -c verger -n '__fish_seen_subcommand_from %s' -l %s", command->name,
           option->name);
    if (has_letter(option)) printf(" -s %c", option->key);
    if (option->argument != NULL) {
        const char *values = option->values != NULL ? option->values : "";
        fputs(" -r", stdout);
        if (strcmp(values, "FILE") == 0)
            fputs(" -F", stdout);
        else if (strcmp(values, "DIR") == 0)
            fputs(" -f -a '(__fish_complete_directories)'", stdout);
        else
            printf(" -f -a '%s'", values);
    }
    fputs(" -d ", stdout);
    print_fish_text(option->help);
    putchar('\n');
}

static void print_fish_command(const vg_cli_command *command)
{
    char values[VALUES_CHARS];
    printf("complete -c verger -n __fish_use_subcommand -a %s -d ", command->name);
    print_fish_text(command->summary);
    putchar('\n');
    for (const vg_cli_option *option = command->options; option->name != NULL; option++)
        print_fish_option(command, option);
    print_fish_option(command, &help_row);
    if (!positional_values(command, 0, values, sizeof values)) return;
    printf("complete -c verger -n '__fish_seen_subcommand_from %s' -a '%s'\n", command->name,
           strcmp(values, "DIR") == 0    ? "(__fish_complete_directories)"
           : strcmp(values, "FILE") == 0 ? "(__fish_complete_path)"
                                         : values);
}

static void print_fish(void)
{
    fputs("# fish completion for verger, written by 'verger completion fish'\n"
          "complete -c verger -f\n"
          "complete -c verger -n __fish_use_subcommand -s h -l help -d 'print this help'\n"
          "complete -c verger -n __fish_use_subcommand -s V -l version -d 'print the version'\n",
          stdout);
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++) print_fish_command(vg_cli_commands[i]);
}

/* --- The command ------------------------------------------------------------ */

#define SHELLS "bash zsh fish"

static int run_completion(const vg_cli_command *command, int argc, char **argv)
{
    void (*const print[])(void) = {print_bash, print_zsh, print_fish};
    const char *shell = NULL, *value;
    vg_cli_parser parser;
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_HELP) return VG_EXIT_OK;
        if (key == VG_CLI_ERROR) return VG_EXIT_USAGE;
        if (shell != NULL) return vg_cli_usage_error(command, "one word too many: '%s'", value);
        shell = value;
    }
    if (shell == NULL)
        return vg_cli_usage_error(command, "the shell is missing: bash, zsh or fish");
    int choice = vg_cli_choice(command, "the shell", shell, SHELLS);
    if (choice < 0) return VG_EXIT_USAGE;
    print[choice]();
    return VG_EXIT_OK;
}

static const vg_cli_option completion_options[] = {{0}};

const vg_cli_command vg_command_completion = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .summary = "Print the completion script of a shell",
    .description = "  bash  source <(verger completion bash), in ~/.bashrc\n"
                   "  zsh   verger completion zsh > _verger, in a folder of $fpath\n"
                   "  fish  verger completion fish > ~/.config/fish/completions/verger.fish",
    .options = completion_options,
    .run = run_completion,
};
