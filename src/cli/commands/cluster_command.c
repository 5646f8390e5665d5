/* verger cluster. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/usable_cpus.h"
#include "cli/commands/job_frame.h"
#include "cli/parsing/join_arguments.h"
#include "explore/cluster_job.h"

enum { OPTION_CLUSTERS = 'k', OPTION_SPACE = 1024, OPTION_SEED, OPTION_RESTARTS, OPTION_THREADS };

#define SPACE_VALUES "features pca"

static const vg_cli_option cluster_options[] = {
    {OPTION_CLUSTERS, "clusters", "K", NULL,
     "clusters, or auto, the number whose silhouette is largest of some from 2 to 512 (default: "
     "auto)"},
    {OPTION_SPACE, "space", "NAME", SPACE_VALUES,
     "which rows: features, or pca, the components (default: features)"},
    {OPTION_SEED, "seed", "S", NULL, "draw other centres to begin with (default: 0)"},
    {OPTION_RESTARTS, "restarts", "N", NULL,
     "begin N times and keep the clusters that are the tightest (default: 10)"},
    VG_CLI_JOIN_OPTIONS,
    {OPTION_THREADS, "threads", "N", NULL, "threads (default: one a CPU)"},
    {VG_CLI_FORMAT, "format", "LIST", VG_CLI_FORMAT_VALUES,
     "formats of the table: parquet, csv or both, with a comma between (default: parquet,csv)"},
    VG_CLI_TIMESTAMP_OPTIONS,
    VG_CLI_STORE_OPTIONS,
    VG_CLI_REPORT_OPTIONS,
    {0}};

typedef struct session {
    vg_cluster_job job;
    vg_cluster_result result;
    vg_cli_shared_options shared;
    vg_cli_join join;
} session;

static bool take_option(session *s, const vg_cli_command *command, int key, const char *value)
{
    vg_cluster_job *job = &s->job;
    long number = 0;
    int choice;
    if (vg_cli_is_join_option(key)) return vg_cli_join_option(&s->join, command, key, value);
    switch (key) {
    case VG_CLI_POSITIONAL: return vg_cli_take_word(command, value, &job->target.output);
    case OPTION_CLUSTERS:
        if (strcmp(value, "auto") == 0) return true;
        if (!vg_cli_integer(command, "--clusters", value, 1, VG_MOST_CLASSES, &number))
            return false;
        job->k = (int)number;
        return true;
    case OPTION_SPACE:
        choice = vg_cli_choice(command, "--space", value, SPACE_VALUES);
        job->space = (vg_space)choice;
        return choice >= 0;
    case OPTION_SEED:
        if (!vg_cli_integer(command, "--seed", value, 0, LONG_MAX, &number)) return false;
        job->seed = (uint64_t)number;
        return true;
    case OPTION_RESTARTS:
        if (!vg_cli_integer(command, "--restarts", value, 1, 1000, &number)) return false;
        job->restarts = (int)number;
        return true;
    case OPTION_THREADS:
        if (!vg_cli_integer(command, "--threads", value, 1, VG_MOST_THREADS, &number)) return false;
        job->threads = (int)number;
        return true;
    default: return vg_cli_shared_option(&s->shared, command, key, value);
    }
}

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(session *s, const vg_cli_command *command, int argc, char **argv)
{
    const char *value;
    vg_cli_parser parser;
    vg_cluster_job_default(&s->job);
    vg_cli_shared_options_default(&s->shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_ERROR || key == VG_CLI_HELP) return key;
        if (!take_option(s, command, key, value)) return VG_CLI_ERROR;
    }
    vg_cli_shared_target(&s->shared, &s->job.target);
    const char *fault = NULL;
    if (s->job.target.output == NULL || s->job.target.output[0] == '\0')
        fault = "OUTPUT is missing";
    else if (s->join.weight != 0.0 && s->join.join.file == NULL)
        fault = "--join-weight is of the columns of --join";
    if (fault != NULL) vg_cli_usage_error(command, "%s", fault);
    if (fault != NULL || !vg_cli_join_finish(&s->join, command)) return VG_CLI_ERROR;
    s->job.join = s->join.join;
    if (s->join.weight != 0.0) s->job.join_weight = s->join.weight;
    return VG_CLI_END;
}

static vg_status work(void *context, vg_cli_surroundings *surroundings, vg_error *error)
{
    session *s = context;
    s->job.target.cancel = &vg_cli_interrupted;
    s->job.target.observer = surroundings->observer;
    vg_status status = vg_cluster_job_run(&s->job, &s->result, error);
    if (status != VG_ECANCELLED) return status;
    return vg_fail(error, status, "interrupted: the clusters under %s have no _SUCCESS",
                   VG_CLI_SHOWN(s->job.target.output));
}

static void print_agreement(const vg_cluster_result *result)
{
    const vg_agreement *agreement = &result->agreement;
    printf("labels    %d: purity %.4f, ARI %.4f, AMI %.4f\n", result->labels, agreement->purity,
           agreement->adjusted_rand, agreement->adjusted_information);
    printf("          homogeneity %.4f, completeness %.4f, V %.4f\n", agreement->homogeneity,
           agreement->completeness, agreement->v_measure);
}

static void print_summary(const void *context)
{
    const session *s = context;
    const vg_cluster_result *result = &s->result;
    printf("rows      %" PRIu64 " in %d clusters of %s\n", result->rows, result->k,
           vg_space_name(s->job.space));
    printf("inertia   %.6g, after %d steps\n", result->fit.inertia, result->fit.iterations);
    if (isfinite(result->silhouette))
        printf("tight     silhouette %.4f, of a sample\n", result->silhouette);
    if (result->labelled > 0) print_agreement(result);
    if (result->labelled < result->rows)
        printf("unlabelled %" PRIu64 " images, which are compared with no label\n",
               result->rows - result->labelled);
    printf("speed     %.1f s\n", result->seconds);
    vg_cli_print_row("table", "%s", result->folder);
}

static void add_figures(const void *context, vg_cli_json *end)
{
    const vg_cluster_result *result = &((const session *)context)->result;
    vg_cli_json_text(end, "timestamp", result->timestamp);
    vg_cli_json_count(end, "rows", result->rows);
    vg_cli_json_count(end, "clusters", (uint64_t)result->k);
    vg_cli_json_number(end, "inertia", result->fit.inertia);
    vg_cli_json_number(end, "silhouette", result->silhouette);
    if (result->labelled > 0) {
        vg_cli_json_number(end, "purity", result->agreement.purity);
        vg_cli_json_number(end, "adjusted_rand", result->agreement.adjusted_rand);
        vg_cli_json_number(end, "adjusted_information", result->agreement.adjusted_information);
        vg_cli_json_number(end, "v_measure", result->agreement.v_measure);
    }
    vg_cli_json_number(end, "seconds", result->seconds);
    vg_cli_json_text(end, "table", result->folder);
}

static int run_cluster(const vg_cli_command *command, int argc, char **argv)
{
    session s = {0};
    int key = parse(&s, command, argc, argv);
    int exit_code = key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    if (key == VG_CLI_END)
        exit_code = vg_cli_do(&(vg_cli_job){.command = command,
                                            .shared = &s.shared,
                                            .input = s.job.target.output,
                                            .output = s.job.target.output,
                                            .context = &s,
                                            .work = work,
                                            .print_summary = print_summary,
                                            .add_figures = add_figures});
    vg_cli_join_close(&s.join);
    return exit_code;
}

const vg_cli_command vg_command_cluster = {
    .name = "cluster",
    .synopsis = "OUTPUT [options]",
    .summary = "Part the images into clusters, without their labels",
    .description =
        "OUTPUT is the output of a run, and gets the table clusters: path, label, cluster\n"
        "and distance, to the cluster's centre. Clusters are found by k-means, the same on\n"
        "any number of threads, and compared with the labels.\n"
        "\n"
        "Examples:\n"
        "  verger cluster out\n"
        "  verger cluster out -k 114 --space pca",
    .options = cluster_options,
    .run = run_cluster,
};
