#include "cli/parsing/input_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "cli/cli.h"

const char *vg_cli_lines_next(vg_cli_lines *lines)
{
    while (!vg_cli_interrupted) {
        ssize_t size = getline(&lines->line, &lines->capacity, stdin);
        if (size < 0) return NULL;
        char *line = lines->line;
        while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r')) line[--size] = '\0';
        if (size > 0) return line;
    }
    return NULL;
}

void vg_cli_lines_close(vg_cli_lines *lines)
{
    free(lines->line);
    *lines = (vg_cli_lines){0};
}
