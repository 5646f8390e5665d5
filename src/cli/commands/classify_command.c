/* verger classify. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/usable_cpus.h"
#include "classify/classify_job.h"
#include "cli/commands/job_frame.h"
#include "cli/parsing/join_arguments.h"

enum {
    OPTION_METHOD = 1024,
    OPTION_SPACE,
    OPTION_TEST,
    OPTION_TRAIN,
    OPTION_FOLDS,
    OPTION_GROUP,
    OPTION_C,
    OPTION_SHRINKAGE,
    OPTION_VOTES = 'k',
    OPTION_THREADS = 1100
};

#define SPACE_VALUES "features pca"
#define METHOD_VALUES "logistic lda knn all"
enum { METHOD_ALL = VG_METHODS };

static const vg_cli_option classify_options[] = {
    {OPTION_METHOD, "method", "NAME", METHOD_VALUES,
     "logistic, a multinomial logistic regression; lda, a linear discriminant analysis; knn, the "
     "votes of the nearest images, for evaluate alone; or all (default: logistic, and all for "
     "evaluate)"},
    {OPTION_TEST, "test", "GLOB", NULL,
     "set images apart that are not trained on, and are tested on by evaluate: a pattern of paths, "
     "or of their ends after a /"},
    {OPTION_TRAIN, "train", "GLOB", NULL,
     "train on these images alone (default: all that --test does not set apart)"},
    {OPTION_FOLDS, "folds", "N", NULL,
     "test in N folds of the images to train on, each after training on the others; 0 for none "
     "(default: 5)"},
    {OPTION_GROUP, "group", "EXPR", NULL,
     "keep images in one fold in whose paths the groups of this extended regular expression match "
     "the same, such as those of one object"},
    {OPTION_C, "c", "C", NULL,
     "of logistic, how little weights are held small, as scikit-learn's C: a number, or auto, the "
     "best of 0.01 to 100 in the folds (default: 1)"},
    {OPTION_SHRINKAGE, "shrinkage", "S", NULL,
     "of lda, the share from 0 to 1 by which the covariance is drawn to a multiple of the "
     "identity, "
     "or auto, that of Ledoit and Wolf (default: auto)"},
    {OPTION_VOTES, "votes", "K", NULL, "of knn, the nearest images that vote (default: 10)"},
    {OPTION_SPACE, "space", "NAME", SPACE_VALUES,
     "which rows to learn from: features, or pca, the components (default: features)"},
    VG_CLI_JOIN_OPTIONS,
    {OPTION_THREADS, "threads", "N", NULL, "threads (default: one a CPU)"},
    {VG_CLI_FORMAT, "format", "LIST", VG_CLI_FORMAT_VALUES,
     "formats of the tables: parquet, csv or both, with a comma between (default: parquet,csv)"},
    VG_CLI_TIMESTAMP_OPTIONS,
    VG_CLI_STORE_OPTIONS,
    VG_CLI_REPORT_OPTIONS,
    {0}};

typedef enum action { TRAIN, EVALUATE, PREDICT } action;

static const char action_values[] = "train evaluate predict";

typedef struct session {
    vg_classify_job job;
    vg_classify_result result;
    vg_cli_shared_options shared;
    vg_cli_join join;
    const char *action_name;
    action action;
    int method; /* -1 where none was given */
} session;

/* --- Arguments ------------------------------------------------------------------------ */

static bool take_word(session *s, const vg_cli_command *command, const char *word)
{
    if (s->action_name == NULL)
        s->action_name = word;
    else if (s->job.target.output == NULL)
        s->job.target.output = word;
    else if (s->job.file == NULL)
        s->job.file = word;
    else
        return vg_cli_usage_error(command, "one word too many: '%s'", word) == VG_EXIT_OK;
    return true;
}

