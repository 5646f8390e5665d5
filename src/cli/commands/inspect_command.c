/* verger inspect. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands/job_frame.h"
#include "cli/parsing/shared_options.h"
#include "explore/inspection_job.h"

/* The checks are OPTION_CHECK and what follows, by vg_check. */
enum {
    OPTION_NEAR = 1024,
    OPTION_WITHIN,
    OPTION_GROUP,
    OPTION_FAIL_ON,
    OPTION_DROP_LIST,
    OPTION_CHECK
};

static const vg_cli_option inspect_options[] = {
    {OPTION_CHECK + VG_CHECK_OUTLIERS, "outliers", NULL, NULL,
     "look for images unlike all others or their class, alone or beside what else is named, as the "
     "next five do (default: all that the tables allow)"},
    {OPTION_CHECK + VG_CHECK_LABELS, "labels", NULL, NULL, "for labels that neighbours contradict"},
    {OPTION_CHECK + VG_CHECK_DUPLICATES, "duplicates", NULL, NULL,
     "for copies and near-duplicates"},
    {OPTION_CHECK + VG_CHECK_LEAKS, "leaks", NULL, NULL,
     "for images of a test with a twin in the training split"},
    {OPTION_CHECK + VG_CHECK_QUALITY, "quality", NULL, NULL,
     "for dark, light, blurred and flat pictures, where the run had --quality"},
    {OPTION_CHECK + VG_CHECK_RESAVED, "resaved", NULL, NULL,
     "for pictures in several files: of another quality, size or format; as --quality"},
    {OPTION_NEAR, "near", "SHARE", NULL,
     "how near duplicates are: a share, 0 to 0.5, of the median distance of an image to its "
     "nearest (default: 0.13)"},
    {OPTION_WITHIN, "within", "LEVELS", NULL,
     "how far apart files of one picture are: 0 to 8 of 256 grey levels (default: 0.9)"},
    {OPTION_GROUP, "group", "EXPR", NULL,
     "images in whose paths this regular expression captures the same are of one object: they have "
     "no "
     "vote on one another's labels, and are no near-duplicates"},
    {OPTION_FAIL_ON, "fail-on", "LIST", NULL,
     "end with exit status 4 where more is found than this allows, such as labels:0,duplicates:1%"},
    {OPTION_DROP_LIST, "drop-list", "FILE", "FILE",
     "write the paths of the images that were found, of a group of duplicates all but the first"},
    {VG_CLI_FORMAT, "format", "LIST", VG_CLI_FORMAT_VALUES,
     "formats of the table: parquet, csv or both, with a comma between (default: parquet,csv)"},
    VG_CLI_TIMESTAMP_OPTIONS,
    VG_CLI_STORE_OPTIONS,
    VG_CLI_REPORT_OPTIONS,
    {0}};

/* What may be found before the command fails. */
typedef struct limit {
    bool is_set;
    long count;   /* of images, where share is negative */
    double share; /* of all images */
} limit;

typedef struct session {
    vg_inspection_job job;
    vg_inspection_result result;
    unsigned checks; /* those that were named */
    limit limits[VG_CHECK_COUNT];
} session;

static const char *const check_names[VG_CHECK_COUNT] = {"outliers", "labels",  "duplicates",
                                                        "leaks",    "quality", "resaved"};

/* --- Arguments --------------------------------------------------------------------- */

/* One "labels:0" of the list. */
static bool take_limit(session *s, const vg_cli_command *command, char *word)
{
    char *colon = strchr(word, ':');
    if (colon == NULL) {
        vg_cli_usage_error(command, "--fail-on takes CHECK:N or CHECK:P%%, not '%s'", word);
        return false;
    }
    *colon = '\0';
    int check = vg_cli_choice(command, "--fail-on", word, VG_CHECK_NAMES);
    if (check < 0) return false;
    limit *taken = &s->limits[check];
    taken->is_set = true;
    return vg_cli_amount(command, "--fail-on", colon + 1, &taken->count, &taken->share);
}

static bool take_limits(session *s, const vg_cli_command *command, const char *list)
{
    char *words = strdup(list), *rest = NULL;
    char *word = words != NULL ? strtok_r(words, ",", &rest) : NULL;
    bool is_fine = word != NULL;
    if (!is_fine)
        vg_cli_usage_error(command, "--fail-on takes CHECK:N or CHECK:P%%, not '%s'", list);
    for (; is_fine && word != NULL; word = strtok_r(NULL, ",", &rest))
        is_fine = take_limit(s, command, word);
    free(words);
    return is_fine;
}

static bool take_near(session *s, const vg_cli_command *command, const char *text)
{
    char *end;
    double near = strtod(text, &end);
    s->job.options.near = near;
    if (end != text && *end == '\0' && near >= 0.0 && near <= VG_FARTHEST_NEAR) return true;
    vg_cli_usage_error(command, "--near takes a share from 0 to %g, not '%s'", VG_FARTHEST_NEAR,
                       text);
    return false;
}

