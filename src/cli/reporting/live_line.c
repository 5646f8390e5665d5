#include "cli/reporting/live_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USUAL_COLUMNS = 80 };

/* The last column stays free: some terminals wrap as soon as it is filled. */
size_t vg_cli_live_line_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col - 1u;
    return USUAL_COLUMNS - 1;
}

/* A process that the shell has put in the background must leave the screen alone. */
static bool is_background(void)
{
    pid_t foreground = tcgetpgrp(STDERR_FILENO);
    return foreground >= 0 && foreground != getpgrp();
}

void vg_cli_live_line_draw(vg_cli_live_line *line, const char *text)
{
    char output[2 * VG_CLI_LINE_CHARS + 4];
    size_t old_length = strlen(line->text), length = strlen(text);
    if ((old_length == 0 && length == 0) || is_background()) return;

    int padding = old_length > length ? (int)(old_length - length) : 0;
    /* A cleared line leaves the cursor where the next message begins. */
    snprintf(output, sizeof output, "\r%s%*s%s", text, padding, "", length == 0 ? "\r" : "");
    fputs(output, stderr);
    snprintf(line->text, sizeof line->text, "%s", text);
}
