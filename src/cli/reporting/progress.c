#include "cli/reporting/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "cli/cli.h"
#include "cli/reporting/json_events.h"
#include "cli/reporting/live_line.h"
#include "cli/reporting/progress_text.h"

struct vg_cli_progress {
    vg_cli_style style;
    vg_log_level log_level;
    bool colour;
    double shown; /* vg_seconds() of the last report */
    vg_progress last;
    bool began, last_is_shown;
    vg_cli_rate rate;
    vg_cli_live_line line;
};

/* Seconds between two reports of one phase. */
static double interval(vg_cli_style style)
{
    switch (style) {
    case VG_CLI_STYLE_BAR: return 0.1;
    case VG_CLI_STYLE_JSON: return 0.5;
    default: return 10;
    }
}

/* Lines wait for something to say; a bar and a program want to know now. */
static double first_shown(vg_cli_style style)
{
    return vg_seconds() - (style == VG_CLI_STYLE_LINES ? 0 : interval(style));
}

static bool is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
}

/* https://no-color.org: any value but an empty one. */
static bool wants_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");
    return is_terminal() && (no_colour == NULL || no_colour[0] == '\0');
}

vg_status vg_cli_progress_open(vg_cli_progress **progress, vg_cli_style style,
                               vg_log_level log_level, vg_error *error)
{
    *progress = NULL;
    vg_cli_progress *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    if (style == VG_CLI_STYLE_AUTO) style = is_terminal() ? VG_CLI_STYLE_BAR : VG_CLI_STYLE_LINES;
    opened->style = style;
    opened->log_level = log_level;
    opened->colour = style != VG_CLI_STYLE_JSON && wants_colour();
    opened->shown = first_shown(style);
    *progress = opened;
    return VG_OK;
}

/* --- Reports */

static void draw_bar(vg_cli_progress *progress, double rate)
{
    char text[VG_CLI_LINE_CHARS];
    vg_cli_bar_text(text, sizeof text, vg_cli_live_line_columns(), &progress->last, rate);
    vg_cli_live_line_draw(&progress->line, text);
}

static void send_progress_event(const vg_cli_progress *progress, double rate)
{
    const vg_progress *last = &progress->last;
    double left = vg_cli_seconds_left(last, rate);
    vg_cli_json json;
    vg_cli_json_begin(&json, "progress");
    vg_cli_json_text(&json, "phase", vg_cli_phase_name(last->phase));
    vg_cli_json_count(&json, "done", last->done);
    if (last->total > 0)
        vg_cli_json_count(&json, "total", last->total);
    else
        vg_cli_json_text(&json, "total", NULL);
    vg_cli_json_count(&json, "failed", last->failed);
    vg_cli_json_number(&json, "seconds", last->seconds);
    vg_cli_json_number(&json, "per_second", rate);
    if (left >= 0)
        vg_cli_json_number(&json, "seconds_left", left);
    else
        vg_cli_json_text(&json, "seconds_left", NULL);
    vg_cli_json_send(&json);
}

static void print_line(const vg_cli_progress *progress, double rate)
{
    char text[VG_CLI_LINE_CHARS];
    vg_cli_line_text(text, sizeof text, &progress->last, rate);
    fprintf(stderr, "verger: %s\n", text);
}

static void show(vg_cli_progress *progress)
{
    double rate = vg_cli_rate_now(&progress->rate, &progress->last);
    switch (progress->style) {
    case VG_CLI_STYLE_BAR: draw_bar(progress, rate); break;
    case VG_CLI_STYLE_JSON: send_progress_event(progress, rate); break;
    case VG_CLI_STYLE_LINES: print_line(progress, rate); break;
    default: break;
    }
    progress->shown = vg_seconds();
    progress->last_is_shown = true;
}

/* A phase ended: says how, once. */
static void show_end(vg_cli_progress *progress)
{
    char text[VG_CLI_LINE_CHARS];
    if (!progress->began) return;
    progress->began = false;
    if (progress->style == VG_CLI_STYLE_LINES) {
        vg_cli_end_text(text, sizeof text, &progress->last);
        fprintf(stderr, "verger: %s\n", text);
    } else if (progress->style == VG_CLI_STYLE_JSON && !progress->last_is_shown) {
        show(progress);
    }
}

