#include "cli/parsing/selection_arguments.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "selection/labels.h"

void vg_cli_selection_close(vg_cli_selection *selection)
{
    free(selection->selects);
    free(selection->excludes);
    free(selection->keeps);
    for (size_t i = 0; i < selection->keep_word_count; i++) free(selection->keep_words[i]);
    free(selection->keep_words);
    *selection = (vg_cli_selection){0};
}

bool vg_cli_is_selection(int key)
{
    return key >= VG_CLI_MODE && key <= VG_CLI_KEEP_COLUMNS;
}

/* One more word of an option that may be given several times. */
static bool add_text(const char ***words, vg_texts *texts, const char *word)
{
    const char **longer = realloc(*words, (texts->count + 1) * sizeof **words);
    if (longer == NULL) {
        vg_cli_failed(&(vg_error){"out of memory"});
        return false;
    }
    longer[texts->count] = word;
    *words = longer;
    *texts = (vg_texts){longer, texts->count + 1};
    return true;
}

static bool take_number(const vg_cli_command *command, const char *option, const char *text,
                        long low, uint64_t *number)
{
    long value;
    if (!vg_cli_integer(command, option, text, low, LONG_MAX, &value)) return false;
    *number = (uint64_t)value;
    return true;
}

static bool take_label(vg_selection_options *options, const vg_cli_command *command,
                       const char *text)
{
    vg_label_rule rule;
    vg_error error;
    options->label = text;
    vg_status status = vg_label_rule_open(&rule, text, &error);
    vg_label_rule_close(&rule);
    if (status != VG_OK) vg_cli_usage_error(command, "%s", error.message);
    return status == VG_OK;
}

static bool keep_word(vg_cli_selection *selection, char *word)
{
    size_t bytes = (selection->keep_word_count + 1) * sizeof *selection->keep_words;
    char **longer = word != NULL ? realloc(selection->keep_words, bytes) : NULL;
    if (longer == NULL) {
        free(word);
        vg_cli_failed(&(vg_error){"out of memory"});
        return false;
    }
    longer[selection->keep_word_count++] = word;
    selection->keep_words = longer;
    return true;
}

/* "caption,source" */
static bool take_columns(vg_cli_selection *selection, const vg_cli_command *command,
                         const char *text)
{
    vg_texts *columns = &selection->options.keep_columns;
    vg_error error = {""};
    char *word = strdup(text);
    if (!keep_word(selection, word)) return false;
    for (char *next = word; next != NULL;) {
        char *name = next, *comma = strchr(next, ',');
        next = comma != NULL ? comma + 1 : NULL;
        if (comma != NULL) *comma = '\0';
        if (!add_text(&selection->keeps, columns, name)) return false;
    }
    if (vg_check_kept_columns(columns, &error) == VG_OK) return true;
    vg_cli_usage_error(command, "%s", error.message);
    return false;
}

bool vg_cli_selection_option(vg_cli_selection *selection, const vg_cli_command *command, int key,
                             const char *value)
{
    vg_selection_options *options = &selection->options;
    switch (key) {
    case VG_CLI_MODE:
        options->mode = value;
        return vg_cli_choice(command, "--mode", value, VG_CLI_MODE_VALUES) >= 0;
    case VG_CLI_SELECT: return add_text(&selection->selects, &options->selects, value);
    case VG_CLI_EXCLUDE: return add_text(&selection->excludes, &options->excludes, value);
    case VG_CLI_FILES_FROM: options->files_from = value; return true;
    case VG_CLI_LIMIT: return take_number(command, "--limit", value, 1, &options->limit);
    case VG_CLI_SAMPLE: return take_number(command, "--sample", value, 1, &options->sample);
    case VG_CLI_SEED:
        selection->has_seed = true;
        return take_number(command, "--seed", value, 0, &options->seed);
    case VG_CLI_LABEL: return take_label(options, command, value);
    case VG_CLI_LABEL_COLUMN: options->label_column = value; return true;
    case VG_CLI_KEEP_COLUMNS: return take_columns(selection, command, value);
    default: return false;
    }
}

bool vg_cli_selection_check(const vg_cli_selection *selection, const vg_cli_command *command)
{
    const vg_selection_options *options = &selection->options;
    const char *fault = NULL;
    if ((options->mode != NULL) + (options->selects.count > 0) + (options->files_from != NULL) > 1)
        fault = "a mode, --select and --files-from exclude one another: each says which images to "
                "take";
    else if (options->limit > 0 && options->sample > 0)
        fault = "--limit takes the first images, --sample draws some: give one of them";
    else if (selection->has_seed && options->sample == 0)
        fault = "--seed goes with --sample";
    if (fault != NULL) vg_cli_usage_error(command, "%s", fault);
    return fault == NULL;
}
