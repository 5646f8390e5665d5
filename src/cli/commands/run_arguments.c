#include "cli/commands/run_arguments.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/usable_cpus.h"

enum {
    OPTION_COMPONENTS = 'k',
    OPTION_THREADS = 256,
    OPTION_PIN,
    OPTION_KERNELS,
    OPTION_MODEL,
    OPTION_DRY_RUN,
    OPTION_RESUME,
    OPTION_UPDATE,
    OPTION_CHECKSUM,
    OPTION_MAX_ERRORS,
    OPTION_EXIF_ORIENT,
    OPTION_MAX_PIXELS,
    OPTION_MAX_FILE_SIZE,
    OPTION_PART_ROWS,
    OPTION_HAND_OUT,
    OPTION_PARTS,
    OPTION_NORMALIZE,
    OPTION_DTYPE,
    OPTION_QUALITY
};

const vg_cli_option vg_cli_run_options[] = {
    {OPTION_COMPONENTS, "components", "K", NULL,
     "components of the PCA, 1 to 1280 (default: 50); 0 for features alone; 0.95 for as many as "
     "explain 95 % of the variance"},
    VG_CLI_PCA_CHOICES,
    VG_CLI_SELECTION_OPTIONS,
    {OPTION_THREADS, "threads", "N", NULL, "worker threads (default: one a CPU)"},
    {OPTION_PIN, "pin", NULL, NULL, "bind each worker thread to one CPU"},
    {OPTION_KERNELS, "kernels", "SET", "ref avx2 avx512 neon amx amx-ref",
     "kernel set of the network (default: $VERGER_CPU, else the best of float32); amx gives other "
     "bits"},
    VG_CLI_FORMAT_OPTION,
    {OPTION_NORMALIZE, "normalize", NULL, NULL,
     "write features of length 1, for search by inner products; the PCA is of these"},
    {OPTION_DTYPE, "dtype", "TYPE", "float32 float16",
     "type of the features: float32 (default), or float16 of half the size and 3 digits"},
    {OPTION_QUALITY, "quality", NULL, NULL,
     "measure brightness, contrast, sharpness and a small grey copy of each image, for 'verger "
     "inspect'"},
    {OPTION_MODEL, "model", "FILE", "FILE",
     "weights: a safetensors file, or seeded:N for weights drawn from the seed N, for trials"},
    VG_CLI_TIMESTAMP_OPTIONS,
    {OPTION_RESUME, "resume", NULL, NULL,
     "go on with the last run of OUTPUT that has not finished; start one where there is none"},
    {OPTION_UPDATE, "update", NULL, NULL,
     "take the features of images that have not changed from the last run of OUTPUT; only new and "
     "changed ones go through the network"},
    {OPTION_CHECKSUM, "checksum", NULL, NULL,
     "with --update, tell changed images by their content instead of size and time"},
    {OPTION_DRY_RUN, "dry-run", NULL, NULL, "select and check, say what would be done, and stop"},
    {OPTION_MAX_ERRORS, "max-errors", "N|P%", NULL,
     "stop when more images than this failed: a number, or a share of the selected ones "
     "(default: no bound)"},
    {OPTION_EXIF_ORIENT, "exif-orient", NULL, NULL, "turn images as their EXIF data say"},
    {OPTION_MAX_PIXELS, "max-pixels", "N", NULL,
     "largest width times height of an image; a larger one fails (default: 178956970)"},
    {OPTION_MAX_FILE_SIZE, "max-file-size", "SIZE", NULL,
     "largest image file in bytes, K, M or G may follow; a larger one fails (default: 256M)"},
    {OPTION_PART_ROWS, "part-rows", "N", NULL,
     "images a part file, in the mean (default: 4096, or what the run has that goes on)"},
    {OPTION_HAND_OUT, "hand-out", "N", NULL,
     "let N others extract: print the run and its missing parts as one line of JSON, wait for a "
     "line on standard input, and go on with what they did (docs/operations.md)"},
    {OPTION_PARTS, "parts", "LIST", NULL,
     "extract these parts, such as 0,7, of the run --timestamp, which a call with --hand-out "
     "leads"},
    VG_CLI_STORE_OPTIONS,
    VG_CLI_REPORT_OPTIONS,
    {0}};

static bool take_number(const vg_cli_command *command, const char *option, const char *text,
                        uint64_t *number)
{
    long value;
    if (!vg_cli_integer(command, option, text, 1, LONG_MAX, &value)) return false;
    *number = (uint64_t)value;
    return true;
}

