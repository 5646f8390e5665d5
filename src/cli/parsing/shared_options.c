#include "cli/parsing/shared_options.h"

#include <stdlib.h>
#include <string.h>

#include "output/timestamp.h"

void vg_cli_shared_options_default(vg_cli_shared_options *options)
{
    *options = (vg_cli_shared_options){
        .parquet = true, .csv = true, .style = VG_CLI_STYLE_AUTO, .log_level = VG_LOG_INFO};
    const char *region = getenv("VERGER_REQUIRE_REGION");
    if (region != NULL && region[0] != '\0') options->store.require_region = region;
}

static bool take_formats(vg_cli_shared_options *options, const vg_cli_command *command,
                         const char *list)
{
    options->parquet = options->csv = false;
    for (const char *word = list;; word++) {
        size_t length = strcspn(word, ",");
        if (length == strlen("parquet") && strncmp(word, "parquet", length) == 0)
            options->parquet = true;
        else if (length == strlen("csv") && strncmp(word, "csv", length) == 0)
            options->csv = true;
        else
            break;
        word += length;
        if (*word == '\0') return true;
    }
    vg_cli_usage_error(command, "--format takes parquet, csv or parquet,csv, not '%s'", list);
    return false;
}

static bool take_timestamp(vg_cli_shared_options *options, const vg_cli_command *command,
                           const char *text)
{
    char timestamp[VG_TIMESTAMP_CHARS];
    vg_error error;
    options->timestamp = text;
    if (vg_timestamp_choose(timestamp, text, &error) == VG_OK) return true;
    vg_cli_usage_error(command, "%s", error.message);
    return false;
}

/* Standard output is for results, and what is written again and again has to be
 * replaced. */
static bool take_metrics(vg_cli_shared_options *options, const vg_cli_command *command,
                         const char *path)
{
    options->metrics = path;
    if (path[0] != '\0' && strcmp(path, "-") != 0) return true;
    vg_cli_usage_error(command, "--metrics takes the name of a file, not '%s'", path);
    return false;
}

/* What the command's table calls an option. */
static const char *name_of(const vg_cli_command *command, int key)
{
    const vg_cli_option *option = command->options;
    while (option->name != NULL && option->key != key) option++;
    return option->name != NULL ? option->name : "?";
}

void vg_cli_shared_target(const vg_cli_shared_options *options, vg_target *target)
{
    target->parquet = options->parquet;
    target->csv = options->csv;
    target->timestamp = options->timestamp;
    target->overwrite = options->overwrite;
    target->store = options->store;
}

bool vg_cli_shared_option(vg_cli_shared_options *options, const vg_cli_command *command, int key,
                          const char *value)
{
    int choice = 0;
    switch (key) {
    case VG_CLI_FORMAT: return take_formats(options, command, value);
    case VG_CLI_TIMESTAMP: return take_timestamp(options, command, value);
    case VG_CLI_OVERWRITE: options->overwrite = true; return true;
    case VG_CLI_PROGRESS:
        choice = vg_cli_choice(command, "--progress", value, VG_CLI_PROGRESS_VALUES);
        if (choice >= 0) options->style = (vg_cli_style)choice;
        return choice >= 0;
    case VG_CLI_LOG_LEVEL:
        choice = vg_cli_choice(command, "--log-level", value, VG_CLI_LOG_LEVEL_VALUES);
        if (choice >= 0) options->log_level = (vg_log_level)choice;
        options->log_level_is_given = true;
        return choice >= 0;
    case VG_CLI_METRICS: return take_metrics(options, command, value);
    case VG_CLI_REQUIRE_REGION: options->store.require_region = value; return true;
    case VG_CLI_SSE:
        choice = vg_cli_choice(command, "--sse", value, VG_CLI_SSE_VALUES);
        options->store.sse = value;
        return choice >= 0;
    case VG_CLI_SSE_KMS_KEY: options->store.sse_kms_key = value; return true;
    case VG_CLI_REQUESTER_PAYS: options->store.requester_pays = true; return true;
    case VG_CLI_FOLLOW_LINKS: options->store.follow_links = true; return true;
    case VG_CLI_QUIET:
        options->quiet = true;
        options->style = VG_CLI_STYLE_NONE;
        if (!options->log_level_is_given) options->log_level = VG_LOG_ERROR;
        return true;
    default:
        vg_cli_usage_error(command,
                           "--%s is not taken: this is a fault of verger, please report it",
                           name_of(command, key));
        return false;
    }
}

bool vg_cli_components(const vg_cli_command *command, const char *option, const char *text,
                       int *components, double *share)
{
    const char digits[] = "0123456789";
    size_t before = strspn(text, digits), after = 0;
    if (text[before] == '.') after = strspn(text + before + 1, digits);
    *share = 0;
    if (after > 0 && text[before + 1 + after] == '\0') {
        *components = 0;
        *share = strtod(text, NULL);
        if (*share > 0 && *share < 1) return true;
        vg_cli_usage_error(command, "%s takes a share of the variance between 0 and 1, not '%s'",
                           option, text);
        return false;
    }
    long number;
    if (!vg_cli_integer(command, option, text, 0, VG_FEATURE_COUNT, &number)) return false;
    *components = (int)number;
    return true;
}

bool vg_cli_pca_choice(vg_pca_choices *choices, int key, const char *value)
{
    switch (key) {
    case VG_CLI_FIT_ON: choices->fit_on = value; return true;
    case VG_CLI_CENTER: choices->center = true; return true;
    case VG_CLI_WHITEN: choices->whiten = true; return true;
    default: return false;
    }
}

bool vg_cli_take_word(const vg_cli_command *command, const char *word, const char **place)
{
    if (*place != NULL) vg_cli_usage_error(command, "one word too many: '%s'", word);
    if (*place != NULL) return false;
    *place = word;
    return true;
}

bool vg_cli_take_folder(const vg_cli_command *command, const char *word, const char **input,
                        const char **output)
{
    return vg_cli_take_word(command, word, *input == NULL ? input : output);
}

bool vg_cli_check_folders(const vg_cli_command *command, const char *input_name, const char *input,
                          const char *output)
{
    const char *missing = NULL;
    if (input == NULL || input[0] == '\0')
        missing = input_name;
    else if (output == NULL || output[0] == '\0')
        missing = "OUTPUT";
    if (missing != NULL) vg_cli_usage_error(command, "%s is missing", missing);
    return missing == NULL;
}
