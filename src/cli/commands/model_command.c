/* verger model: where the weights are, how they come, whether they are right. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/reporting/progress.h"
#include "digest/sha256.h"
#include "weights/sources.h"

enum {
    OPTION_URL = 256,
    OPTION_SHA256,
    OPTION_FORCE = 'f',
    OPTION_OUTPUT = 'o',
    SHORT_DIGEST = 12
};

static const vg_cli_option model_options[] = {
    {OPTION_URL, "url", "URL", NULL, "fetch: the address of a Keras weights file (.h5)"},
    {OPTION_SHA256, "sha256", "HEX", NULL, "fetch: the SHA-256 that the file must have"},
    {OPTION_FORCE, "force", NULL, NULL,
     "fetch, import: replace the weights that are there already"},
    {OPTION_OUTPUT, "output", "FILE", "FILE",
     "import: the safetensors file to write (default: the one in the cache)"},
    {0}};

typedef struct model_arguments {
    const char *action, *file; /* file is NULL where none was given */
    const char *url, *sha256, *output;
    bool force;
} model_arguments;

typedef struct model_action {
    const char *name;
    bool takes_file, needs_file, takes_url, takes_sha256, takes_force, takes_output;
    int (*run)(const model_arguments *arguments);
} model_action;

/* --- list --- */

static const char *const place_names[VG_MODEL_PLACES] = {"--model", "$VERGER_MODEL", "cache",
                                                         "download"};

static void print_place(vg_model_place place, bool is_used)
{
    char source[VG_PATH_CHARS], shown[VG_PATH_CHARS], hex[VG_SHA256_CHARS] = "";
    int exists;
    vg_model_look(place, NULL, source, &exists);
    if (place == VG_MODEL_DOWNLOAD) vg_shown_address(shown, source);
    if (exists && vg_file_sha256(source, hex, NULL) == VG_OK) hex[SHORT_DIGEST] = '\0';
    const char *state = source[0] == '\0'            ? ""
                        : place == VG_MODEL_DOWNLOAD ? "on demand"
                        : !exists                    ? "missing"
                        : hex[0] != '\0'             ? hex
                                                     : "found";
    printf("%c %-13s  %-12s  %s\n", is_used ? '*' : ' ', place_names[place], state,
           source[0] == '\0'            ? "not given"
           : place == VG_MODEL_DOWNLOAD ? shown
                                        : source);
}

static int run_list(const model_arguments *arguments)
{
    (void)arguments;
    vg_model_location location;
    vg_error error;
    vg_status status = vg_model_locate(NULL, &location, &error);
    printf("  %-13s  %-12s  %s\n", "place", "sha256", "weights (* those that are used)");
    for (int i = 0; i < VG_MODEL_PLACES; i++) {
        vg_model_place place = (vg_model_place)i;
        print_place(place, status == VG_OK && location.place == place);
    }
    return status == VG_OK ? VG_EXIT_OK : vg_cli_failed(&error);
}

/* --- fetch and import --- */

static bool is_there(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0;
}

static vg_status fetch(const model_arguments *arguments, char path[VG_PATH_CHARS], vg_error *error)
{
    vg_cli_progress *progress = NULL;
    vg_status status = vg_cli_progress_open(&progress, VG_CLI_STYLE_AUTO, VG_LOG_INFO, error);
    if (status != VG_OK) return status;
    vg_cli_catch_signals();
    status = vg_model_fetch(arguments->url, arguments->sha256, vg_cli_progress_download, progress,
                            path, error);
    vg_cli_progress_close(&progress);
    return status;
}

static int run_fetch(const model_arguments *arguments)
{
    char path[VG_PATH_CHARS];
    vg_error error;
    vg_status status = vg_model_cache_path(path, &error);
    if (status == VG_OK && !arguments->force && is_there(path)) {
        printf("%s is there already (--force fetches it again)\n", path);
        return VG_EXIT_OK;
    }
    if (status == VG_OK) status = fetch(arguments, path, &error);
    if (status != VG_OK) return vg_cli_failed(&error);
    printf("%s\n", path);
    return VG_EXIT_OK;
}

static vg_status import(const char *file, const char *path, vg_error *error)
{
    vg_weights *weights = NULL;
    vg_status status = vg_weights_import_keras(&weights, file, error);
    if (status == VG_OK) status = vg_make_parent_folders(path, error);
    if (status == VG_OK) status = vg_weights_write_safetensors(weights, path, error);
    vg_weights_close(&weights);
    return status;
}

