/* --metrics FILE: the state of a command for a collector, such as node_exporter's for
 * text files. Written whole at the start, every ten seconds and at the end, also where
 * the job says nothing for long. */
#ifndef VG_CLI_REPORTING_METRICS_H
#define VG_CLI_REPORTING_METRICS_H

#include "cli/reporting/metrics_text.h"
#include "run/job.h"

typedef struct vg_cli_metrics vg_cli_metrics;

/* What a command tells: phases and images of a job, or answers. */
typedef enum vg_cli_metrics_kind {
    VG_CLI_METRICS_OF_JOB,
    VG_CLI_METRICS_OF_ANSWERS
} vg_cli_metrics_kind;

/* Writes the file for the first time, so that one that cannot be written fails here.
 * With `path` NULL there are no metrics: *metrics is NULL, which the calls below take. */
vg_status vg_cli_metrics_open(vg_cli_metrics **metrics, const char *path, vg_cli_metrics_kind kind,
                              const char *command, vg_error *error);

/* What the job shall tell: its reports are kept and passed on to `next`, which also
 * hears, once, of a file that cannot be written any more. */
vg_observer vg_cli_metrics_observe(vg_cli_metrics *metrics, vg_observer next);

/* The answers so far, of VG_CLI_METRICS_OF_ANSWERS. */
void vg_cli_metrics_set_answers(vg_cli_metrics *metrics, const vg_cli_answer_figures *answers);

/* Writes the file for the last time. `result` may be NULL. */
void vg_cli_metrics_close(vg_cli_metrics **metrics, int exit_code, const vg_run_result *result);

#endif