static bool take_within(session *s, const vg_cli_command *command, const char *text)
{
    char *end;
    double within = strtod(text, &end);
    s->job.options.within = within;
    if (end != text && *end == '\0' && within >= 0.0 && within <= VG_FARTHEST_RESAVED) return true;
    vg_cli_usage_error(command, "--within takes grey levels from 0 to %g, not '%s'",
                       VG_FARTHEST_RESAVED, text);
    return false;
}

static bool take_drop_list(session *s, const vg_cli_command *command, const char *path)
{
    s->job.drop_list = path;
    if (path[0] != '\0' && strcmp(path, "-") != 0) return true;
    vg_cli_usage_error(command, "--drop-list takes the name of a file, not '%s'", path);
    return false;
}

static bool take_option(session *s, vg_cli_shared_options *shared, const vg_cli_command *command,
                        int key, const char *value)
{
    switch (key) {
    case VG_CLI_POSITIONAL: return vg_cli_take_word(command, value, &s->job.target.output);
    case OPTION_NEAR: return take_near(s, command, value);
    case OPTION_WITHIN: return take_within(s, command, value);
    case OPTION_GROUP: s->job.options.group = value; return true;
    case OPTION_FAIL_ON: return take_limits(s, command, value);
    case OPTION_DROP_LIST: return take_drop_list(s, command, value);
    default:
        if (key < OPTION_CHECK) return vg_cli_shared_option(shared, command, key, value);
        s->checks |= 1u << (key - OPTION_CHECK);
        return true;
    }
}

/* A limit on what is not looked for would always hold. */
static bool check_limits(const session *s, const vg_cli_command *command)
{
    for (int check = 0; check < VG_CHECK_COUNT; check++) {
        if (!s->limits[check].is_set || (s->job.options.checks & 1u << check) != 0) continue;
        vg_cli_usage_error(command, "--fail-on %s: give --%s too, they are not looked for",
                           check_names[check], check_names[check]);
        return false;
    }
    return true;
}

/* What is asked for by name must not be left out in silence. */
static bool needs_quality(const session *s)
{
    return (s->checks & VG_MEASURED_CHECKS) != 0 || s->limits[VG_CHECK_QUALITY].is_set ||
           s->limits[VG_CHECK_RESAVED].is_set;
}

static int parse(session *s, vg_cli_shared_options *shared, const vg_cli_command *command, int argc,
                 char **argv)
{
    const char *value;
    vg_cli_parser parser;
    vg_inspection_job_default(&s->job);
    vg_cli_shared_options_default(shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_ERROR || key == VG_CLI_HELP) return key;
        if (!take_option(s, shared, command, key, value)) return VG_CLI_ERROR;
    }
    if (s->checks != 0) s->job.options.checks = s->checks;
    s->job.needs_quality = needs_quality(s);
    vg_cli_shared_target(shared, &s->job.target);
    if (s->job.target.output == NULL || s->job.target.output[0] == '\0') {
        vg_cli_usage_error(command, "OUTPUT is missing");
        return VG_CLI_ERROR;
    }
    return check_limits(s, command) ? VG_CLI_END : VG_CLI_ERROR;
}

/* --- Work -------------------------------------------------------------------------- */

/* Tells what is over its limit; whether anything is. */
static bool tell_excess(const session *s, const vg_observer *observer)
{
    bool is_over = false;
    for (int check = 0; check < VG_CHECK_COUNT; check++) {
        const limit *allowed = &s->limits[check];
        uint64_t found = s->result.found[check];
        if (!allowed->is_set) continue;
        double most = allowed->share >= 0.0 ? allowed->share * (double)s->result.rows
                                            : (double)allowed->count;
        if ((double)found <= most) continue;
        is_over = true;
        vg_notify_log(observer, VG_LOG_ERROR, "%s: %" PRIu64 " found, --fail-on allows %.0f",
                      check_names[check], found, floor(most));
    }
    return is_over;
}

static vg_status work(void *context, vg_cli_surroundings *surroundings, vg_error *error)
{
    session *s = context;
    s->job.target.cancel = &vg_cli_interrupted;
    s->job.target.observer = surroundings->observer;
    vg_status status = vg_inspection_job_run(&s->job, &s->result, error);
    if (status == VG_ECANCELLED)
        return vg_fail(error, status, "interrupted: the inspection under %s has no _SUCCESS",
                       VG_CLI_SHOWN(s->job.target.output));
    if (status == VG_OK && tell_excess(s, &surroundings->observer))
        surroundings->exit_code = VG_EXIT_FOUND;
    return status;
}

