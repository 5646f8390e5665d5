/* verger report. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands/job_frame.h"
#include "cli/parsing/join_arguments.h"
#include "cli/parsing/shared_options.h"
#include "report/report_job.h"

enum { OPTION_PAGE = 'o', OPTION_LAYOUT = 256, OPTION_THUMBNAILS, OPTION_TITLE, OPTION_EXPLORE };

#define LAYOUT_VALUES "umap pca"
#define THUMBNAIL_VALUES "32 48 none"

static const vg_cli_option report_options[] = {
    {OPTION_PAGE, "page", "FILE", "FILE", "where the page goes (default: report.html)"},
    {OPTION_TITLE, "title", "TEXT", NULL, "its title (default: the name of OUTPUT)"},
    {OPTION_LAYOUT, "layout", "KIND|FILE", LAYOUT_VALUES,
     "what the map begins with: umap, drawn from the table of neighbours where there is one, pca, "
     "the first two components, or a table with columns path, x and y (default: umap)"},
    {VG_CLI_JOIN, "join", "FILE", "FILE",
     "a table of images, CSV, TSV, JSON lines or Parquet, with columns to colour the map by"},
    {VG_CLI_COLUMNS, "columns", "NAMES", NULL, "the columns of --join, with commas between"},
    {VG_CLI_ON, "on", "KEY", VG_CLI_ON_VALUES, VG_CLI_ON_HELP},
    {OPTION_THUMBNAILS, "thumbnails", "SIZE", THUMBNAIL_VALUES,
     "pixels on a side of the small pictures, 32 or 48, or none (default: 32)"},
    {OPTION_EXPLORE, "explore", NULL, NULL,
     "write what the page shows into OUTPUT too, as the Parquet table explore, which other "
     "programs "
     "open"},
    VG_CLI_REQUIRE_REGION_OPTION,
    VG_CLI_REQUESTER_PAYS_OPTION,
    VG_CLI_FOLLOW_LINKS_OPTION,
    VG_CLI_REPORT_OPTIONS,
    {0}};

typedef struct session {
    vg_report_options options;
    vg_report_result result;
    vg_cli_join join;
} session;

static bool take_thumbnails(vg_report_options *options, const vg_cli_command *command,
                            const char *text)
{
    static const int sizes[] = {32, 48, 0};
    int choice = vg_cli_choice(command, "--thumbnails", text, THUMBNAIL_VALUES);
    if (choice >= 0) options->thumbnail_size = sizes[choice];
    return choice >= 0;
}

/* A file that is called umap is ./umap. */
static bool take_layout(vg_report_options *options, const vg_cli_command *command, const char *text)
{
    options->layout = strcmp(text, "umap") == 0;
    options->layout_file = NULL;
    if (options->layout || strcmp(text, "pca") == 0) return true;
    options->layout_file = text;
    if (text[0] != '\0' && strpbrk(text, "./") != NULL) return true;
    return vg_cli_choice(command, "--layout", text, LAYOUT_VALUES) >= 0;
}

static bool take_page(vg_report_options *options, const vg_cli_command *command, const char *path)
{
    options->page = path;
    if (path[0] != '\0' && strcmp(path, "-") != 0) return true;
    vg_cli_usage_error(command, "--page takes the name of a file, not '%s'", path);
    return false;
}

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(session *s, vg_cli_shared_options *shared, const vg_cli_command *command, int argc,
                 char **argv)
{
    vg_report_options *options = &s->options;
    const char *value;
    vg_cli_parser parser;
    vg_report_options_default(options);
    vg_cli_shared_options_default(shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    options->page = "report.html";
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        bool taken;
        switch (key) {
        case VG_CLI_ERROR:
        case VG_CLI_HELP: return key;
        case VG_CLI_POSITIONAL: taken = vg_cli_take_word(command, value, &options->output); break;
        case OPTION_PAGE: taken = take_page(options, command, value); break;
        case OPTION_LAYOUT: taken = take_layout(options, command, value); break;
        case OPTION_THUMBNAILS: taken = take_thumbnails(options, command, value); break;
        case VG_CLI_ON:
        case VG_CLI_JOIN:
        case VG_CLI_COLUMNS: taken = vg_cli_join_option(&s->join, command, key, value); break;
        case OPTION_EXPLORE: taken = options->explore = true; break;
        case OPTION_TITLE:
            options->title = value;
            taken = true;
            break;
        default: taken = vg_cli_shared_option(shared, command, key, value);
        }
        if (!taken) return VG_CLI_ERROR;
    }
    options->store = shared->store;
    if (options->output == NULL || options->output[0] == '\0') {
        vg_cli_usage_error(command, "OUTPUT is missing");
        return VG_CLI_ERROR;
    }
    if (!vg_cli_join_finish(&s->join, command)) return VG_CLI_ERROR;
    options->join = s->join.join;
    return VG_CLI_END;
}

static vg_status work(void *context, vg_cli_surroundings *surroundings, vg_error *error)
{
    session *s = context;
    s->options.cancel = &vg_cli_interrupted;
    s->options.observer = surroundings->observer;
    vg_status status = vg_report_run(&s->options, &s->result, error);
    if (status != VG_ECANCELLED) return status;
    return vg_fail(error, status, "interrupted: no page was written");
}

static void print_summary(const void *context)
{
    const session *s = context;
    printf("images    %" PRIu64 " of %" PRIu64 " labels\n", s->result.images, s->result.labels);
    printf("speed     %.1f s in all\n", s->result.seconds);
    vg_cli_print_row("page", "%s, %.1f MB", s->options.page, (double)s->result.bytes / 1e6);
    if (s->options.explore) vg_cli_print_row("explore", "%s", s->result.explore);
}

static void add_figures(const void *context, vg_cli_json *end)
{
    const session *s = context;
    vg_cli_json_text(end, "timestamp", s->result.timestamp);
    vg_cli_json_count(end, "images", s->result.images);
    vg_cli_json_count(end, "labels", s->result.labels);
    vg_cli_json_count(end, "bytes", s->result.bytes);
    vg_cli_json_number(end, "seconds", s->result.seconds);
    vg_cli_json_text(end, "page", s->options.page);
}

static int run_report(const vg_cli_command *command, int argc, char **argv)
{
    session s = {0};
    vg_cli_shared_options shared;
    int key = parse(&s, &shared, command, argc, argv);
    int exit_code = key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    if (key == VG_CLI_END)
        exit_code = vg_cli_do(&(vg_cli_job){.command = command,
                                            .shared = &shared,
                                            .input = s.options.output,
                                            .output = s.options.page,
                                            .context = &s,
                                            .work = work,
                                            .print_summary = print_summary,
                                            .add_figures = add_figures});
    vg_cli_join_close(&s.join);
    return exit_code;
}

const vg_cli_command vg_command_report = {
    .name = "report",
    .synopsis = "OUTPUT [options]",
    .summary = "Draw the tables of a run as one page for a browser",
    .description =
        "OUTPUT is the output of a run, or of 'verger pca'. The page is one file that opens\n"
        "from disk, without a server and without a network: a map of the images by their\n"
        "components, their classes, the variances, errors by reason, and what ran. Its small\n"
        "pictures are drawn from the images, which have to be where they were.\n"
        "\n"
        "Example:\n"
        "  verger report out -o fruits.html",
    .options = report_options,
    .run = run_report,
};
