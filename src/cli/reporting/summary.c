/* Summaries for people, on standard output. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cli/cli.h"

void vg_cli_print_unlisted(uint64_t folders)
{
    if (folders > 0)
        printf("left out  %" PRIu64 " folder%s that could not be listed\n", folders,
               folders == 1 ? "" : "s");
}

void vg_cli_print_row(const char *label, const char *format, ...)
{
    enum { LONGEST_ROW = 8192 };
    char row[LONGEST_ROW], shown[VG_ESCAPE_CHARS * LONGEST_ROW];
    va_list args;
    va_start(args, format);
    vsnprintf(row, sizeof row, format, args);
    va_end(args);
    vg_escape(shown, sizeof shown, row, strlen(row), vg_printable_length);
    printf("%-9s %s\n", label, shown);
}