static void print_leaks(const vg_inspection_result *result, bool has_groups)
{
    if (result->training[0] == '\0') {
        printf("leaks       all images are of one split\n");
        return;
    }
    vg_cli_print_row("leaks", "  %" PRIu64 " of %" PRIu64 " images outside %s have a twin there",
                     result->found[VG_CHECK_LEAKS], result->tested, result->training);
    printf("            %" PRIu64 " of them have their nearest image there\n", result->leak_paths);
    if (has_groups)
        printf("            %" PRIu64 " of them are of a group that has images there\n",
               result->leak_groups);
}

static void print_pictures(const vg_inspection_result *result, unsigned checks)
{
    const uint64_t *faults = result->faults;
    if ((checks & VG_MEASURED_CHECKS) == 0) return;
    if (result->measured == 0) {
        printf("quality     not measured: 'verger run --quality' does\n");
        return;
    }
    if (checks & 1u << VG_CHECK_QUALITY)
        printf("quality     %" PRIu64 " poor pictures: %" PRIu64 " dark, %" PRIu64
               " light, %" PRIu64 " blurred, %" PRIu64 " flat\n",
               result->found[VG_CHECK_QUALITY], faults[VG_DARK], faults[VG_LIGHT],
               faults[VG_BLURRED], faults[VG_FLAT]);
    if (checks & 1u << VG_CHECK_RESAVED)
        printf("resaved     %" PRIu64 " images of %" PRIu64 " pictures in several files\n",
               result->found[VG_CHECK_RESAVED], result->resaved_groups);
}

static void print_summary(const void *context)
{
    const session *s = context;
    const vg_inspection_result *result = &s->result;
    unsigned checks = s->job.options.checks;
    printf("images      %" PRIu64 "\n", result->rows);
    if (checks & 1u << VG_CHECK_OUTLIERS)
        printf("outliers    %" PRIu64
               " farther than %.3g from their neighbours, or than %.3g from their label's mean\n",
               result->found[VG_CHECK_OUTLIERS], result->outlier_limit, result->class_limit);
    if (checks & 1u << VG_CHECK_LABELS)
        printf("labels      %" PRIu64 " that neighbours contradict\n",
               result->found[VG_CHECK_LABELS]);
    if ((checks & 1u << VG_CHECK_LABELS) && result->unlabelled > 0)
        printf("            %" PRIu64 " have none, and no vote\n", result->unlabelled);
    if ((checks & 1u << VG_CHECK_LABELS) && s->job.options.group != NULL)
        printf("            %" PRIu64 " have fewer than two neighbours of other groups\n",
               result->unvoted);
    if (checks & 1u << VG_CHECK_DUPLICATES)
        printf("duplicates  %" PRIu64 " images in %" PRIu64 " groups; %" PRIu64
               " are exact copies\n",
               result->found[VG_CHECK_DUPLICATES], result->groups, result->copies);
    if (checks & 1u << VG_CHECK_LEAKS) print_leaks(result, s->job.options.group != NULL);
    print_pictures(result, checks);
    if (s->job.drop_list != NULL)
        vg_cli_print_row("drop list", "  %" PRIu64 " paths in %s", result->dropped,
                         s->job.drop_list);
    vg_cli_print_row("table", "  %s", result->folder);
}

static void add_figures(const void *context, vg_cli_json *end)
{
    const vg_inspection_result *result = &((const session *)context)->result;
    vg_cli_json_text(end, "timestamp", result->timestamp);
    vg_cli_json_count(end, "rows", result->rows);
    for (int check = 0; check < VG_CHECK_COUNT; check++)
        vg_cli_json_count(end, check_names[check], result->found[check]);
    vg_cli_json_number(end, "seconds", result->seconds);
    vg_cli_json_text(end, "inspection", result->folder);
}

static int run_inspect(const vg_cli_command *command, int argc, char **argv)
{
    session s = {0};
    vg_cli_shared_options shared;
    int key = parse(&s, &shared, command, argc, argv);
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

const vg_cli_command vg_command_inspect = {
    .name = "inspect",
    .synopsis = "OUTPUT [options]",
    .summary = "Look for wrong labels, outliers, duplicates, leaks and poor pictures",
    .description =
        "OUTPUT is the output of a run with its table of neighbours ('verger neighbours'),\n"
        "and gets the table inspection, a row an image: scores, ranks and reasons. Looked\n"
        "for are images unlike all others, labels that neighbours contradict, with the one\n"
        "they suggest, copies and near-duplicates in groups of which every two are near,\n"
        "and images of another split that have a twin in the training split; after\n"
        "'verger run --quality' also pictures that are dark, light, blurred or flat, and those\n"
        "that lie in several files, saved again. No image is opened and nothing is trained.\n"
        "\n"
        "Exit status: 0 all well, 1 the command failed, 2 wrong usage, 4 inspected, but\n"
        "more was found than --fail-on allows.\n"
        "\n"
        "Examples:\n"
        "  verger inspect out\n"
        "  verger inspect out --labels --duplicates --fail-on labels:0,duplicates:1%\n"
        "  verger inspect out --leaks --drop-list leaks.txt",
    .options = inspect_options,
    .run = run_inspect,
};
