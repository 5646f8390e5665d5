/* The state of a command as Prometheus reads it (text format 0.0.4); docs/metrics.md
 * describes each metric. */
#ifndef VG_CLI_REPORTING_METRICS_TEXT_H
#define VG_CLI_REPORTING_METRICS_TEXT_H

#include <stdio.h>

#include "cli/reporting/process.h"
#include "run/job.h"

enum { VG_CLI_PHASE_COUNT = VG_PHASE_COMMIT + 1, VG_CLI_NO_PHASE = -1 };

/* Of a command that answers; seconds an answer. */
typedef struct vg_cli_answer_figures {
    uint64_t known, unknown, failed, dropped;
    double seconds; /* of the known and the unknown together */
    double p50, p90, p99;
} vg_cli_answer_figures;

/* Times are seconds since 1970; 0 where there is none. */
typedef struct vg_cli_figures {
    const char *run; /* a label of every sample, so that the files of a folder differ */
    const char *command, *kernels;
    double start_time, end_time, last_success_time;
    int exit_code;                          /* once there is an end_time */
    int phase;                              /* in hand, or VG_CLI_NO_PHASE */
    double reported;                        /* vg_seconds() of its last report */
    vg_progress phases[VG_CLI_PHASE_COUNT]; /* the last report of each */
    uint64_t kept;                          /* images; zero until the end, as steps */
    vg_extractor_times steps;               /* of all threads */
    bool has_answers;                       /* instead of phases and images */
    vg_cli_answer_figures answers;
    vg_cli_process process;
} vg_cli_figures;

/* Whether all could be written is for the caller to see in the stream. */
void vg_cli_metrics_write(FILE *stream, const vg_cli_figures *figures);

/* The line of a file written before that tells of the last success; 0 for others. */
double vg_cli_metrics_last_success(const char *line);

#endif