static bool take_threads(vg_cli_run_arguments *arguments, const vg_cli_command *command,
                         const char *text)
{
    long threads;
    if (!vg_cli_integer(command, "--threads", text, 1, VG_MOST_THREADS, &threads)) return false;
    arguments->options.threads = (int)threads;
    return true;
}

static bool take_file_size(vg_cli_run_arguments *arguments, const vg_cli_command *command,
                           const char *text)
{
    long bytes;
    if (!vg_cli_size(command, "--max-file-size", text, 1, LONG_MAX, &bytes)) return false;
    arguments->options.max_file_size = (uint64_t)bytes;
    return true;
}

static bool take_max_errors(vg_cli_run_arguments *arguments, const vg_cli_command *command,
                            const char *text)
{
    long count;
    double share;
    if (!vg_cli_amount(command, "--max-errors", text, &count, &share)) return false;
    if (share >= 0)
        arguments->options.max_error_share = share;
    else
        arguments->options.max_errors = (uint64_t)count;
    return true;
}

static bool take_hands(vg_cli_run_arguments *arguments, const vg_cli_command *command,
                       const char *text)
{
    long hands;
    if (!vg_cli_integer(command, "--hand-out", text, 1, 1 << 20, &hands)) return false;
    arguments->options.hands = (int)hands;
    return true;
}

/* Whole numbers with commas between. */
static bool take_parts(vg_cli_run_arguments *arguments, const vg_cli_command *command,
                       const char *text)
{
    free(arguments->parts);
    arguments->part_count = 0;
    arguments->parts = calloc(strlen(text) / 2 + 1, sizeof *arguments->parts);
    for (const char *at = text; arguments->parts != NULL; at++) {
        char *end;
        unsigned long long number = strtoull(at, &end, 10);
        bool is_number = *at >= '0' && *at <= '9' && (*end == ',' || *end == '\0');
        if (!is_number) break;
        arguments->parts[arguments->part_count++] = number;
        if (*end == '\0') return true;
        at = end;
    }
    vg_cli_usage_error(command, "--parts takes numbers with commas between, such as 0,7, not '%s'",
                       text);
    return false;
}

static bool take_option(vg_cli_run_arguments *arguments, const vg_cli_command *command, int key,
                        const char *value)
{
    vg_run_options *options = &arguments->options;
    switch (key) {
    case OPTION_COMPONENTS: arguments->components = value; return true;
    case OPTION_THREADS: return take_threads(arguments, command, value);
    case OPTION_PIN: options->pin = true; return true;
    case OPTION_KERNELS: options->kernels = value; return true;
    case OPTION_MODEL: arguments->model = value; return true;
    case OPTION_RESUME: options->resume = true; return true;
    case OPTION_UPDATE: options->update = true; return true;
    case OPTION_CHECKSUM: options->checksum = true; return true;
    case OPTION_DRY_RUN: options->dry_run = true; return true;
    case OPTION_MAX_ERRORS: return take_max_errors(arguments, command, value);
    case OPTION_EXIF_ORIENT: options->image.exif_orient = 1; return true;
    case OPTION_MAX_PIXELS:
        return take_number(command, "--max-pixels", value, &options->image.max_pixels);
    case OPTION_MAX_FILE_SIZE: return take_file_size(arguments, command, value);
    case OPTION_PART_ROWS:
        options->free_part_rows = false;
        return take_number(command, "--part-rows", value, &options->part_rows);
    case OPTION_HAND_OUT: return take_hands(arguments, command, value);
    case OPTION_PARTS: return take_parts(arguments, command, value);
    case OPTION_NORMALIZE: options->form.normalize = true; return true;
    case OPTION_QUALITY: options->quality = true; return true;
    case OPTION_DTYPE:
        options->form.float16 = strcmp(value, "float16") == 0;
        return vg_cli_choice(command, "--dtype", value, "float32 float16") >= 0;
    default:
        if (vg_cli_pca_choice(&options->choices, key, value)) return true;
        if (vg_cli_is_selection(key))
            return vg_cli_selection_option(&arguments->selection, command, key, value);
        return vg_cli_shared_option(&arguments->shared, command, key, value);
    }
}

static bool take_positional(vg_cli_run_arguments *arguments, const vg_cli_command *command,
                            const char *word)
{
    const size_t most = sizeof arguments->positional / sizeof arguments->positional[0];
    if (arguments->positional_count == most) {
        vg_cli_usage_error(command, "one word too many: '%s'", word);
        return false;
    }
    arguments->positional[arguments->positional_count++] = word;
    return true;
}

