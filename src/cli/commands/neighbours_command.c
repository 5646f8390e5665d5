/* verger neighbours. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "base/error.h"
#include "base/usable_cpus.h"
#include "cli/commands/job_frame.h"
#include "cli/parsing/shared_options.h"
#include "explore/neighbours_job.h"

enum {
    OPTION_COUNT = 'k',
    OPTION_METRIC = 1024,
    OPTION_SPACE,
    OPTION_UPDATE,
    OPTION_RESUME,
    OPTION_CHECKPOINT,
    OPTION_SHARE,
    OPTION_GATHER,
    OPTION_THREADS
};

enum { MOST_SECONDS = 86400, MOST_SHARES = 10000 };

#define METRIC_VALUES "cosine l2"
#define SPACE_VALUES "features pca"

static const vg_cli_option neighbours_options[] = {
    {OPTION_COUNT, "count", "K", NULL, "neighbours of each image (default: 10)"},
    {OPTION_METRIC, "metric", "NAME", METRIC_VALUES,
     "what is near: cosine, the angle between two rows, or l2, their distance (default: cosine)"},
    {OPTION_SPACE, "space", "NAME", SPACE_VALUES,
     "which rows: features, or pca, the components (default: features)"},
    {OPTION_UPDATE, "update", NULL, NULL,
     "take over what the newest table has of rows that have not changed; the table is that of a "
     "call without it"},
    {OPTION_RESUME, "resume", NULL, NULL,
     "go on with the last call that was broken off; start one where there is none"},
    {OPTION_CHECKPOINT, "checkpoint", "SECONDS", NULL,
     "keep what is found for --resume this often; 0 after every piece of work (default: 60)"},
    {OPTION_SHARE, "share", "I/N", NULL,
     "do share I of N alone, on one of several machines, for a --timestamp"},
    {OPTION_GATHER, "gather", "N", NULL, "put the N shares of a --timestamp together"},
    {OPTION_THREADS, "threads", "N", NULL, "threads (default: one a CPU)"},
    {VG_CLI_FORMAT, "format", "LIST", VG_CLI_FORMAT_VALUES,
     "formats of the table: parquet, csv or both, with a comma between (default: parquet,csv)"},
    VG_CLI_TIMESTAMP_OPTIONS,
    VG_CLI_STORE_OPTIONS,
    VG_CLI_REPORT_OPTIONS,
    {0}};

static bool take_share(vg_neighbours_job *job, const vg_cli_command *command, const char *value)
{
    unsigned share = 0, shares = 0;
    int end = 0;
    bool is_one = sscanf(value, "%5u/%5u%n", &share, &shares, &end) == 2 && value[end] == '\0';
    if (!is_one || share < 1 || share > shares || shares > MOST_SHARES) {
        vg_cli_usage_error(command, "--share takes I/N, such as 3/16, not '%s'", value);
        return false;
    }
    job->share = share - 1;
    job->shares = shares;
    return true;
}

static bool take_option(vg_neighbours_job *job, vg_cli_shared_options *shared,
                        const vg_cli_command *command, int key, const char *value)
{
    long number = 0;
    int choice = 0;
    switch (key) {
    case VG_CLI_POSITIONAL: return vg_cli_take_word(command, value, &job->target.output);
    case OPTION_COUNT:
        if (!vg_cli_integer(command, "--count", value, 1, INT_MAX, &number)) return false;
        job->k = (int)number;
        return true;
    case OPTION_UPDATE: job->update = true; return true;
    case OPTION_RESUME: job->resume = true; return true;
    case OPTION_SHARE: return take_share(job, command, value);
    case OPTION_GATHER:
        if (!vg_cli_integer(command, "--gather", value, 1, MOST_SHARES, &number)) return false;
        job->gather = (size_t)number;
        return true;
    case OPTION_CHECKPOINT:
        if (!vg_cli_integer(command, "--checkpoint", value, 0, MOST_SECONDS, &number)) return false;
        job->checkpoint = (double)number;
        return true;
    case OPTION_THREADS:
        if (!vg_cli_integer(command, "--threads", value, 1, VG_MOST_THREADS, &number)) return false;
        job->threads = (int)number;
        return true;
    case OPTION_METRIC:
        choice = vg_cli_choice(command, "--metric", value, METRIC_VALUES);
        job->metric = (vg_metric)choice;
        return choice >= 0;
    case OPTION_SPACE:
        choice = vg_cli_choice(command, "--space", value, SPACE_VALUES);
        job->space = (vg_space)choice;
        return choice >= 0;
    default: return vg_cli_shared_option(shared, command, key, value);
    }
}

static bool check_shares(const vg_neighbours_job *job, const vg_cli_command *command)
{
    const char *option = job->shares > 0 ? "--share" : "--gather";
    if (job->shares == 0 && job->gather == 0) return true;
    if (job->shares > 0 && job->gather > 0)
        vg_cli_usage_error(command, "--share and --gather are two calls");
    else if (job->resume || job->update)
        vg_cli_usage_error(command, "%s goes with neither --resume nor --update", option);
    else if (job->target.timestamp == NULL)
        vg_cli_usage_error(command, "%s needs the --timestamp that all shares have", option);
    else
        return true;
    return false;
}

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(vg_neighbours_job *job, vg_cli_shared_options *shared,
                 const vg_cli_command *command, int argc, char **argv)
{
    const char *value;
    vg_cli_parser parser;
    vg_neighbours_job_default(job);
    vg_cli_shared_options_default(shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_ERROR || key == VG_CLI_HELP) return key;
        if (!take_option(job, shared, command, key, value)) return VG_CLI_ERROR;
    }
    vg_cli_shared_target(shared, &job->target);
    if (!check_shares(job, command)) return VG_CLI_ERROR;
    if (job->target.output != NULL && job->target.output[0] != '\0') return VG_CLI_END;
    vg_cli_usage_error(command, "OUTPUT is missing");
    return VG_CLI_ERROR;
}

typedef struct session {
    vg_neighbours_job job;
    vg_neighbours_result result;
} session;

static vg_status work(void *context, vg_cli_surroundings *surroundings, vg_error *error)
{
    session *s = context;
    s->job.target.cancel = &vg_cli_interrupted;
    s->job.target.observer = surroundings->observer;
    vg_status status = vg_neighbours_job_run(&s->job, &s->result, error);
    if (status != VG_ECANCELLED) return status;
    return vg_fail(
        error, status,
        "interrupted: the neighbours under %s have no _SUCCESS: call again with --resume",
        VG_CLI_SHOWN(s->job.target.output));
}

static void print_summary(const void *context)
{
    const session *s = context;
    const vg_neighbours_result *result = &s->result;
    printf("rows      %" PRIu64 "\n", result->rows);
    if (result->was_updated)
        printf("update    %" PRIu64 " new, %" PRIu64 " changed, %" PRIu64 " vanished; %" PRIu64
               " others have lost a neighbour\n",
               result->added, result->changed, result->vanished, result->lost);
    printf("nearest   %d of each, by %s of %s\n", s->job.k, vg_metric_name(s->job.metric),
           vg_space_name(s->job.space));
    if (result->was_complete)
        printf("complete  since the table %s: nothing was left to do\n", result->timestamp);
    else
        printf("speed     %.1f s, %.1f s in all\n", result->match_seconds, result->seconds);
    if (s->job.shares > 0)
        printf("share     %zu of %zu, kept for --gather\n", s->job.share + 1, s->job.shares);
    else
        vg_cli_print_row("table", "%s", result->folder);
}

static void add_figures(const void *context, vg_cli_json *end)
{
    const vg_neighbours_result *result = &((const session *)context)->result;
    vg_cli_json_text(end, "timestamp", result->timestamp);
    vg_cli_json_count(end, "rows", result->rows);
    vg_cli_json_count(end, "kept", result->kept);
    vg_cli_json_count(end, "added", result->added);
    vg_cli_json_count(end, "changed", result->changed);
    vg_cli_json_count(end, "vanished", result->vanished);
    vg_cli_json_number(end, "seconds", result->seconds);
    vg_cli_json_text(end, "neighbours", result->folder);
}

static int run_neighbours(const vg_cli_command *command, int argc, char **argv)
{
    session s = {0};
    vg_cli_shared_options shared;
    int key = parse(&s.job, &shared, command, argc, argv);
    if (key != VG_CLI_END) return key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    return vg_cli_do(&(vg_cli_job){.command = command,
                                   .shared = &shared,
                                   .input = s.job.target.output,
                                   .output = s.job.target.output,
                                   .context = &s,
                                   .work = work,
                                   .print_summary = print_summary,
                                   .add_figures = add_figures});
}

const vg_cli_command vg_command_neighbours = {
    .name = "neighbours",
    .synopsis = "OUTPUT [options]",
    .summary = "Write the nearest images of every image",
    .description =
        "OUTPUT is the output of a run, and gets the table neighbours: path, label,\n"
        "neighbour_paths, neighbour_labels and distances, the nearest first. The newest\n"
        "complete features are taken. Always exact: every distance that counts is computed\n"
        "in float64, and of images that are as far the one whose path comes first is first.\n"
        "Components are centred before their angles are taken.\n"
        "\n"
        "Examples:\n"
        "  verger neighbours out\n"
        "  verger neighbours out -k 30 --metric l2 --space pca\n"
        "  verger neighbours out --update    # after verger run --update\n"
        "  verger neighbours out --resume    # after one that was broken off",
    .options = neighbours_options,
    .run = run_neighbours,
};
