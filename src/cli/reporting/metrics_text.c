#include "cli/reporting/metrics_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/reporting/progress_text.h"
#include "io/io.h"

#define LAST_SUCCESS "verger_last_success_time_seconds"

/* Where families go, and the label that all of their samples have. */
typedef struct exposition {
    FILE *stream;
    const char *run, *family;
} exposition;

static void begin_family(exposition *text, const char *name, const char *type, const char *help)
{
    text->family = name;
    fprintf(text->stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Readers drop a whole file for one byte that is not UTF-8. */
static void write_label(exposition *text, const char *name, const char *value)
{
    fprintf(text->stream, "%s=\"", name);
    for (size_t left = strlen(value); left > 0;) {
        size_t length = vg_utf8_length(value, left);
        if (*value == '\n')
            fputs("\\n", text->stream);
        else if (*value == '"' || *value == '\\')
            fprintf(text->stream, "\\%c", *value);
        else if (length == 0)
            fprintf(text->stream, "\\\\x%02x", (unsigned char)*value);
        else
            fwrite(value, 1, length, text->stream);
        length = length == 0 ? 1 : length;
        value += length;
        left -= length;
    }
    fputc('"', text->stream);
}

static void begin_sample(exposition *text)
{
    fprintf(text->stream, "%s{", text->family);
    write_label(text, "run", text->run);
}

static void add_label(exposition *text, const char *name, const char *value)
{
    fputc(',', text->stream);
    write_label(text, name, value);
}

static void end_sample(exposition *text, double value)
{
    char number[VG_NUMBER_CHARS];
    vg_format_float64(number, value);
    fprintf(text->stream, "} %s\n", number);
}

static void write_sample(exposition *text, const char *label, const char *label_value, double value)
{
    begin_sample(text);
    add_label(text, label, label_value);
    end_sample(text, value);
}

/* A family of one sample. */
static void write_single(exposition *text, const char *name, const char *type, const char *help,
                         double value)
{
    begin_family(text, name, type, help);
    begin_sample(text);
    end_sample(text, value);
}

/* --- Families ------------------------------------------------------------------ */

static void write_command(exposition *text, const vg_cli_figures *figures)
{
    begin_family(text, "verger_info", "gauge", "What runs; the value is always 1.");
    begin_sample(text);
    add_label(text, "command", figures->command);
    add_label(text, "version", vg_version());
    add_label(text, "kernels", figures->kernels);
    end_sample(text, 1);
    write_single(text, "verger_run_start_time_seconds", "gauge",
                 "When the command began, in seconds since 1970.", figures->start_time);
    if (figures->end_time > 0) {
        write_single(text, "verger_run_end_time_seconds", "gauge",
                     "When the command ended, in seconds since 1970; absent while it works.",
                     figures->end_time);
        write_single(text, "verger_exit_code", "gauge",
                     "Exit code of the command; absent while it works.", figures->exit_code);
    }
    if (figures->last_success_time > 0)
        write_single(text, LAST_SUCCESS, "gauge",
                     "When a command that writes this file last ended with exit code 0, in "
                     "seconds since 1970; kept from run to run.",
                     figures->last_success_time);
}

static void write_phases(exposition *text, const vg_cli_figures *figures)
{
    begin_family(text, "verger_phase", "gauge", "1 for the phase in hand, 0 for the others.");
    for (int i = 0; i < VG_CLI_PHASE_COUNT; i++)
        write_sample(text, "phase", vg_cli_phase_name((vg_phase)i), i == figures->phase);
    begin_family(text, "verger_phase_seconds", "gauge", "Seconds that each phase has taken.");
    for (int i = 0; i < VG_CLI_PHASE_COUNT; i++)
        write_sample(text, "phase", vg_cli_phase_name((vg_phase)i), figures->phases[i].seconds);
}

static void write_images(exposition *text, const vg_cli_figures *figures)
{
    const vg_progress *list = &figures->phases[VG_PHASE_LIST];
    const vg_progress *extract = &figures->phases[VG_PHASE_EXTRACT];
    write_single(text, "verger_images_selected", "gauge",
                 "Images selected; while they are listed, those found so far.",
                 (double)(extract->total > 0 ? extract->total : list->done));
    begin_family(text, "verger_images_total", "counter", "Images that are done, by outcome.");
    write_sample(text, "outcome", "extracted", (double)(extract->done - extract->failed));
    write_sample(text, "outcome", "failed", (double)extract->failed);
    write_single(text, "verger_images_kept", "gauge",
                 "Of the images extracted, those whose features were there already; known at the "
                 "end.",
                 (double)figures->kept);
    write_single(text, "verger_rows_projected_total", "counter",
                 "Rows of features turned into rows of components.",
                 (double)figures->phases[VG_PHASE_PROJECT].done);
}

static void write_steps(exposition *text, const vg_cli_figures *figures)
{
    if (figures->steps.network <= 0) return;
    begin_family(text, "verger_step_seconds_total", "counter",
                 "Seconds of all worker threads together by step; absent until the end.");
    write_sample(text, "step", "decode", figures->steps.decode);
    write_sample(text, "step", "resize", figures->steps.resize);
    write_sample(text, "step", "network", figures->steps.network);
}

static void write_quantile(exposition *text, const char *quantile, double seconds)
{
    write_sample(text, "quantile", quantile, seconds);
}

/* A summary's sum and count have its name and an ending. */
static void write_ending(exposition *text, const char *ending, double value)
{
    fprintf(text->stream, "%s%s{", text->family, ending);
    write_label(text, "run", text->run);
    end_sample(text, value);
}

static void write_answers(exposition *text, const vg_cli_answer_figures *answers)
{
    begin_family(text, "verger_answers_total", "counter",
                 "Images that are done with, by outcome; those dropped were not looked at.");
    write_sample(text, "outcome", "known", (double)answers->known);
    write_sample(text, "outcome", "unknown", (double)answers->unknown);
    write_sample(text, "outcome", "failed", (double)answers->failed);
    write_sample(text, "outcome", "dropped", (double)answers->dropped);
    begin_family(text, "verger_answer_seconds", "summary",
                 "From an image that is there to its label, since the start.");
    write_quantile(text, "0.5", answers->p50);
    write_quantile(text, "0.9", answers->p90);
    write_quantile(text, "0.99", answers->p99);
    write_ending(text, "_sum", answers->seconds);
    write_ending(text, "_count", (double)(answers->known + answers->unknown));
}

/* Not the usual process_*: node_exporter, which reads this file, has those itself, and
 * a name that comes twice spoils all that it exports. */
static void write_process(exposition *text, const vg_cli_process *process)
{
    write_single(text, "verger_cpu_seconds_total", "counter",
                 "Seconds of CPU of the process, user and system.", process->cpu_seconds);
    write_single(text, "verger_resident_memory_bytes", "gauge", "Memory of the process.",
                 (double)process->resident_bytes);
    write_single(text, "verger_resident_memory_peak_bytes", "gauge",
                 "The most memory that the process had.", (double)process->peak_resident_bytes);
    write_single(text, "verger_open_files", "gauge", "File descriptors of the process.",
                 (double)process->open_files);
}

void vg_cli_metrics_write(FILE *stream, const vg_cli_figures *figures)
{
    exposition text = {.stream = stream, .run = figures->run};
    write_command(&text, figures);
    if (figures->has_answers) {
        write_answers(&text, &figures->answers);
    } else {
        write_phases(&text, figures);
        write_images(&text, figures);
        write_steps(&text, figures);
    }
    write_process(&text, &figures->process);
}

double vg_cli_metrics_last_success(const char *line)
{
    const char *value = strrchr(line, ' ');
    if (strncmp(line, LAST_SUCCESS "{", strlen(LAST_SUCCESS "{")) != 0 || value == NULL) return 0;
    return strtod(value, NULL);
}
