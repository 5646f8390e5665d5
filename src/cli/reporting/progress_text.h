/* A vg_progress as text. */
#ifndef VG_CLI_REPORTING_PROGRESS_TEXT_H
#define VG_CLI_REPORTING_PROGRESS_TEXT_H

#include <stddef.h>

#include "run/job.h"

/* What was done of late: the rate that people see and that the time left is
 * reckoned from. Starts as {0}, and again with each phase. */
enum { VG_CLI_RATE_SAMPLES = 32 };

typedef struct vg_cli_rate {
    struct {
        double seconds;
        uint64_t done;
    } samples[VG_CLI_RATE_SAMPLES]; /* a ring */
    size_t count, next;
} vg_cli_rate;

void vg_cli_rate_add(vg_cli_rate *rate, const vg_progress *progress);
/* Items a second; 0 where it is not known yet. */
double vg_cli_rate_now(const vg_cli_rate *rate, const vg_progress *progress);

const char *vg_cli_phase_name(vg_phase phase);

/* Seconds left, or a negative number where nobody can know. */
double vg_cli_seconds_left(const vg_progress *progress, double rate);

/* A line of at most `columns` characters and of at most `capacity` bytes, '\0'
 * included: a bar where there is room, then what matters most first. */
void vg_cli_bar_text(char *text, size_t capacity, size_t columns, const vg_progress *progress,
                     double rate);
/* "extract: 3412 of 6404 images, 53 %, ..." */
void vg_cli_line_text(char *text, size_t capacity, const vg_progress *progress, double rate);
/* The last line of a phase: "extract: 6404 images in 29.8 s, ..." */
void vg_cli_end_text(char *text, size_t capacity, const vg_progress *progress);
/* "fetch  3.2 of 9.4 MiB" */
void vg_cli_download_text(char *text, size_t capacity, size_t columns, uint64_t done,
                          uint64_t total);

#endif
