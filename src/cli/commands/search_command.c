/* verger search. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/usable_cpus.h"
#include "cli/commands/run_weights.h"
#include "cli/commands/search_formats.h"
#include "cli/parsing/shared_options.h"
#include "explore/neighbours_job.h"
#include "stream/frame_source.h"

enum {
    OPTION_NUMBER = 'n',
    OPTION_PATH = 1024,
    OPTION_NOT,
    OPTION_WHERE,
    OPTION_METRIC,
    OPTION_FORMAT,
    OPTION_MODEL,
    OPTION_THREADS
};

#define METRIC_VALUES "cosine l2"

static const vg_cli_option search_options[] = {
    {OPTION_NUMBER, "number", "N", NULL, "images to find (default: 10)"},
    {OPTION_PATH, "path", "PATH", NULL,
     "ask for an image that OUTPUT has, by its path in the tables or the end of it; may be given "
     "again"},
    {OPTION_NOT, "not", "PATH", NULL, "leave out an image that OUTPUT has; may be given again"},
    {OPTION_WHERE, "where", "COLUMN=VALUE", NULL,
     "find only images with this label, label=Lemon, or in a folder of this name, path=Training; "
     "all that are given must hold"},
    {OPTION_METRIC, "metric", "NAME", METRIC_VALUES,
     "what is near: cosine, the angle between two rows, or l2, their distance (default: cosine)"},
    {OPTION_FORMAT, "format", "NAME", VG_CLI_SEARCH_FORMATS,
     "table, json (an object a query), csv, or html, a page that holds the images (default: "
     "table)"},
    {OPTION_MODEL, "model", "FILE", "FILE",
     "weights for new images, those that OUTPUT comes from, or seeded:N (default: as for run, but "
     "none are fetched)"},
    {OPTION_THREADS, "threads", "N", NULL, "threads (default: one a CPU)"},
    {VG_CLI_LOG_LEVEL, "log-level", "LEVEL", VG_CLI_LOG_LEVEL_VALUES,
     "the least important messages to show: error, warning, info or debug (default: info)"},
    VG_CLI_STORE_OPTIONS,
    {0}};

typedef struct arguments {
    vg_search_options search;
    vg_cli_shared_options shared;
    const char *model;
    vg_search_query query;
    /* What the query and the options point at, [argc] each. */
    const char **images, **paths, **excluded;
    vg_search_filter *filters;
    size_t number;
    vg_cli_search_format format;
    bool reads_queries; /* from standard input */
} arguments;

static void close_arguments(arguments *a)
{
    for (size_t i = 0; i < a->search.filter_count; i++) free((char *)a->filters[i].column);
    free(a->images);
    free(a->paths);
    free(a->excluded);
    free(a->filters);
}

/* --- Words ---------------------------------------------------------------------- */

static bool take_word(arguments *a, const char *word)
{
    if (a->search.output == NULL) {
        a->search.output = word;
    } else if (strcmp(word, "-") == 0) {
        a->reads_queries = true;
    } else {
        a->images[a->query.image_count++] = word;
    }
    return true;
}

static bool take_filter(arguments *a, const vg_cli_command *command, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        vg_cli_usage_error(command, "--where takes COLUMN=VALUE, not '%s'", text);
        return false;
    }
    char *column = strndup(text, (size_t)(equals - text));
    if (column == NULL) return false;
    a->filters[a->search.filter_count++] =
        (vg_search_filter){.column = column, .value = equals + 1};
    return true;
}

