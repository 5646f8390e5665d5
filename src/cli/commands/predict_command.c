/* verger predict. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/usable_cpus.h"
#include "classify/folder_images.h"
#include "cli/commands/predict_formats.h"
#include "cli/parsing/input_lines.h"
#include "cli/parsing/shared_options.h"
#include "cli/reporting/latencies.h"
#include "weights/sources.h"

enum { OPTION_FORMAT = 1024, OPTION_MODEL, OPTION_THREADS };

static const vg_cli_option predict_options[] = {
    {OPTION_FORMAT, "format", "NAME", VG_CLI_PREDICT_FORMATS,
     "table, json (an object an image, with the five likeliest labels) or csv (default: table)"},
    {OPTION_MODEL, "model", "FILE", "FILE",
     "weights, those whose features the classifier was trained on, or seeded:N (default: as for "
     "run, but none are fetched)"},
    {OPTION_THREADS, "threads", "N", NULL,
     "threads that work together on each image (default: one a CPU)"},
    {VG_CLI_LOG_LEVEL, "log-level", "LEVEL", VG_CLI_LOG_LEVEL_VALUES,
     "the least important messages to show: error, warning, info or debug (default: info)"},
    {VG_CLI_QUIET, "quiet", NULL, NULL, "errors only: no figures at the end"},
    VG_CLI_REQUIRE_REGION_OPTION,
    VG_CLI_FOLLOW_LINKS_OPTION,
    {0}};

typedef struct arguments {
    vg_image_predictor_options predictor;
    vg_cli_shared_options shared;
    const char *model;
    const char **names; /* [name_count], of images and folders; room for [argc] */
    size_t name_count;
    vg_cli_predict_format format;
    bool reads_names; /* from standard input */
} arguments;

/* --- Words ---------------------------------------------------------------------- */

static bool take_word(arguments *a, const char *word)
{
    if (a->predictor.classifier == NULL)
        a->predictor.classifier = word;
    else if (strcmp(word, "-") == 0)
        a->reads_names = true;
    else
        a->names[a->name_count++] = word;
    return true;
}

static bool take_option(arguments *a, const vg_cli_command *command, int key, const char *value)
{
    long number = 0;
    int choice = 0;
    switch (key) {
    case VG_CLI_POSITIONAL: return take_word(a, value);
    case OPTION_MODEL: a->model = value; return true;
    case OPTION_THREADS:
        if (!vg_cli_integer(command, "--threads", value, 1, VG_MOST_THREADS, &number)) return false;
        a->predictor.threads = (int)number;
        return true;
    case OPTION_FORMAT:
        choice = vg_cli_choice(command, "--format", value, VG_CLI_PREDICT_FORMATS);
        a->format = (vg_cli_predict_format)choice;
        return choice >= 0;
    default: return vg_cli_shared_option(&a->shared, command, key, value);
    }
}

static bool check_words(const arguments *a, const vg_cli_command *command)
{
    const char *wrong = NULL;
    if (a->predictor.classifier == NULL || a->predictor.classifier[0] == '\0')
        wrong = "CLASSIFIER is missing";
    else if (a->reads_names && a->name_count > 0)
        wrong = "- reads all names from standard input: name no images beside it";
    else if (!a->reads_names && a->name_count == 0)
        wrong = "no image: name images, a folder, or - for standard input";
    if (wrong != NULL) vg_cli_usage_error(command, "%s", wrong);
    return wrong == NULL;
}

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(arguments *a, const vg_cli_command *command, int argc, char **argv)
{
    const char *value;
    vg_cli_parser parser;
    *a = (arguments){.names = calloc((size_t)argc, sizeof(char *))};
    if (a->names == NULL) return VG_CLI_ERROR;
    vg_cli_shared_options_default(&a->shared);
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_ERROR || key == VG_CLI_HELP) return key;
        if (!take_option(a, command, key, value)) return VG_CLI_ERROR;
    }
    return check_words(a, command) ? VG_CLI_END : VG_CLI_ERROR;
}

/* --- Images --------------------------------------------------------------------------- */

typedef struct session {
    const arguments *arguments;
    vg_cli_progress *progress;
    vg_image_predictor *predictor;
    const char *folder; /* that is walked, as it was given */
    uint64_t images, failed, unlisted;
    vg_cli_latencies latencies; /* of the images that have an answer */
} session;

/* An image that has no answer is told, and the next one comes; what others would meet too is
 * returned. */
static vg_status answer(session *s, vg_store *store, const char *path, const char *name,
                        vg_error *error)
{
    vg_prediction prediction;
    double start = vg_seconds();
    vg_status status = vg_image_predictor_predict(s->predictor, store, path, &prediction, error);
    s->images++;
    if (status == VG_OK) {
        vg_cli_latencies_add(&s->latencies, vg_seconds() - start);
        vg_cli_predict_print(s->arguments->format, s->predictor, name, &prediction);
        return VG_OK;
    }
    s->failed++;
    if (status == VG_ESTORE) return status;
    vg_cli_failed(error);
    return VG_OK;
}

/* A vg_folder_image_visitor. */
static vg_status answer_stored(void *context, vg_store *store, const char *path, vg_error *error)
{
    session *s = context;
    size_t folder = strlen(s->folder), size = folder + strlen(path) + 2;
    char *name = malloc(size);
    if (name == NULL) return vg_fail_memory(error, size);
    snprintf(name, size, "%s%s%s", s->folder, s->folder[folder - 1] == '/' ? "" : "/", path);
    vg_status status = answer(s, store, path, name, error);
    free(name);
    return status;
}

