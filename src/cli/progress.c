#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/progress_text.h"

enum { USUAL_COLUMNS = 80, LARGEST_LINE = 512 };

struct vg_cli_progress {
    vg_cli_style style;
    vg_log_level log_level;
    bool colour;
    double opened, shown; /* vg_seconds() of the start and of the last report */
    vg_progress last;
    bool began, last_is_shown;
    vg_cli_rate rate;
    char line[LARGEST_LINE]; /* the live line that is on the screen */
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
    opened->opened = vg_seconds();
    *progress = opened;
    return VG_OK;
}

/* --- The live line: drawn over with '\r' and spaces, which every terminal knows. */

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return USUAL_COLUMNS;
}

/* Not while the shell has put us in the background. */
static bool may_draw(void)
{
    pid_t foreground = tcgetpgrp(STDERR_FILENO);
    return foreground < 0 || foreground == getpgrp();
}

static void draw(vg_cli_progress *progress, const char *line)
{
    char output[2 * LARGEST_LINE + 2];
    int old_length = (int)strlen(progress->line), length = (int)strlen(line);
    int padding = old_length > length ? old_length - length : 0;
    snprintf(output, sizeof output, "\r%s%*s", line, padding, "");
    /* An empty line leaves the cursor where the next message begins. */
    if (length == 0) strcat(output, "\r");
    if (old_length > 0 || length > 0) fputs(output, stderr);
    snprintf(progress->line, sizeof progress->line, "%s", line);
}

static void draw_bar(vg_cli_progress *progress, double rate)
{
    char line[LARGEST_LINE];
    if (!may_draw()) return;
    /* The last column stays free: some terminals wrap as soon as it is filled. */
    vg_cli_bar_text(line, sizeof line, terminal_columns() - 1, &progress->last, rate);
    draw(progress, line);
}

/* --- Events and lines */

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
    char text[LARGEST_LINE];
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
    char text[LARGEST_LINE];
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
        /* Lines wait for something to say; a bar and a program want to know now. */
        progress->shown = vg_seconds();
        if (progress->style != VG_CLI_STYLE_LINES) progress->shown -= interval(progress->style);
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

/* Names of files may hold anything, terminal commands included: control
 * characters (C0, DEL, and C1 in UTF-8) are shown as \xNN. */
static void write_printable(char *text, size_t capacity, const char *message)
{
    size_t used = 0;
    const unsigned char *at = (const unsigned char *)message;
    for (; *at != '\0' && used + 5 < capacity; at++) {
        bool after_c2 = at != (const unsigned char *)message && at[-1] == 0xc2;
        bool control = *at < 0x20 || *at == 0x7f || (after_c2 && *at >= 0x80 && *at < 0xa0);
        if (control)
            used += (size_t)snprintf(text + used, capacity - used, "\\x%02x", *at);
        else
            text[used++] = (char)*at;
    }
    text[used] = '\0';
}

static void print_message(vg_cli_progress *progress, vg_log_level level, const char *message)
{
    const char *on = "", *off = "", *name = "";
    char text[4096], line[LARGEST_LINE];
    write_printable(text, sizeof text, message);
    if (level != VG_LOG_INFO) name = level_name(level);
    if (progress->colour && level <= VG_LOG_WARNING) {
        on = level == VG_LOG_ERROR ? "\033[31m" : "\033[33m";
        off = "\033[0m";
    }
    memcpy(line, progress->line, sizeof line);
    draw(progress, "");
    fprintf(stderr, "verger: %s%s%s%s%s\n", on, name, name[0] != '\0' ? ": " : "", off, text);
    if (line[0] != '\0') draw(progress, line);
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

vg_status vg_cli_progress_download(void *context, uint64_t done, uint64_t total)
{
    vg_cli_progress *progress = context;
    if (atomic_load(&vg_cli_interrupted)) return VG_ECANCELLED;
    if (vg_seconds() - progress->shown < interval(progress->style)) return VG_OK;
    progress->shown = vg_seconds();

    char text[80], line[80];
    const double mebibyte = 1024 * 1024;
    int length = snprintf(text, sizeof text, "fetch  %.1f", (double)done / mebibyte);
    if (total > 0)
        snprintf(text + length, sizeof text - (size_t)length, " of %.1f MiB",
                 (double)total / mebibyte);
    else
        snprintf(text + length, sizeof text - (size_t)length, " MiB");
    switch (progress->style) {
    case VG_CLI_STYLE_BAR:
        snprintf(line, sizeof line, "%.*s", (int)terminal_columns() - 1, text);
        if (may_draw()) draw(progress, line);
        break;
    case VG_CLI_STYLE_LINES: fprintf(stderr, "verger: %s\n", text); break;
    case VG_CLI_STYLE_JSON: {
        vg_cli_json json;
        vg_cli_json_begin(&json, "download");
        vg_cli_json_count(&json, "done", done);
        vg_cli_json_count(&json, "total", total);
        vg_cli_json_send(&json);
        break;
    }
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

void vg_cli_progress_close(vg_cli_progress **progress)
{
    if (*progress == NULL) return;
    const vg_progress *last = &(*progress)->last;
    if (last->done >= last->total) show_end(*progress);
    draw(*progress, "");
    free(*progress);
    *progress = NULL;
}
