/* One line at the bottom of a terminal that is drawn over and over, on standard
 * error. Drawn with '\r' and spaces, which every terminal knows. */
#ifndef VG_CLI_REPORTING_LIVE_LINE_H
#define VG_CLI_REPORTING_LIVE_LINE_H

#include <stddef.h>

enum { VG_CLI_LINE_CHARS = 512 };

/* Starts as {0}. */
typedef struct vg_cli_live_line {
    char text[VG_CLI_LINE_CHARS]; /* what is on the screen */
} vg_cli_live_line;

/* Columns that a line may fill. */
size_t vg_cli_live_line_columns(void);

/* ASCII text, or "" to clear the line before something else is printed. */
void vg_cli_live_line_draw(vg_cli_live_line *line, const char *text);

#endif
