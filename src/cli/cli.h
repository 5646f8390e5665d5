/* The command's subcommands: parse, call job, print. */
#ifndef VG_CLI_CLI_H
#define VG_CLI_CLI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "verger/verger.h"

enum {
    VG_EXIT_OK = 0,
    VG_EXIT_FAILED = 1,
    VG_EXIT_USAGE = 2,
    VG_EXIT_IMAGES_FAILED = 3, /* finished, but some images are rows of errors/ */
    VG_EXIT_FOUND = 4          /* inspected, but more was found than is allowed */
};

/* One table row serves the parser, --help, the completions and the test of the
 * man page. */
typedef struct vg_cli_option {
    int key;              /* the letter of the short form, or a number above 255 */
    const char *name;     /* "threads" */
    const char *argument; /* "N"; NULL for a switch */
    const char *values;   /* what completion offers: "auto bar json none", "FILE", "DIR" or NULL */
    const char *help;     /* one sentence */
} vg_cli_option;

typedef struct vg_cli_command {
    const char *name;
    const char *synopsis;         /* "INPUT OUTPUT [options]" */
    const char *summary;          /* one line for `verger --help` */
    const char *description;      /* paragraphs for `verger help NAME`, examples included */
    const vg_cli_option *options; /* ends with a row whose name is NULL */
    int (*run)(const struct vg_cli_command *command, int argc, char **argv);
} vg_cli_command;

extern const vg_cli_command vg_command_run, vg_command_metadata, vg_command_pca,
    vg_command_neighbours, vg_command_search, vg_command_classify, vg_command_predict,
    vg_command_cluster, vg_command_inspect, vg_command_report, vg_command_runs, vg_command_model,
    vg_command_bench, vg_command_completion, vg_command_help;

/* All commands in the order of `verger --help`; the last is NULL. */
extern const vg_cli_command *const vg_cli_commands[];

/* Walks argv, whose first word is the command's name: options in any order among
 * positional words, "--" ends the options, --help is answered for every command. */
typedef struct vg_cli_parser {
    const vg_cli_command *command;
    int argc;
    char **argv;
    int next;
    bool only_positional;
    const char *cluster; /* what is left of short options in one word, or NULL */
} vg_cli_parser;

void vg_cli_parser_init(vg_cli_parser *parser, const vg_cli_command *command, int argc,
                        char **argv);

enum { VG_CLI_END = -1, VG_CLI_POSITIONAL = 0, VG_CLI_ERROR = -2, VG_CLI_HELP = -3 };

/* The key of the next option, VG_CLI_POSITIONAL, or one of the negative codes;
 * value is the option's argument or the positional word. On VG_CLI_ERROR the
 * message is printed already (exit VG_EXIT_USAGE), on VG_CLI_HELP the help is. */
int vg_cli_next(vg_cli_parser *parser, const char **value);

/* "verger: message", with "see 'verger help COMMAND'" where `command` is given;
 * they return VG_EXIT_USAGE and VG_EXIT_FAILED, or what vg_cli_interrupted_exit says. */
__attribute__((format(printf, 2, 3))) int vg_cli_usage_error(const vg_cli_command *command,
                                                             const char *format, ...);
int vg_cli_failed(const vg_error *error);

/* Prints a row of a summary, whose names of files may hold anything: what a terminal
 * must not get comes out as \xNN. */
__attribute__((format(printf, 2, 3))) void vg_cli_print_row(const char *label, const char *format,
                                                            ...);

/* The row of folders that could not be listed, where there are any. */
void vg_cli_print_unlisted(uint64_t folders);

/* Numbers of arguments; false after having printed what is wrong. `option` is what
 * the message calls it: "--threads", "K". */
bool vg_cli_integer(const vg_cli_command *command, const char *option, const char *text, long low,
                    long high, long *value);
/* The same for bytes, with K, M or G (powers of 1024) after the number or not. */
bool vg_cli_size(const vg_cli_command *command, const char *option, const char *text, long low,
                 long high, long *value);
/* A number of images, or a share of them as "1%"; of the two the other is negative. */
bool vg_cli_amount(const vg_cli_command *command, const char *option, const char *text, long *count,
                   double *share);
/* The position of `text` among the words of `values`, as in vg_cli_option; -1 after
 * having printed what may be given. */
int vg_cli_choice(const vg_cli_command *command, const char *option, const char *text,
                  const char *values);

/* The command of that name, or NULL. */
const vg_cli_command *vg_cli_find_command(const char *name);
/* Prints that there is none, and the nearest; returns VG_EXIT_USAGE. */
int vg_cli_unknown_command(const char *name);

/* Help goes to standard output, the short usage to standard error. */
void vg_cli_print_overview(void);
void vg_cli_print_help(const vg_cli_command *command);
void vg_cli_print_usage(void);
void vg_cli_print_version(void);

/* The kernel set that vg_model_open takes: $VERGER_CPU, else the last of vg_kernel_set;
 * NULL where the CPU has none of that name. */
const char *vg_cli_kernels(void);

/* The word nearest to what was typed, or NULL where none is near; starts as {0}. */
typedef struct vg_cli_suggestion {
    const char *word;
    size_t distance;
} vg_cli_suggestion;

void vg_cli_consider(vg_cli_suggestion *suggestion, const char *typed, const char *word);

/* True once SIGINT or SIGTERM came; vg_cli_catch_signals installs the handler, and
 * a second signal ends the process at once. */
extern atomic_bool vg_cli_interrupted;
void vg_cli_catch_signals(void);
/* Has the process end by SIGTERM with the one that started it. */
void vg_cli_end_with_parent(void);
/* What a shell calls the end by that signal, 130 for Ctrl-C. */
int vg_cli_interrupted_exit(void);

#endif