/* A number from `low` to `high`, or "auto", which is `instead`. */
static bool take_number(const vg_cli_command *command, const char *option, const char *text,
                        double low, double high, double instead, double *number)
{
    char *end = NULL;
    if (strcmp(text, "auto") == 0) {
        *number = instead;
        return true;
    }
    *number = strtod(text, &end);
    if (end != text && *end == '\0' && *number >= low && *number <= high) return true;
    vg_cli_usage_error(command, "%s '%s': auto or a number from %g to %g", option, text, low, high);
    return false;
}

static bool take_integer(const vg_cli_command *command, const char *option, const char *value,
                         long low, long high, int *to)
{
    long number = 0;
    if (!vg_cli_integer(command, option, value, low, high, &number)) return false;
    *to = (int)number;
    return true;
}

static bool take_option(session *s, const vg_cli_command *command, int key, const char *value)
{
    vg_classify_job *job = &s->job;
    int choice;
    if (vg_cli_is_join_option(key)) return vg_cli_join_option(&s->join, command, key, value);
    switch (key) {
    case VG_CLI_POSITIONAL: return take_word(s, command, value);
    case OPTION_METHOD:
        s->method = vg_cli_choice(command, "--method", value, METHOD_VALUES);
        return s->method >= 0;
    case OPTION_SPACE:
        choice = vg_cli_choice(command, "--space", value, SPACE_VALUES);
        job->is_pca = choice == 1;
        return choice >= 0;
    case OPTION_TEST: job->test = value; return true;
    case OPTION_TRAIN: job->train = value; return true;
    case OPTION_GROUP: job->group = value; return true;
    case OPTION_FOLDS: return take_integer(command, "--folds", value, 0, 1000, &job->folds);
    case OPTION_VOTES: return take_integer(command, "--votes", value, 1, 1000, &job->k);
    case OPTION_THREADS:
        return take_integer(command, "--threads", value, 1, VG_MOST_THREADS, &job->threads);
    case OPTION_C: return take_number(command, "--c", value, 1e-6, 1e6, 0.0, &job->c);
    case OPTION_SHRINKAGE:
        return take_number(command, "--shrinkage", value, 0.0, 1.0, -1.0, &job->shrinkage);
    default: return vg_cli_shared_option(&s->shared, command, key, value);
    }
}

/* What words and options do not go together; NULL where they do. */
static const char *find_fault(const session *s)
{
    const vg_classify_job *job = &s->job;
    if (job->target.output == NULL || job->target.output[0] == '\0') return "OUTPUT is missing";
    if (s->action == EVALUATE && job->file != NULL) return "'evaluate' takes no FILE";
    if (s->action != EVALUATE && (job->file == NULL || job->file[0] == '\0'))
        return "FILE is missing";
    if (s->action == TRAIN && s->method >= VG_METHOD_KNN)
        return "'train' makes a classifier of one method, logistic or lda";
    if (s->action == PREDICT && (job->test != NULL || job->train != NULL || job->group != NULL))
        return "'predict' takes all rows: --test, --train and --group are for train and evaluate";
    if (s->action == PREDICT && (s->join.columns != NULL || s->join.weight != 0.0))
        return "'predict' takes the columns that FILE was trained with, by the same weight: --join "
               "names the table alone";
    if (s->join.weight != 0.0 && s->join.join.file == NULL)
        return "--join-weight is of the columns of --join";
    if (job->group != NULL && job->folds == 0) return "--group is of folds: give --folds";
    if (job->folds == 1) return "--folds has to be 2 or more, or 0 for none";
    if (s->action == EVALUATE && job->c == 0.0 && job->folds == 0)
        return "--c auto is chosen in folds: give --folds";
    return NULL;
}

