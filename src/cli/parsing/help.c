/* Help and usage texts, made from the tables of the commands. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cli/cli.h"

enum { LINE_WIDTH = 80, COMMAND_WIDTH = 14, OPTION_WIDTH = 26 };

/* Prints words from column `indent` on, the first line begun already at `column`. */
static void print_wrapped(const char *text, int indent, int column)
{
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length >= LINE_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_row(const char *name, int name_width, const char *text)
{
    int width = (int)strlen(name);
    printf("%s", name);
    if (width + 2 > name_width)
        printf("\n%*s", name_width, "");
    else
        printf("%*s", name_width - width, "");
    print_wrapped(text, name_width, name_width);
}

static void print_option(const vg_cli_option *option)
{
    char name[80];
    char letter[] = "    ";
    if (option->key > ' ' && option->key <= '~') {
        letter[0] = '-';
        letter[1] = (char)option->key;
        letter[2] = ',';
    }
    snprintf(name, sizeof name, "  %s--%s%s%s", letter, option->name,
             option->argument != NULL ? " " : "", option->argument != NULL ? option->argument : "");
    print_row(name, OPTION_WIDTH, option->help);
}

static const vg_cli_option help_option = {'h', "help", NULL, NULL, "print this help"};
static const vg_cli_option version_option = {
    'V', "version", NULL, NULL, "print the version, the CPU kernels and the libraries"};

void vg_cli_print_usage(void)
{
    fputs("usage: verger COMMAND ...\n\ncommands:", stderr);
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++)
        fprintf(stderr, " %s", vg_cli_commands[i]->name);
    fputs("\n\n'verger --help' tells more.\n", stderr);
}

void vg_cli_print_overview(void)
{
    fputs("Usage: verger COMMAND ...\n"
          "\n"
          "Folders of labelled images to MobileNetV2 features, PCA components and tables.\n"
          "\n"
          "Commands:\n",
          stdout);
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++) {
        char name[32];
        snprintf(name, sizeof name, "  %s", vg_cli_commands[i]->name);
        print_row(name, COMMAND_WIDTH, vg_cli_commands[i]->summary);
    }
    fputs("\nOptions:\n", stdout);
    print_option(&help_option);
    print_option(&version_option);
    fputs("\n'verger help COMMAND' tells more of a command; so does the manual, verger(1).\n",
          stdout);
}

void vg_cli_print_help(const vg_cli_command *command)
{
    size_t length = strlen(command->description);
    printf("Usage: verger %s %s\n\n%s.\n", command->name, command->synopsis, command->summary);
    if (length > 0) {
        bool ends_line = command->description[length - 1] == '\n';
        printf("\n%s%s", command->description, ends_line ? "" : "\n");
    }
    fputs("\nOptions:\n", stdout);
    for (const vg_cli_option *option = command->options; option->name != NULL; option++)
        print_option(option);
    print_option(&help_option);
}

int vg_cli_usage_error(const vg_cli_command *command, const char *format, ...)
{
    char message[1024], text[2 * sizeof message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    vg_escape(text, sizeof text, message, strlen(message), vg_printable_length);
    fprintf(stderr, "verger: %s\n", text);
    if (command != NULL)
        fprintf(stderr, "see 'verger help %s'\n", command->name);
    else
        fputs("see 'verger --help'\n", stderr);
    return VG_EXIT_USAGE;
}

int vg_cli_failed(const vg_error *error)
{
    fprintf(stderr, "verger: %s\n", error->message);
    return atomic_load(&vg_cli_interrupted) ? vg_cli_interrupted_exit() : VG_EXIT_FAILED;
}

static int run_help(const vg_cli_command *command, int argc, char **argv)
{
    const char *name = NULL, *value;
    vg_cli_parser parser;
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_HELP) return VG_EXIT_OK;
        if (key == VG_CLI_ERROR) return VG_EXIT_USAGE;
        if (name != NULL) return vg_cli_usage_error(command, "one COMMAND at a time");
        name = value;
    }
    if (name == NULL) {
        vg_cli_print_overview();
        return VG_EXIT_OK;
    }
    const vg_cli_command *topic = vg_cli_find_command(name);
    if (topic == NULL) return vg_cli_unknown_command(name);
    vg_cli_print_help(topic);
    return VG_EXIT_OK;
}

static const vg_cli_option help_options[] = {{0}};

const vg_cli_command vg_command_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "Tell more of a command",
    .description = "",
    .options = help_options,
    .run = run_help,
};
