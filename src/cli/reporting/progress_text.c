#include "cli/reporting/progress_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SMALLEST_BAR = 10, LARGEST_BAR = 40 };

/* Thirty-two samples at this distance make a window of eight seconds. */
static const double seconds_between_samples = 0.25;

const char *vg_cli_phase_name(vg_phase phase)
{
    switch (phase) {
    case VG_PHASE_LIST: return "list";
    case VG_PHASE_EXTRACT: return "extract";
    case VG_PHASE_FIT: return "fit";
    case VG_PHASE_PROJECT: return "project";
    case VG_PHASE_READ: return "read";
    case VG_PHASE_MATCH: return "match";
    case VG_PHASE_COMMIT: return "commit";
    case VG_PHASE_LAYOUT: return "layout";
    case VG_PHASE_DRAW: return "draw";
    }
    return "work";
}

/* What is counted; NULL where the phase is one step. */
static const char *unit(vg_phase phase)
{
    switch (phase) {
    case VG_PHASE_LIST:
    case VG_PHASE_EXTRACT:
    case VG_PHASE_DRAW: return "images";
    case VG_PHASE_PROJECT:
    case VG_PHASE_READ:
    case VG_PHASE_LAYOUT:
    case VG_PHASE_MATCH: return "rows";
    default: return NULL;
    }
}

static size_t newest(const vg_cli_rate *rate)
{
    return (rate->next + VG_CLI_RATE_SAMPLES - 1) % VG_CLI_RATE_SAMPLES;
}

void vg_cli_rate_add(vg_cli_rate *rate, const vg_progress *progress)
{
    if (rate->count > 0 &&
        progress->seconds - rate->samples[newest(rate)].seconds < seconds_between_samples)
        return;
    rate->samples[rate->next].seconds = progress->seconds;
    rate->samples[rate->next].done = progress->done;
    rate->next = (rate->next + 1) % VG_CLI_RATE_SAMPLES;
    if (rate->count < VG_CLI_RATE_SAMPLES) rate->count++;
}

double vg_cli_rate_now(const vg_cli_rate *rate, const vg_progress *progress)
{
    double since = 0;
    uint64_t done = 0;
    if (unit(progress->phase) == NULL) return 0;
    if (rate->count == VG_CLI_RATE_SAMPLES) {
        since = rate->samples[rate->next].seconds;
        done = rate->samples[rate->next].done;
    }
    double seconds = progress->seconds - since;
    if (seconds <= 0 || progress->done <= done) return 0;
    return (double)(progress->done - done) / seconds;
}

double vg_cli_seconds_left(const vg_progress *progress, double rate)
{
    if (progress->total == 0 || progress->done > progress->total || rate <= 0) return -1;
    return (double)(progress->total - progress->done) / rate;
}

static unsigned percent(const vg_progress *progress)
{
    if (progress->done >= progress->total) return 100;
    return (unsigned)((double)progress->done * 100.0 / (double)progress->total);
}

static void write_duration(char *text, size_t capacity, double seconds)
{
    /* A day is 86,400 s: beyond a year the digits mean nothing. */
    unsigned long whole = seconds < 3e7 ? (unsigned long)(seconds + 0.5) : 30000000UL;
    if (whole >= 3600)
        snprintf(text, capacity, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, capacity, "%lu:%02lu", whole / 60, whole % 60);
}

/* Adds a segment whole or not at all. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t capacity,
                                                         const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    int written = vsnprintf(text + used, capacity - used, format, args);
    va_end(args);
    if (written < 0 || (size_t)written >= capacity - used) text[used] = '\0';
}

/* All but the bar, what matters most first. */
static void append_figures(char *text, size_t capacity, const vg_progress *progress, double rate,
                           const char *joint)
{
    char duration[32];
    double left = vg_cli_seconds_left(progress, rate);
    if (progress->failed > 0)
        append(text, capacity, "%s%" PRIu64 " failed", joint, progress->failed);
    if (rate > 0) append(text, capacity, "%s%.1f %s/s", joint, rate, unit(progress->phase));
    if (left >= 0) {
        write_duration(duration, sizeof duration, left);
        append(text, capacity, "%s%s left", joint, duration);
    }
}