static bool take_option(arguments *a, const vg_cli_command *command, int key, const char *value)
{
    long number = 0;
    int choice = 0;
    switch (key) {
    case VG_CLI_POSITIONAL: return take_word(a, value);
    case OPTION_NUMBER:
        if (!vg_cli_integer(command, "--number", value, 1, INT_MAX, &number)) return false;
        a->number = (size_t)number;
        return true;
    case OPTION_THREADS:
        if (!vg_cli_integer(command, "--threads", value, 1, VG_MOST_THREADS, &number)) return false;
        a->search.threads = (int)number;
        return true;
    case OPTION_PATH: a->paths[a->query.path_count++] = value; return true;
    case OPTION_NOT: a->excluded[a->query.excluded_count++] = value; return true;
    case OPTION_WHERE: return take_filter(a, command, value);
    case OPTION_MODEL: a->model = value; return true;
    case OPTION_METRIC:
        choice = vg_cli_choice(command, "--metric", value, METRIC_VALUES);
        a->search.metric = (vg_metric)choice;
        return choice >= 0;
    case OPTION_FORMAT:
        choice = vg_cli_choice(command, "--format", value, VG_CLI_SEARCH_FORMATS);
        a->format = (vg_cli_search_format)choice;
        return choice >= 0;
    default: return vg_cli_shared_option(&a->shared, command, key, value);
    }
}

static bool check_words(const arguments *a, const vg_cli_command *command)
{
    const char *wrong = NULL;
    size_t asked = a->query.image_count + a->query.path_count;
    if (a->search.output == NULL || a->search.output[0] == '\0')
        wrong = "OUTPUT is missing";
    else if (a->reads_queries && asked > 0)
        wrong = "- reads all queries from standard input: name no images beside it";
    else if (!a->reads_queries && asked == 0)
        wrong = "nothing to search for: name images, --path PATH, or - for standard input";
    if (wrong != NULL) vg_cli_usage_error(command, "%s", wrong);
    return wrong == NULL;
}

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(arguments *a, const vg_cli_command *command, int argc, char **argv)
{
    const char *value;
    vg_cli_parser parser;
    size_t words = (size_t)argc;
    *a = (arguments){.number = 10,
                     .images = calloc(words, sizeof(char *)),
                     .paths = calloc(words, sizeof(char *)),
                     .excluded = calloc(words, sizeof(char *)),
                     .filters = calloc(words, sizeof(vg_search_filter))};
    if (a->images == NULL || a->paths == NULL || a->excluded == NULL || a->filters == NULL)
        return VG_CLI_ERROR;
    vg_cli_shared_options_default(&a->shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_ERROR || key == VG_CLI_HELP) return key;
        if (!take_option(a, command, key, value)) return VG_CLI_ERROR;
    }
    a->query.images = a->images;
    a->query.paths = a->paths;
    a->query.excluded = a->excluded;
    a->search.filters = a->filters;
    a->search.store = a->shared.store;
    return check_words(a, command) ? VG_CLI_END : VG_CLI_ERROR;
}

/* --- Queries ------------------------------------------------------------------------ */

typedef struct session {
    const arguments *arguments;
    vg_search *search;
    vg_search_hit *hits; /* [number] */
} session;

static vg_status answer(const session *s, const vg_search_query *query, vg_error *error)
{
    vg_cli_answer found = {.query = query,
                           .metric = vg_metric_name(s->arguments->search.metric),
                           .hits = s->hits,
                           .count = s->arguments->number};
    vg_status status = vg_search_find(s->search, query, s->hits, &found.count, error);
    if (status == VG_OK) vg_cli_search_print(s->arguments->format, &found);
    return status;
}

/* A line is a path that the tables have, or the name of an image. */
static vg_status answer_line(const session *s, const char *line, vg_error *error)
{
    vg_search_query query = s->arguments->query;
    if (vg_search_has_path(s->search, line)) {
        query.paths = &line;
        query.path_count = 1;
    } else {
        query.images = &line;
        query.image_count = 1;
    }
    return answer(s, &query, error);
}

/* A query that has no answer is told and counted, and the next one comes. */
static vg_status answer_lines(const session *s, size_t *failed, vg_error *error)
{
    enum { MOST_CHARS = 1 << 20 };
    const vg_frame_source_options options = {.descriptor = STDIN_FILENO,
                                             .name = "standard input",
                                             .kind = VG_STREAM_PATHS,
                                             .limit = MOST_CHARS,
                                             .cancel = &vg_cli_interrupted};
    vg_frame_source *lines;
    vg_frame line;
    vg_status status = vg_frame_source_open(&lines, &options, error);
    for (bool found = true; status == VG_OK;) {
        vg_error failure = {""};
        status = vg_frame_source_next(lines, &line, &found, error);
        if (status != VG_OK || !found) break;
        vg_status answered = line.fault == NULL
                                 ? answer_line(s, (const char *)line.bytes, &failure)
                                 : vg_fail(&failure, VG_EFORMAT, "line %llu: %s",
                                           (unsigned long long)line.number, line.fault);
        if (answered == VG_OK) continue;
        vg_cli_failed(&failure);
        ++*failed;
    }
    vg_frame_source_close(&lines);
    return status;
}

