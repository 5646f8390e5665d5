/* verger predict. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/usable_cpus.h"
#include "classify/folder_images.h"
#include "cli/commands/predict_answers.h"
#include "cli/parsing/shared_options.h"
#include "weights/sources.h"

enum {
    OPTION_FORMAT = 1024,
    OPTION_MODEL,
    OPTION_THREADS,
    OPTION_STREAM,
    OPTION_FRAME_SIZE,
    OPTION_DROP
};

/* In the order of vg_stream_kind. */
#define STREAM_VALUES "paths mjpeg frames"

static const vg_cli_option predict_options[] = {
    {OPTION_FORMAT, "format", "NAME", VG_CLI_PREDICT_FORMATS,
     "table, json (an object an image, with the five likeliest labels) or csv (default: table)"},
    {OPTION_MODEL, "model", "FILE", "FILE",
     "weights, those whose features the classifier was trained on, or seeded:N (default: as for "
     "run, but none are fetched)"},
    {OPTION_THREADS, "threads", "N", NULL,
     "threads that work together on each image (default: one a CPU)"},
    {OPTION_STREAM, "stream", "KIND", STREAM_VALUES,
     "what comes through standard input: paths, a line each; mjpeg, JPEGs one behind another; or "
     "frames, pixels of --frame-size (default: paths)"},
    {OPTION_FRAME_SIZE, "frame-size", "WxH", NULL,
     "of --stream frames: width and height of each, whose bytes are its rows of red, green, blue"},
    {OPTION_DROP, "drop", NULL, NULL,
     "keep to the newest image of standard input: what comes while one is in hand takes the place "
     "of what waits, and is counted as dropped"},
    {VG_CLI_LOG_LEVEL, "log-level", "LEVEL", VG_CLI_LOG_LEVEL_VALUES,
     "the least important messages to show: error, warning, info or debug (default: info)"},
    {VG_CLI_METRICS, "metrics", "FILE", "FILE",
     "keep figures of the answers in FILE for Prometheus, written whole every ten seconds and at "
     "the end"},
    {VG_CLI_QUIET, "quiet", NULL, NULL, "errors only: no figures at the end"},
    VG_CLI_REQUIRE_REGION_OPTION,
    VG_CLI_REQUESTER_PAYS_OPTION,
    VG_CLI_FOLLOW_LINKS_OPTION,
    {0}};

typedef struct arguments {
    vg_image_predictor_options predictor;
    vg_cli_shared_options shared;
    const char *model;
    const char **names; /* [name_count], of images and folders; room for [argc] */
    size_t name_count;
    vg_cli_predict_format format;
    vg_cli_predict_stream stream;
    bool has_kind;
} arguments;

/* --- Words ---------------------------------------------------------------------- */

static bool take_word(arguments *a, const char *word)
{
    if (a->predictor.classifier == NULL)
        a->predictor.classifier = word;
    else if (strcmp(word, "-") == 0)
        a->stream.is_asked_for = true;
    else
        a->names[a->name_count++] = word;
    return true;
}

/* "640x480". */
static bool take_frame_size(arguments *a, const vg_cli_command *command, const char *text)
{
    enum { MOST_SIDE = 16384 };
    char end;
    int width = 0, height = 0;
    vg_image_options limits;
    vg_image_options_default(&limits);
    if (strspn(text, "0123456789x") == strlen(text) && strlen(text) <= 11 &&
        sscanf(text, "%dx%d%c", &width, &height, &end) == 2 && width > 0 && width <= MOST_SIDE &&
        height > 0 && height <= MOST_SIDE &&
        (uint64_t)width * (uint64_t)height <= limits.max_pixels) {
        a->stream.width = width;
        a->stream.height = height;
        return true;
    }
    vg_cli_usage_error(command, "--frame-size takes width x height such as 640x480, not '%s'",
                       text);
    return false;
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
    case OPTION_STREAM:
        choice = vg_cli_choice(command, "--stream", value, STREAM_VALUES);
        a->stream.kind = (vg_stream_kind)choice;
        a->has_kind = true;
        return choice >= 0;
    case OPTION_FRAME_SIZE: return take_frame_size(a, command, value);
    case OPTION_DROP: a->stream.drop = true; return true;
    case OPTION_FORMAT:
        choice = vg_cli_choice(command, "--format", value, VG_CLI_PREDICT_FORMATS);
        a->format = (vg_cli_predict_format)choice;
        return choice >= 0;
    default: return vg_cli_shared_option(&a->shared, command, key, value);
    }
}

/* What is missing, or does not go together; NULL where all is well. */
static const char *find_fault(const arguments *a)
{
    const vg_cli_predict_stream *stream = &a->stream;
    if (a->predictor.classifier == NULL || a->predictor.classifier[0] == '\0')
        return "CLASSIFIER is missing";
    if (stream->is_asked_for && a->name_count > 0)
        return "- reads all names from standard input: name no images beside it";
    if (!stream->is_asked_for && (a->has_kind || stream->drop))
        return "--stream and --drop are of standard input: give - instead of images";
    if (!stream->is_asked_for && a->name_count == 0)
        return "no image: name images, a folder, or - for standard input";
    if (stream->kind == VG_STREAM_FRAMES && stream->width == 0)
        return "--stream frames needs --frame-size: pixels do not say how large a frame is";
    if (stream->kind != VG_STREAM_FRAMES && stream->width > 0)
        return "--frame-size is of --stream frames: other images say how large they are";
    return NULL;
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
    const char *fault = find_fault(a);
    if (fault == NULL) return VG_CLI_END;
    vg_cli_usage_error(command, "%s", fault);
    return VG_CLI_ERROR;
}

