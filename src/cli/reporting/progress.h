/* What a person or a program sees of a run while it goes on: standard error. */
#ifndef VG_CLI_REPORTING_PROGRESS_H
#define VG_CLI_REPORTING_PROGRESS_H

#include "run/job.h"

/* "auto" is a bar on a terminal and plain lines elsewhere. */
#define VG_CLI_PROGRESS_VALUES "auto bar json none"
typedef enum vg_cli_style {
    VG_CLI_STYLE_AUTO,
    VG_CLI_STYLE_BAR,
    VG_CLI_STYLE_JSON,
    VG_CLI_STYLE_NONE,
    VG_CLI_STYLE_LINES
} vg_cli_style;

typedef struct vg_cli_progress vg_cli_progress;

vg_status vg_cli_progress_open(vg_cli_progress **progress, vg_cli_style style,
                               vg_log_level log_level, vg_error *error);
/* After the work: ends the last phase and clears the live line; messages may follow. */
void vg_cli_progress_finish(vg_cli_progress *progress);
void vg_cli_progress_close(vg_cli_progress **progress);

/* Lives as long as `progress`. */
vg_observer vg_cli_progress_observer(vg_cli_progress *progress);

__attribute__((format(printf, 3, 4))) void vg_cli_log(vg_cli_progress *progress, vg_log_level level,
                                                      const char *format, ...);

/* A vg_download_progress; its context is the vg_cli_progress. Stops the download
 * when a signal came. */
vg_status vg_cli_progress_download(void *context, uint64_t done, uint64_t total);

/* True where standard error is read by a program, so that the beginning and the
 * end of the command are events too. */
bool vg_cli_progress_is_json(const vg_cli_progress *progress);

#endif