static void choose_methods(session *s)
{
    if (s->method == METHOD_ALL || (s->method < 0 && s->action == EVALUATE)) return;
    for (int m = 0; m < VG_METHODS; m++)
        s->job.methods[m] = m == (s->method < 0 ? (int)VG_METHOD_LOGISTIC : s->method);
}

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(session *s, const vg_cli_command *command, int argc, char **argv)
{
    const char *value;
    vg_cli_parser parser;
    vg_classify_job_default(&s->job);
    vg_cli_shared_options_default(&s->shared);
    s->method = -1;
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_ERROR || key == VG_CLI_HELP) return key;
        if (!take_option(s, command, key, value)) return VG_CLI_ERROR;
    }
    if (s->action_name == NULL) {
        vg_cli_usage_error(command, "say what to do: one of %s", action_values);
        return VG_CLI_ERROR;
    }
    int position = vg_cli_choice(command, "verger classify", s->action_name, action_values);
    if (position < 0) return VG_CLI_ERROR;
    s->action = (action)position;
    const char *fault = find_fault(s);
    if (fault != NULL) {
        vg_cli_usage_error(command, "%s", fault);
        return VG_CLI_ERROR;
    }
    if (s->action != PREDICT && !vg_cli_join_finish(&s->join, command)) return VG_CLI_ERROR;
    s->job.join = s->join.join;
    if (s->join.weight != 0.0) s->job.join_weight = s->join.weight;
    choose_methods(s);
    vg_cli_shared_target(&s->shared, &s->job.target);
    return VG_CLI_END;
}

/* --- Work ------------------------------------------------------------------------------- */

static vg_status work(void *context, vg_cli_surroundings *surroundings, vg_error *error)
{
    session *s = context;
    s->job.target.cancel = &vg_cli_interrupted;
    s->job.target.observer = surroundings->observer;
    vg_status status = s->action == TRAIN      ? vg_classify_train(&s->job, &s->result, error)
                       : s->action == EVALUATE ? vg_classify_evaluate(&s->job, &s->result, error)
                                               : vg_classify_predict(&s->job, &s->result, error);
    if (status != VG_ECANCELLED) return status;
    if (s->action == TRAIN)
        return vg_fail(error, status, "interrupted: %s was not written", s->job.file);
    return vg_fail(error, status, "interrupted: the tables under %s have no _SUCCESS",
                   VG_CLI_SHOWN(s->job.target.output));
}

static void print_line(const vg_classify_line *line)
{
    const vg_figures *figures = &line->figures;
    printf("%-9s %-7s %7" PRIu64 "  %6.2f %%", line->method, line->split, figures->images,
           100.0 * figures->accuracy);
    if (line->has_probabilities)
        printf("  %8.4f  %6.4f  %11.4f", figures->log_loss, figures->brier,
               figures->calibration_error);
    putchar('\n');
}

static void print_lines(const vg_classify_result *result)
{
    bool has_test = false, has_images = false;
    printf("\nmethod    split    images  correct  log loss   Brier  calibration\n");
    for (size_t i = 0; i < result->line_count; i++) {
        print_line(&result->lines[i]);
        has_test |= strcmp(result->lines[i].split, "test") == 0;
        has_images |= strcmp(result->lines[i].split, "folds") == 0;
    }
    for (size_t i = 0; i < result->line_count; i++) {
        const vg_classify_line *line = &result->lines[i];
        bool is_said = line->left_classes == 0;
        for (size_t j = 0; j < i; j++) is_said |= strcmp(result->lines[j].split, line->split) == 0;
        if (is_said) continue;
        printf("\n");
        vg_cli_print_row("left out",
                         "%" PRIu64 " classes without training images in %s (%" PRIu64
                         " images): %s",
                         line->left_classes, line->split, line->left_out, line->left_names);
    }
    if (has_images)
        printf("\nFolds of single images, and splits that show the same objects on both sides, "
               "flatter:\n"
               "--group keeps the images of an object on one side.\n");
    else if (has_test)
        printf(
            "\n'groups' is what to expect of other objects, 'test' of other pictures of these.\n");
}

