#include "cli/reporting/printed_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

static char *escaped(const char *name, vg_kept_length *kept)
{
    size_t size = strlen(name), capacity = VG_ESCAPE_CHARS * size + 1;
    char *text = malloc(capacity);
    if (text != NULL) vg_escape(text, capacity, name, size, kept);
    return text;
}

char *vg_cli_name_text(const char *name)
{
    return escaped(name, vg_name_length);
}

void vg_cli_print_plain(const char *name, const char *separator)
{
    char *shown = escaped(name, vg_printable_length);
    if (shown == NULL) return;
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
