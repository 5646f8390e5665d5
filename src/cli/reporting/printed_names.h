/* Names of files and labels, which may hold anything, on standard output. */
#ifndef VG_CLI_REPORTING_PRINTED_NAMES_H
#define VG_CLI_REPORTING_PRINTED_NAMES_H

/* The separator, then the name; what a terminal must not get comes out as \xNN. */
void vg_cli_print_plain(const char *name, const char *separator);
/* The same for a cell of CSV that stands in quotes: its own are doubled, as RFC 4180 has it. */
void vg_cli_print_quoted(const char *name, const char *separator);

#endif