static void print_summary(const void *context)
{
    const session *s = context;
    const vg_classify_result *result = &s->result;
    printf("rows      %" PRIu64 ", %d classes\n", result->rows, result->classes);
    if (s->action != PREDICT) {
        printf("trained   on %" PRIu64 " images", result->trained);
        if (result->groups > 0)
            printf(", in %d folds of %" PRIu64 " groups", result->folds, result->groups);
        else if (result->folds > 0)
            printf(", in %d folds", result->folds);
        printf("\n");
    }
    if (s->action == TRAIN && s->job.methods[VG_METHOD_LOGISTIC])
        printf("fit       %d steps, slope %.1e%s\n", result->fit.iterations, result->fit.gradient,
               result->fit.is_converged ? "" : ", not converged");
    printf("speed     %.1f s\n", result->seconds);
    vg_cli_print_row(s->action == TRAIN ? "model" : "table", "%s", result->folder);
    if (s->action != PREDICT && result->line_count > 0)
        print_lines(result);
    else if (s->action == PREDICT && result->lines[0].figures.images > 0)
        printf("agree     %.2f %% of %" PRIu64 " images have the label that was predicted\n",
               100.0 * result->lines[0].figures.accuracy, result->lines[0].figures.images);
    if (result->knows_unknown)
        printf("unknown   %" PRIu64 " images, unlike all that was trained on\n", result->unknown);
}

static void add_figures(const void *context, vg_cli_json *end)
{
    const session *s = context;
    const vg_classify_result *result = &s->result;
    if (s->action != TRAIN) vg_cli_json_text(end, "timestamp", result->timestamp);
    vg_cli_json_count(end, "rows", result->rows);
    for (size_t i = 0; i < result->line_count; i++) {
        char key[64];
        const vg_classify_line *line = &result->lines[i];
        snprintf(key, sizeof key, "accuracy_%s_%s", line->method, line->split);
        vg_cli_json_number(end, key, line->figures.accuracy);
    }
    if (result->knows_unknown) vg_cli_json_count(end, "unknown", result->unknown);
    vg_cli_json_number(end, "seconds", result->seconds);
    vg_cli_json_text(end, s->action == TRAIN ? "classifier" : "tables", result->folder);
}

static int run_classify(const vg_cli_command *command, int argc, char **argv)
{
    session s = {0};
    int key = parse(&s, command, argc, argv);
    int exit_code = key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;
    if (key == VG_CLI_END)
        exit_code =
            vg_cli_do(&(vg_cli_job){.command = command,
                                    .shared = &s.shared,
                                    .input = s.job.target.output,
                                    .output = s.action == TRAIN ? s.job.file : s.job.target.output,
                                    .context = &s,
                                    .work = work,
                                    .print_summary = print_summary,
                                    .add_figures = add_figures});
    vg_cli_join_close(&s.join);
    return exit_code;
}

const vg_cli_command vg_command_classify = {
    .name = "classify",
    .synopsis = "train|evaluate|predict OUTPUT [FILE] [options]",
    .summary = "Learn the labels from features, and say how well",
    .description =
        "OUTPUT is the output of a run: its newest complete features are taken, with their\n"
        "labels as classes; train and evaluate leave out images that have none.\n"
        "\n"
        "train     makes a classifier of them and writes it to FILE, in the\n"
        "          safetensors format; its probabilities are calibrated in the folds\n"
        "evaluate  trains and tests, and writes the tables evaluation (a row a class),\n"
        "          confusion and predictions. Images are tested on in folds, and those of\n"
        "          --test after training on the others. Classes that nothing was trained on\n"
        "          are named and left out\n"
        "predict   writes the table predictions for all rows: the likeliest classes by the\n"
        "          classifier FILE with their probabilities, and which are unknown, unlike\n"
        "          all that it was trained on\n"
        "\n"
        "Examples:\n"
        "  verger classify evaluate out --test 'Test/**'\n"
        "  verger classify evaluate out --group '/(Apple [^/]*)/([a-z0-9]*_)?[0-9]+_100'\n"
        "  verger classify train out fruits.safetensors --c auto\n"
        "  verger classify train out f.safetensors --join sensors.csv --columns weight,colour\n"
        "  verger classify predict new fruits.safetensors",
    .options = classify_options,
    .run = run_classify,
};
