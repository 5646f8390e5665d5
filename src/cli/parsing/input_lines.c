#include "cli/parsing/input_lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"

/* More bytes behind those that are there; false at the end, where they cannot be read, and once a
 * signal came. A signal that comes just before the wait does not break it off, so it is short. */
static bool read_more(vg_cli_lines *lines)
{
    enum { PATIENCE_MS = 500 };
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    /* A byte stays free for the end of the last line. */
    while (lines->capacity < lines->end + 2) {
        char *bytes = vg_grow(lines->bytes, &lines->capacity, 1);
        if (bytes == NULL) return false;
        lines->bytes = bytes;
    }
    while (!vg_cli_interrupted) {
        int ready = poll(&input, 1, PATIENCE_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        ssize_t size =
            read(STDIN_FILENO, lines->bytes + lines->end, lines->capacity - lines->end - 1);
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (size <= 0) return false;
        lines->end += (size_t)size;
        return true;
    }
    return false;
}

/* The next line, with its end cut off, or what is left behind the last; NULL past that. */
static char *take_line(vg_cli_lines *lines)
{
    size_t looked_at = lines->next;
    char *newline = NULL;
    while (looked_at == lines->end ||
           (newline = memchr(lines->bytes + looked_at, '\n', lines->end - looked_at)) == NULL) {
        size_t left = lines->end - lines->next;
        if (lines->next > 0) memmove(lines->bytes, lines->bytes + lines->next, left);
        lines->next = 0;
        lines->end = looked_at = left;
        if (read_more(lines)) continue;
        if (left == 0 || vg_cli_interrupted) return NULL;
        newline = lines->bytes + lines->end++;
        break;
    }
    char *line = lines->bytes + lines->next;
    lines->next = (size_t)(newline - lines->bytes) + 1;
    *newline = '\0';
    while (newline > line && newline[-1] == '\r') *--newline = '\0';
    return line;
}

const char *vg_cli_lines_next(vg_cli_lines *lines)
{
    for (char *line; !vg_cli_interrupted && (line = take_line(lines)) != NULL;)
        if (line[0] != '\0') return line;
    return NULL;
}

void vg_cli_lines_close(vg_cli_lines *lines)
{
    free(lines->bytes);
    *lines = (vg_cli_lines){0};
}