static void write_bar(char *bar, size_t columns, const vg_progress *progress)
{
    size_t inside = columns - 2, filled = inside;
    if (progress->done < progress->total)
        filled = (size_t)((double)inside * (double)progress->done / (double)progress->total);
    memset(bar, ' ', columns);
    bar[0] = '[';
    memset(bar + 1, '=', filled);
    if (filled > 0 && filled < inside) bar[filled] = '>';
    bar[columns - 1] = ']';
    bar[columns] = '\0';
}

void vg_cli_bar_text(char *text, size_t capacity, size_t columns, const vg_progress *progress,
                     double rate)
{
    char figures[256] = "", bar[LARGEST_BAR + 1];
    const char *name = vg_cli_phase_name(progress->phase);
    size_t room = columns < capacity ? columns + 1 : capacity;
    text[0] = '\0';
    if (room == 0) return;

    if (unit(progress->phase) == NULL) {
        write_duration(bar, sizeof bar, progress->seconds);
        append(text, room, "%s", name);
        append(text, room, "  %s", bar);
        return;
    }
    append(text, room, "%s", name);
    if (progress->total == 0) {
        append(text, room, "  %" PRIu64 " %s", progress->done, unit(progress->phase));
        return;
    }
    /* As wide as it will be in the end, so that nothing jumps. */
    int digits = snprintf(bar, sizeof bar, "%" PRIu64, progress->total);
    append(figures, sizeof figures, "  %3u%%  %*" PRIu64 "/%" PRIu64, percent(progress), digits,
           progress->done, progress->total);
    append_figures(figures, sizeof figures, progress, rate, "  ");

    size_t taken = strlen(name) + 2 + strlen(figures);
    if (columns >= taken + SMALLEST_BAR) {
        size_t width = columns - taken < LARGEST_BAR ? columns - taken : LARGEST_BAR;
        write_bar(bar, width, progress);
        append(text, room, "  %s%s", bar, figures);
        return;
    }
    append(text, room, "  %3u%%", percent(progress));
    append(text, room, "  %" PRIu64 "/%" PRIu64, progress->done, progress->total);
    append_figures(text, room, progress, rate, "  ");
}

void vg_cli_line_text(char *text, size_t capacity, const vg_progress *progress, double rate)
{
    text[0] = '\0';
    append(text, capacity, "%s", vg_cli_phase_name(progress->phase));
    if (unit(progress->phase) == NULL) return;
    append(text, capacity, ": %" PRIu64, progress->done);
    if (progress->total > 0) append(text, capacity, " of %" PRIu64, progress->total);
    append(text, capacity, " %s", unit(progress->phase));
    if (progress->total > 0) append(text, capacity, ", %u %%", percent(progress));
    append_figures(text, capacity, progress, rate, ", ");
}

void vg_cli_end_text(char *text, size_t capacity, const vg_progress *progress)
{
    text[0] = '\0';
    append(text, capacity, "%s: ", vg_cli_phase_name(progress->phase));
    if (unit(progress->phase) == NULL) {
        append(text, capacity, "%.1f s", progress->seconds);
        return;
    }
    append(text, capacity, "%" PRIu64 " %s in %.1f s", progress->done, unit(progress->phase),
           progress->seconds);
    if (progress->seconds > 0 && progress->phase != VG_PHASE_LIST)
        append(text, capacity, ", %.1f %s/s", (double)progress->done / progress->seconds,
               unit(progress->phase));
    if (progress->failed > 0) append(text, capacity, ", %" PRIu64 " failed", progress->failed);
}

void vg_cli_download_text(char *text, size_t capacity, size_t columns, uint64_t done,
                          uint64_t total)
{
    const double mebibyte = 1024 * 1024;
    size_t room = columns < capacity ? columns + 1 : capacity;
    text[0] = '\0';
    if (total > 0)
        append(text, room, "fetch  %.1f of %.1f MiB", (double)done / mebibyte,
               (double)total / mebibyte);
    else
        append(text, room, "fetch  %.1f MiB", (double)done / mebibyte);
}