/* A local folder, or a prefix of a bucket that ends with '/'. */
static bool is_folder(const char *name)
{
    struct stat info;
    size_t size = strlen(name);
    if (stat(name, &info) == 0) return S_ISDIR(info.st_mode);
    return size > 0 && name[size - 1] == '/';
}

static vg_status answer_folder(session *s, const char *folder, vg_error *error)
{
    const vg_folder_walk walk = {.folder = folder,
                                 .store = s->arguments->shared.store,
                                 .observer = vg_cli_progress_observer(s->progress),
                                 .cancel = &vg_cli_interrupted,
                                 .visitor = answer_stored,
                                 .context = s};
    s->folder = folder;
    return vg_walk_folder_images(&walk, &s->unlisted, error);
}

static vg_status answer_names(session *s, vg_error *error)
{
    const arguments *a = s->arguments;
    vg_status status = VG_OK;
    for (size_t i = 0; i < a->name_count && status == VG_OK; i++) {
        if (vg_cli_interrupted) break;
        status = is_folder(a->names[i]) ? answer_folder(s, a->names[i], error)
                                        : answer(s, NULL, a->names[i], a->names[i], error);
    }
    return status;
}

static vg_status answer_lines(session *s, vg_error *error)
{
    vg_cli_lines lines = {0};
    vg_status status = VG_OK;
    for (const char *line; status == VG_OK && (line = vg_cli_lines_next(&lines)) != NULL;)
        status = answer(s, NULL, line, line, error);
    vg_cli_lines_close(&lines);
    return status;
}

static void tell_figures(const session *s)
{
    const double to_ms = 1e3;
    const vg_cli_latencies *times = &s->latencies;
    char text[128] = "";
    if (times->count > 0)
        snprintf(text, sizeof text, "; milliseconds an image: p50 %.1f, p90 %.1f, p99 %.1f",
                 to_ms * vg_cli_latencies_quantile(times, 0.5),
                 to_ms * vg_cli_latencies_quantile(times, 0.9),
                 to_ms * vg_cli_latencies_quantile(times, 0.99));
    if (s->images > 0)
        vg_cli_log(s->progress, VG_LOG_INFO, "%" PRIu64 " images, %" PRIu64 " failed%s", s->images,
                   s->failed, text);
}

static vg_status predict(session *s, vg_error *error)
{
    const arguments *a = s->arguments;
    vg_image_predictor_options options = a->predictor;
    vg_model_location location = {0};
    vg_status status = vg_model_locate(a->model, &location, error);
    if (status != VG_OK) return status;
    options.model_source = location.place == VG_MODEL_DOWNLOAD ? NULL : location.source;
    options.max_file_size = (uint64_t)256 << 20;
    status = vg_image_predictor_open(&s->predictor, &options, error);
    if (status != VG_OK) return status;
    vg_cli_predict_begin(a->format);
    status = a->reads_names ? answer_lines(s, error) : answer_names(s, error);
    if (status == VG_OK && vg_cli_interrupted)
        status = vg_fail(error, VG_ECANCELLED, "interrupted after %" PRIu64 " images", s->images);
    vg_cli_progress_finish(s->progress);
    tell_figures(s);
    vg_image_predictor_close(&s->predictor);
    return status;
}

static int run_predict(const vg_cli_command *command, int argc, char **argv)
{
    arguments a;
    session s = {.arguments = &a};
    int key = parse(&a, command, argc, argv);
    if (key != VG_CLI_END) {
        free(a.names);
        return key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    }
    vg_error error = {""};
    vg_cli_style style = isatty(STDERR_FILENO) && !a.shared.quiet && !isatty(STDOUT_FILENO)
                             ? VG_CLI_STYLE_AUTO
                             : VG_CLI_STYLE_NONE;
    vg_status status = vg_cli_progress_open(&s.progress, style, a.shared.log_level, &error);
    if (status == VG_OK) {
        vg_cli_catch_signals();
        status = predict(&s, &error);
        vg_cli_progress_close(&s.progress);
    }
    free(a.names);
    if (status != VG_OK) return vg_cli_failed(&error);
    return s.failed > 0 || s.unlisted > 0 ? VG_EXIT_IMAGES_FAILED : VG_EXIT_OK;
}

const vg_cli_command vg_command_predict = {
    .name = "predict",
    .synopsis = "CLASSIFIER IMAGE...|FOLDER...|- [options]",
    .summary = "Tell the labels of new images",
    .description =
        "CLASSIFIER is a file of 'verger classify train'. Told is a line an image: its path,\n"
        "the likeliest label and its calibrated probability. Of a FOLDER all images below are\n"
        "taken, in the order of their paths. All threads work on one image, so that an\n"
        "answer comes soon.\n"
        "\n"
        "With - the process stays and reads names of images from standard input, one a line;\n"
        "each is answered before the next is read. An image that cannot be read is told on\n"
        "standard error; the exit status is then 3. At the end standard error gets the number\n"
        "of images and the milliseconds within which half, 90 and 99 of 100 were answered.\n"
        "\n"
        "Examples:\n"
        "  verger predict fruits.safetensors photograph.jpg\n"
        "  verger predict fruits.safetensors photographs/ --format csv >labels.csv\n"
        "  find new -name '*.png' | verger predict fruits.safetensors - --format json",
    .options = predict_options,
    .run = run_predict,
};