/* INPUT OUTPUT, or the reference's INPUT OUTPUT MODE K. */
static bool place_positionals(vg_cli_run_arguments *arguments, const vg_cli_command *command)
{
    const char **words = arguments->positional;
    if (!vg_cli_check_folders(command, "INPUT", words[0], words[1])) return false;
    arguments->options.input = words[0];
    arguments->options.output = words[1];
    if (words[2] != NULL) {
        if (arguments->selection.options.mode != NULL) {
            vg_cli_usage_error(command, "the mode is given twice: '%s' and '%s'",
                               arguments->selection.options.mode, words[2]);
            return false;
        }
        if (vg_cli_choice(command, "MODE", words[2], VG_CLI_MODE_VALUES) < 0) return false;
        arguments->selection.options.mode = words[2];
    }
    if (words[3] != NULL) {
        if (arguments->components != NULL) {
            vg_cli_usage_error(command, "the components are given twice: '%s' and '%s'",
                               arguments->components, words[3]);
            return false;
        }
        arguments->components = words[3];
    }
    return true;
}

/* What says how to stand to earlier runs. */
static bool check_continuation(const vg_cli_run_arguments *arguments, const vg_cli_command *command)
{
    const vg_run_options *options = &arguments->options;
    if (options->checksum && !options->update) {
        vg_cli_usage_error(command, "--checksum goes with --update");
        return false;
    }
    if (options->resume && arguments->shared.overwrite) {
        vg_cli_usage_error(command, "--resume goes on with a run, --overwrite begins it again: "
                                    "give one of them");
        return false;
    }
    return true;
}

/* What is told on standard input and output alone, or by somebody else. */
static bool check_shares(const vg_cli_run_arguments *arguments, const vg_cli_command *command)
{
    const vg_selection_options *selection = &arguments->selection.options;
    bool hands_out = arguments->options.hands > 0, has_parts = arguments->parts != NULL;
    if (hands_out && has_parts) {
        vg_cli_usage_error(command,
                           "--hand-out leads a run, --parts works for one: give one of them");
        return false;
    }
    if (hands_out && selection->files_from != NULL && strcmp(selection->files_from, "-") == 0) {
        vg_cli_usage_error(command,
                           "--hand-out waits on standard input, so --files-from has to be a "
                           "file");
        return false;
    }
    if (has_parts && arguments->shared.timestamp == NULL) {
        vg_cli_usage_error(command, "--parts are those of a run: name it with --timestamp");
        return false;
    }
    return true;
}

static bool check(vg_cli_run_arguments *arguments, const vg_cli_command *command)
{
    vg_run_options *options = &arguments->options;
    if (!check_shares(arguments, command)) return false;
    if (!check_continuation(arguments, command)) return false;
    if (!place_positionals(arguments, command)) return false;
    if (!vg_cli_selection_check(&arguments->selection, command)) return false;
    if (arguments->components != NULL) {
        const char *name = arguments->positional_count == 4 ? "K" : "--components";
        if (!vg_cli_components(command, name, arguments->components, &options->components,
                               &options->variance_share))
            return false;
    }
    const vg_pca_choices *choices = &options->choices;
    bool has_pca = options->components > 0 || options->variance_share > 0;
    if (!has_pca && (choices->fit_on != NULL || choices->center || choices->whiten)) {
        vg_cli_usage_error(command, "--fit-on, --center and --whiten are of a PCA: leave -k 0 out");
        return false;
    }
    options->selection = arguments->selection.options;
    options->parquet = arguments->shared.parquet;
    options->csv = arguments->shared.csv;
    options->timestamp = arguments->shared.timestamp;
    options->overwrite = arguments->shared.overwrite;
    options->store = arguments->shared.store;
    return true;
}

void vg_cli_run_arguments_close(vg_cli_run_arguments *arguments)
{
    vg_cli_selection_close(&arguments->selection);
    free(arguments->parts);
    arguments->parts = NULL;
}

int vg_cli_run_parse(vg_cli_run_arguments *arguments, const vg_cli_command *command, int argc,
                     char **argv)
{
    *arguments = (vg_cli_run_arguments){0};
    vg_run_options_default(&arguments->options);
    arguments->options.free_part_rows = true;
    vg_cli_shared_options_default(&arguments->shared);

    const char *value;
    vg_cli_parser parser;
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        if (key == VG_CLI_ERROR || key == VG_CLI_HELP) return key;
        bool taken = key == VG_CLI_POSITIONAL ? take_positional(arguments, command, value)
                                              : take_option(arguments, command, key, value);
        if (!taken) return VG_CLI_ERROR;
    }
    return check(arguments, command) ? VG_CLI_END : VG_CLI_ERROR;
}