static vg_status search(arguments *a, vg_cli_progress *progress, size_t *failed, vg_error *error)
{
    session s = {.arguments = a};
    vg_model_location location = {0};
    vg_status status = VG_OK;
    /* Only a new image needs weights, and a line may name one. */
    if (a->query.image_count > 0 || a->reads_queries || a->model != NULL)
        status = vg_model_locate(a->model, &location, error);
    if (status != VG_OK) return status;
    a->search.model_source = location.place == VG_MODEL_DOWNLOAD ? NULL : location.source;
    a->search.many_queries = a->reads_queries;
    a->search.max_file_size = (uint64_t)256 << 20;
    a->search.cancel = &vg_cli_interrupted;
    a->search.observer = vg_cli_progress_observer(progress);
    status = vg_search_open(&s.search, &a->search, error);
    if (status == VG_OK && a->number > vg_search_rows(s.search))
        status =
            vg_fail(error, VG_EINVAL, "the %zu nearest of %zu rows: ask for at most %zu with -n",
                    a->number, vg_search_rows(s.search), vg_search_rows(s.search));
    if (status == VG_OK) s.hits = calloc(a->number, sizeof *s.hits);
    if (status == VG_OK && s.hits == NULL) status = vg_fail_memory(error, a->number);
    vg_cli_progress_finish(progress);
    if (status == VG_OK) {
        vg_cli_search_begin(a->format);
        if (a->reads_queries)
            status = answer_lines(&s, failed, error);
        else
            status = answer(&s, &a->query, error);
        vg_cli_search_end(a->format);
    }
    vg_search_close(&s.search);
    free(s.hits);
    return status;
}

static int run_search(const vg_cli_command *command, int argc, char **argv)
{
    arguments a;
    int key = parse(&a, command, argc, argv);
    if (key != VG_CLI_END) {
        close_arguments(&a);
        return key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    }
    size_t failed = 0;
    vg_error error = {""};
    vg_cli_progress *progress;
    vg_cli_style style = isatty(STDERR_FILENO) ? VG_CLI_STYLE_AUTO : VG_CLI_STYLE_NONE;
    vg_status status = vg_cli_progress_open(&progress, style, a.shared.log_level, &error);
    if (status == VG_OK) {
        vg_cli_catch_signals();
        status = search(&a, progress, &failed, &error);
        vg_cli_progress_close(&progress);
    }
    close_arguments(&a);
    if (status != VG_OK) return vg_cli_failed(&error);
    return failed > 0 ? VG_EXIT_IMAGES_FAILED : VG_EXIT_OK;
}

const vg_cli_command vg_command_search = {
    .name = "search",
    .synopsis = "OUTPUT IMAGE...|--path PATH...|- [options]",
    .summary = "Find the images nearest to some others",
    .description =
        "OUTPUT is the output of a run, whose newest complete features are searched. Asked\n"
        "for are new images, by their files, and images that OUTPUT has, by --path: several\n"
        "together, by the mean of their features. Images that are asked for by --path are\n"
        "not among those found. What is found is exact, as by 'verger neighbours'.\n"
        "\n"
        "With - the process stays and answers queries from standard input, one a line: a\n"
        "path that OUTPUT has, or the file of an image. A line that has no answer is told\n"
        "on standard error; the exit status is then 3.\n"
        "\n"
        "Examples:\n"
        "  verger search out photograph.jpg\n"
        "  verger search out --path 'Training/Lemon 1/3_100.jpg' --where path=Test -n 5\n"
        "  verger search out photograph.jpg --format html >nearest.html\n"
        "  find . -name '*.png' | verger search out - --format json",
    .options = search_options,
    .run = run_search,
};