static int run_import(const model_arguments *arguments)
{
    char path[VG_PATH_CHARS];
    vg_error error;
    vg_status status = VG_OK;
    if (arguments->output == NULL)
        status = vg_model_cache_path(path, &error);
    else if (strlen(arguments->output) >= sizeof path)
        status = vg_fail(&error, VG_EINVAL, "the path of --output is too long");
    else
        snprintf(path, sizeof path, "%s", arguments->output);
    if (status == VG_OK && !arguments->force && is_there(path))
        status = vg_fail(&error, VG_EEXIST, "%s is there already: --force replaces it", path);
    if (status == VG_OK) status = import(arguments->file, path, &error);
    if (status != VG_OK) return vg_cli_failed(&error);
    printf("%s\n", path);
    return VG_EXIT_OK;
}

/* --- info and verify --- */

/* The weights of `file`, or those a run would take. */
static vg_status find_source(const char *file, char source[VG_PATH_CHARS], vg_error *error)
{
    vg_model_location location;
    vg_status status = vg_model_locate(file, &location, error);
    if (status != VG_OK) return status;
    if (location.place == VG_MODEL_DOWNLOAD)
        return vg_fail(error, VG_ENOTFOUND,
                       "there are no weights on this machine yet: 'verger model fetch' gets them");
    snprintf(source, VG_PATH_CHARS, "%s", location.source);
    return VG_OK;
}

static vg_status print_file(const char *path, vg_error *error)
{
    char hex[VG_SHA256_CHARS];
    uint64_t parameters = 0;
    vg_weights *weights = NULL;
    vg_status status = vg_file_sha256(path, hex, error);
    if (status == VG_OK) status = vg_weights_read_safetensors(&weights, path, error);
    if (status != VG_OK) return status;
    for (size_t i = 0; i < weights->count; i++) {
        uint64_t count = 1;
        for (int k = 0; k < weights->tensors[i].rank; k++)
            count *= (uint64_t)weights->tensors[i].shape[k];
        parameters += count;
    }
    printf("sha256      %s\n", hex);
    printf("origin      %s\n", weights->origin[0] != '\0' ? weights->origin : "unknown");
    printf("tensors     %zu\n", weights->count);
    printf("parameters  %" PRIu64 "\n", parameters);
    vg_weights_close(&weights);
    return VG_OK;
}

static int run_info(const model_arguments *arguments)
{
    char source[VG_PATH_CHARS];
    vg_model *model = NULL;
    vg_error error;
    vg_status status = find_source(arguments->file, source, &error);
    if (status != VG_OK) return vg_cli_failed(&error);
    printf("weights     %s\n", source);
    if (vg_model_is_seeded(source))
        printf("origin      drawn from a seed: features without meaning\n");
    else
        status = print_file(source, &error);
    /* Opening the model checks that the tensors are those of the network. */
    if (status == VG_OK) status = vg_model_open(&model, source, NULL, &error);
    if (status != VG_OK) return vg_cli_failed(&error);
    vg_model_close(&model);
    printf("network     MobileNetV2 1.0 at %d, without its head\n", VG_IMAGE_SIZE);
    printf("layers      %d\n", VG_LAYER_COUNT);
    printf("features    %d\n", VG_FEATURE_COUNT);
    return VG_EXIT_OK;
}

static int run_verify(const model_arguments *arguments)
{
    char source[VG_PATH_CHARS];
    vg_verification result;
    vg_error error;
    vg_status status = find_source(arguments->file, source, &error);
    if (status == VG_OK) status = vg_model_verify(source, &result, &error);
    if (status != VG_OK) return vg_cli_failed(&error);

    printf("weights     %s\n", source);
    printf("kernels     %s\n", result.kernels);
    printf("features    %d of %d are not zero, all are finite\n", result.alive, VG_FEATURE_COUNT);
    if (vg_model_is_seeded(source)) {
        printf("verified    no more than that: only the official weights have known features\n");
        return VG_EXIT_OK;
    }
    if (result.difference <= VG_VERIFY_TOLERANCE) {
        printf("verified    the official ImageNet weights; %d features differ by %.1e at most\n",
               result.compared, result.difference);
        return VG_EXIT_OK;
    }
    vg_fail(&error, VG_EFORMAT,
            "the features of %s differ by %.1e from those of the official ImageNet weights: these "
            "are other weights, or they are damaged ('verger model fetch --force' gets the "
            "official ones)",
            source, result.difference);
    return vg_cli_failed(&error);
}

/* --- which of them --- */

