/* Names of files and labels, which may hold anything, on standard output. */
#ifndef VG_CLI_REPORTING_PRINTED_NAMES_H
#define VG_CLI_REPORTING_PRINTED_NAMES_H

/* A file's name as the tables have it (vg_name_length), which may be shown to programs as text:
 * free it. NULL where memory is short. */
char *vg_cli_name_text(const char *name);

/* The separator, then the name; what a terminal must not get comes out as \xNN. */
void vg_cli_print_plain(const char *name, const char *separator);
/* The same for a cell of CSV that stands in quotes: its own are doubled, as RFC 4180 has it. */
void vg_cli_print_quoted(const char *name, const char *separator);

#endif
