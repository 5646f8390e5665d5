#include "cli/reporting/printed_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

void vg_cli_print_plain(const char *name, const char *separator)
{
    size_t capacity = VG_ESCAPE_CHARS * strlen(name) + 1;
    char *shown = malloc(capacity);
    if (shown == NULL) return;
    vg_escape(shown, capacity, name, strlen(name), vg_printable_length);
    printf("%s%s", separator, shown);
    free(shown);
}

void vg_cli_print_quoted(const char *name, const char *separator)
{
    fputs(separator, stdout);
    for (; *name != '\0'; name++) {
        if (*name == '"') putchar('"');
        putchar(*name);
    }
}
