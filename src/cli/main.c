/* The command: finds the subcommand, and makes sure that what it printed arrived. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

const vg_cli_command *const vg_cli_commands[] = {
    &vg_command_run,     &vg_command_metadata,   &vg_command_pca,     &vg_command_neighbours,
    &vg_command_search,  &vg_command_classify,   &vg_command_predict, &vg_command_cluster,
    &vg_command_inspect, &vg_command_report,     &vg_command_runs,    &vg_command_model,
    &vg_command_bench,   &vg_command_completion, &vg_command_help,    NULL,
};

const vg_cli_command *vg_cli_find_command(const char *name)
{
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++)
        if (strcmp(vg_cli_commands[i]->name, name) == 0) return vg_cli_commands[i];
    return NULL;
}

int vg_cli_unknown_command(const char *name)
{
    vg_cli_suggestion suggestion = {0};
    for (size_t i = 0; vg_cli_commands[i] != NULL; i++)
        vg_cli_consider(&suggestion, name, vg_cli_commands[i]->name);
    if (suggestion.word != NULL)
        return vg_cli_usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name,
                                  suggestion.word);
    return vg_cli_usage_error(NULL, "unknown command '%s'", name);
}

/* A standard stream that was closed by the caller would be the next file opened,
 * and messages would end up in a table. Opened the wrong way round, so that using
 * it fails as it should. */
static void hold_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        vg_cli_print_usage();
        return VG_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        vg_cli_print_version();
        return VG_EXIT_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) word = "help";
    if (word[0] == '-') return vg_cli_usage_error(NULL, "unknown option '%s'", word);
    const vg_cli_command *command = vg_cli_find_command(word);
    if (command == NULL) return vg_cli_unknown_command(word);
    return command->run(command, argc - 1, argv + 1);
}

/* Whether a pipe or socket has nobody left at its other end. */
static bool reader_is_gone(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

/* A reader that closed the pipe has what it wanted; any other failure to write
 * means that results are lost. */
static int finish_output(int status)
{
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) != 0) failed = true;
    int reason = errno;
    if (!failed || reader_is_gone()) return status;
    fprintf(stderr, "verger: cannot write to standard output: %s\n",
            reason != 0 ? strerror(reason) : "an earlier write failed");
    return status == VG_EXIT_OK ? VG_EXIT_FAILED : status;
}

/* OpenBLAS starts threads when it is loaded. Where memory is short each looks for its
 * buffer for ever, and the end of the library, at exit, waits for them. Sanitizers report
 * at exit. */
static int leave(int status)
{
#ifndef VERGER_SANITIZED
    if (status == VG_EXIT_FAILED) _exit(status);
#endif
    return status;
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    /* A closed pipe must not end a run that still has tables to commit. */
    signal(SIGPIPE, SIG_IGN);
    return leave(finish_output(dispatch(argc, argv)));
}