/* --- Images --------------------------------------------------------------------------- */

typedef struct session {
    const arguments *arguments;
    vg_cli_progress *progress;
    vg_observer observer;
    vg_cli_answers answers;
    const char *folder; /* that is walked, as it was given */
    uint64_t unlisted;
} session;

/* A vg_folder_image_visitor. */
static vg_status answer_stored(void *context, vg_store *store, const char *path, vg_error *error)
{
    session *s = context;
    size_t folder = strlen(s->folder), size = folder + strlen(path) + 2;
    char *name = malloc(size);
    if (name == NULL) return vg_fail_memory(error, size);
    snprintf(name, size, "%s%s%s", s->folder, s->folder[folder - 1] == '/' ? "" : "/", path);
    vg_status status = vg_cli_answer_image(&s->answers, store, path, name, error);
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
                                 .observer = s->observer,
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
        const char *name = a->names[i];
        status = is_folder(name) ? answer_folder(s, name, error)
                                 : vg_cli_answer_image(&s->answers, NULL, name, name, error);
    }
    return status;
}

static vg_status open_predictor(session *s, vg_error *error)
{
    const arguments *a = s->arguments;
    vg_image_predictor_options options = a->predictor;
    vg_model_location location = {0};
    vg_status status = vg_model_locate(a->model, &location, error);
    if (status != VG_OK) return status;
    options.model_source = location.place == VG_MODEL_DOWNLOAD ? NULL : location.source;
    options.max_file_size = (uint64_t)256 << 20;
    return vg_image_predictor_open(&s->answers.predictor, &options, error);
}

static vg_status predict(session *s, vg_error *error)
{
    const arguments *a = s->arguments;
    vg_cli_answers *answers = &s->answers;
    char figures[256];
    answers->format = a->format;
    answers->stream = a->stream;
    vg_status status = open_predictor(s, error);
    if (status != VG_OK) return status;
    vg_cli_predict_begin(a->format, a->stream.is_asked_for && a->stream.kind != VG_STREAM_PATHS);
    status = a->stream.is_asked_for ? vg_cli_answer_stream(answers, error) : answer_names(s, error);
    if (status == VG_OK && vg_cli_interrupted)
        status =
            vg_fail(error, VG_ECANCELLED, "interrupted after %" PRIu64 " images", answers->images);
    vg_cli_progress_finish(s->progress);
    vg_cli_answers_tell(answers, true);
    vg_cli_answers_text(answers, figures, sizeof figures);
    if (answers->images > 0 || answers->skipped > 0)
        vg_cli_log(s->progress, VG_LOG_INFO, "%s", figures);
    vg_image_predictor_close(&answers->predictor);
    return status;
}

static int exit_code_of(const session *s, vg_status status)
{
    if (vg_cli_interrupted) return vg_cli_interrupted_exit();
    if (status != VG_OK) return VG_EXIT_FAILED;
    return s->answers.failed > 0 || s->unlisted > 0 ? VG_EXIT_IMAGES_FAILED : VG_EXIT_OK;
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
        status = vg_cli_metrics_open(&s.answers.metrics, a.shared.metrics,
                                     VG_CLI_METRICS_OF_ANSWERS, command->name, &error);
        s.observer =
            vg_cli_metrics_observe(s.answers.metrics, vg_cli_progress_observer(s.progress));
        if (status == VG_OK) status = predict(&s, &error);
        vg_cli_metrics_close(&s.answers.metrics, exit_code_of(&s, status), NULL);
        vg_cli_progress_close(&s.progress);
    }
    free(a.names);
    if (status != VG_OK) vg_cli_failed(&error);
    return exit_code_of(&s, status);
}

const vg_cli_command vg_command_predict = {
    .name = "predict",
    .synopsis = "CLASSIFIER IMAGE...|FOLDER...|- [options]",
    .summary = "Tell the labels of new images",
    .description =
        "CLASSIFIER is a file of 'verger classify train'. Told is a line an image: its path,\n"
        "the likeliest label and its calibrated probability, or why it cannot be read. Of a\n"
        "FOLDER all images below are taken, in the order of their paths. All threads work on\n"
        "one image, so that an answer comes soon.\n"
        "\n"
        "With - the process stays and reads standard input: names of images, one a line, or\n"
        "with --stream the images of a camera. Each is answered before the next is read. The\n"
        "exit status is 3 where an image failed. At the end, and after a signal, standard\n"
        "error gets the number of images and the milliseconds within which half, 90 and 99 of\n"
        "100 were answered. An image that is unlike all that the classifier was trained on is\n"
        "called unknown.\n"
        "\n"
        "Examples:\n"
        "  verger predict fruits.safetensors photograph.jpg\n"
        "  verger predict fruits.safetensors photographs/ --format csv >labels.csv\n"
        "  find new -name '*.png' | verger predict fruits.safetensors - --format json\n"
        "  ffmpeg -i /dev/video0 -c:v mjpeg -f mjpeg - |\n"
        "    verger predict fruits.safetensors - --stream mjpeg --drop",
    .options = predict_options,
    .run = run_predict,
};
