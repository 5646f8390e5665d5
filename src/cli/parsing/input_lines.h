/* Standard input, a line an order. */
#ifndef VG_CLI_PARSING_INPUT_LINES_H
#define VG_CLI_PARSING_INPUT_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* Starts as {0}. */
typedef struct vg_cli_lines {
    char *bytes;
    size_t capacity, next, end; /* from `next` to `end` are bytes of lines to come */
} vg_cli_lines;

/* The next line that is not empty, without its end, valid until the next call; NULL past the
 * last, and once a signal came, which ends a wait too. Nothing behind the line is waited for. */
const char *vg_cli_lines_next(vg_cli_lines *lines);
void vg_cli_lines_close(vg_cli_lines *lines);

#endif