static const model_action actions[] = {
    {.name = "list", .run = run_list},
    {.name = "fetch",
     .takes_url = true,
     .takes_sha256 = true,
     .takes_force = true,
     .run = run_fetch},
    {.name = "import",
     .takes_file = true,
     .needs_file = true,
     .takes_force = true,
     .takes_output = true,
     .run = run_import},
    {.name = "info", .takes_file = true, .run = run_info},
    {.name = "verify", .takes_file = true, .run = run_verify},
};

static const char action_values[] = "list fetch import info verify";

static bool take_word(const vg_cli_command *command, model_arguments *arguments, const char *word)
{
    if (arguments->action == NULL)
        arguments->action = word;
    else if (arguments->file == NULL)
        arguments->file = word;
    else
        return vg_cli_usage_error(command, "one word too many: \"%s\"", word) == VG_EXIT_OK;
    return true;
}

/* VG_CLI_END when all is understood, else VG_CLI_ERROR or VG_CLI_HELP. */
static int parse(model_arguments *arguments, const vg_cli_command *command, int argc, char **argv)
{
    const char *value;
    vg_cli_parser parser;
    vg_cli_parser_init(&parser, command, argc, argv);
    for (int key; (key = vg_cli_next(&parser, &value)) != VG_CLI_END;) {
        switch (key) {
        case VG_CLI_POSITIONAL:
            if (!take_word(command, arguments, value)) return VG_CLI_ERROR;
            break;
        case OPTION_URL: arguments->url = value; break;
        case OPTION_SHA256: arguments->sha256 = value; break;
        case OPTION_FORCE: arguments->force = true; break;
        case OPTION_OUTPUT: arguments->output = value; break;
        default: return key;
        }
    }
    return VG_CLI_END;
}

static const char *misplaced_option(const model_action *action, const model_arguments *arguments)
{
    if (arguments->url != NULL && !action->takes_url) return "--url";
    if (arguments->sha256 != NULL && !action->takes_sha256) return "--sha256";
    if (arguments->force && !action->takes_force) return "--force";
    if (arguments->output != NULL && !action->takes_output) return "--output";
    return NULL;
}

static int run_model(const vg_cli_command *command, int argc, char **argv)
{
    model_arguments arguments = {0};
    int key = parse(&arguments, command, argc, argv);
    if (key != VG_CLI_END) return key == VG_CLI_HELP ? VG_EXIT_OK : VG_EXIT_USAGE;

    if (arguments.action == NULL)
        return vg_cli_usage_error(command, "say what to do: one of %s", action_values);
    int position = vg_cli_choice(command, "verger model", arguments.action, action_values);
    if (position < 0) return VG_EXIT_USAGE;
    const model_action *action = &actions[position];
    const char *option = misplaced_option(action, &arguments);
    if (option != NULL)
        return vg_cli_usage_error(command, "'%s' does not take %s", action->name, option);
    if (action->needs_file && arguments.file == NULL)
        return vg_cli_usage_error(command, "'%s' needs a FILE", action->name);
    if (!action->takes_file && arguments.file != NULL)
        return vg_cli_usage_error(command, "'%s' takes no FILE", action->name);
    return action->run(&arguments);
}

const vg_cli_command vg_command_model = {
    .name = "model",
    .synopsis = "list|fetch|import|info|verify [FILE] [options]",
    .summary = "Find, fetch, import and check the network's weights",
    .description =
        "list           the places where weights are looked for, in order: --model FILE,\n"
        "               $VERGER_MODEL, the cache ($XDG_CACHE_HOME/verger or\n"
        "               ~/.cache/verger), then the download\n"
        "fetch          downloads the official Keras weights into the cache and converts\n"
        "               them; a download that broke off goes on where it stopped.\n"
        "               $VERGER_MODEL_URL replaces the address, $VERGER_MODEL_SHA256 says\n"
        "               what its file must be\n"
        "import FILE    converts a Keras weights file (.h5) of MobileNetV2, alpha 1.0:\n"
        "               batch norm is folded in, the classification head left out\n"
        "info [FILE]    tensors, parameters, digest and origin\n"
        "verify [FILE]  runs a built-in picture through the network and compares its\n"
        "               features with those of the official ImageNet weights; other\n"
        "               weights exit with 1\n"
        "\n"
        "FILE is a .safetensors file or seeded:N (import: an .h5); without it, the weights\n"
        "that a run would take.\n"
        "\n"
        "Examples:\n"
        "  verger model fetch\n"
        "  verger model import mobilenet.weights.h5 --output mine.safetensors\n"
        "  verger model verify mine.safetensors",
    .options = model_options,
    .run = run_model,
};