static void on_progress(void *context, const vg_progress *report)
{
    vg_cli_progress *progress = context;
    bool same_phase = progress->began && progress->last.phase == report->phase;
    if (!same_phase) {
        show_end(progress);
        progress->rate = (vg_cli_rate){0};
        progress->shown = first_shown(progress->style);
    }
    progress->began = true;
    progress->last = *report;
    progress->last_is_shown = false;
    vg_cli_rate_add(&progress->rate, report);
    if (vg_seconds() - progress->shown >= interval(progress->style)) show(progress);
}

/* --- Messages */

static const char *level_name(vg_log_level level)
{
    switch (level) {
    case VG_LOG_ERROR: return "error";
    case VG_LOG_WARNING: return "warning";
    case VG_LOG_INFO: return "info";
    case VG_LOG_DEBUG: return "debug";
    }
    return "info";
}

static void print_message(vg_cli_progress *progress, vg_log_level level, const char *message)
{
    const char *on = "", *off = "", *name = "";
    char text[4096];
    vg_escape(text, sizeof text, message, strlen(message), vg_printable_length);
    if (level != VG_LOG_INFO) name = level_name(level);
    if (progress->colour && level <= VG_LOG_WARNING) {
        on = level == VG_LOG_ERROR ? "\033[31m" : "\033[33m";
        off = "\033[0m";
    }
    vg_cli_live_line line = progress->line;
    vg_cli_live_line_draw(&progress->line, "");
    fprintf(stderr, "verger: %s%s%s%s%s\n", on, name, name[0] != '\0' ? ": " : "", off, text);
    vg_cli_live_line_draw(&progress->line, line.text);
}

static void on_log(void *context, vg_log_level level, const char *message)
{
    vg_cli_progress *progress = context;
    if (level > progress->log_level) return;
    if (progress->style != VG_CLI_STYLE_JSON) {
        print_message(progress, level, message);
        return;
    }
    vg_cli_json json;
    vg_cli_json_begin(&json, "log");
    vg_cli_json_text(&json, "level", level_name(level));
    vg_cli_json_text(&json, "message", message);
    vg_cli_json_send(&json);
}

void vg_cli_log(vg_cli_progress *progress, vg_log_level level, const char *format, ...)
{
    char message[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    on_log(progress, level, message);
}

static void send_download_event(uint64_t done, uint64_t total)
{
    vg_cli_json json;
    vg_cli_json_begin(&json, "download");
    vg_cli_json_count(&json, "done", done);
    if (total > 0)
        vg_cli_json_count(&json, "total", total);
    else
        vg_cli_json_text(&json, "total", NULL);
    vg_cli_json_send(&json);
}

vg_status vg_cli_progress_download(void *context, uint64_t done, uint64_t total)
{
    vg_cli_progress *progress = context;
    if (atomic_load(&vg_cli_interrupted)) return VG_ECANCELLED;
    if (vg_seconds() - progress->shown < interval(progress->style)) return VG_OK;
    progress->shown = vg_seconds();

    char text[VG_CLI_LINE_CHARS];
    vg_cli_download_text(text, sizeof text, vg_cli_live_line_columns(), done, total);
    switch (progress->style) {
    case VG_CLI_STYLE_BAR: vg_cli_live_line_draw(&progress->line, text); break;
    case VG_CLI_STYLE_LINES: fprintf(stderr, "verger: %s\n", text); break;
    case VG_CLI_STYLE_JSON: send_download_event(done, total); break;
    default: break;
    }
    return VG_OK;
}

vg_observer vg_cli_progress_observer(vg_cli_progress *progress)
{
    return (vg_observer){.context = progress, .progress = on_progress, .log = on_log};
}

bool vg_cli_progress_is_json(const vg_cli_progress *progress)
{
    return progress->style == VG_CLI_STYLE_JSON;
}

void vg_cli_progress_finish(vg_cli_progress *progress)
{
    if (progress->last.done >= progress->last.total) show_end(progress);
    progress->began = false;
    vg_cli_live_line_draw(&progress->line, "");
}

void vg_cli_progress_close(vg_cli_progress **progress)
{
    if (*progress == NULL) return;
    vg_cli_progress_finish(*progress);
    free(*progress);
    *progress = NULL;
}
