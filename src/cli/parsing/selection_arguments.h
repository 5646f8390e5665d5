/* Options that say which images a command takes. */
#ifndef VG_CLI_PARSING_SELECTION_ARGUMENTS_H
#define VG_CLI_PARSING_SELECTION_ARGUMENTS_H

#include "cli/cli.h"
#include "selection/selection.h"

enum {
    VG_CLI_MODE = 640,
    VG_CLI_SELECT,
    VG_CLI_EXCLUDE,
    VG_CLI_FILES_FROM,
    VG_CLI_LIMIT,
    VG_CLI_SAMPLE,
    VG_CLI_SEED,
    VG_CLI_LABEL,
    VG_CLI_LABEL_COLUMN,
    VG_CLI_KEEP_COLUMNS
};

#define VG_CLI_MODE_VALUES "mini apples full"

#define VG_CLI_SELECTION_OPTIONS                                                                   \
    {VG_CLI_MODE, "mode", "MODE", VG_CLI_MODE_VALUES,                                              \
     "images to take of a folder in the layout of Fruits-360: mini is the first 300 of "           \
     "Training/Apple*/*.jpg, apples all of them, full is Training/*/*.jpg (default: every image "  \
     "below INPUT)"},                                                                              \
        {VG_CLI_SELECT, "select", "GLOB", NULL,                                                    \
         "images to take, as a pattern of paths below INPUT; * and ? stop at a /, ** does not, "   \
         "{a,b} is either, capitals count; may be given several times"},                           \
        {VG_CLI_EXCLUDE, "exclude", "GLOB", NULL,                                                  \
         "images or folders to leave out, as such a pattern; may be given several times"},         \
        {VG_CLI_FILES_FROM, "files-from", "LIST", "FILE",                                          \
         "images to take, as a file with one path a line, or a table (CSV, TSV, Parquet, JSON "    \
         "lines) with a column path, image, file or filename and, where it has one, label, class " \
         "or category; - is standard input"},                                                      \
        {VG_CLI_LIMIT, "limit", "N", NULL, "take the first N images only"},                        \
        {VG_CLI_SAMPLE, "sample", "N", NULL,                                                       \
         "take N images drawn at random from all, the same ones for the same --seed"},             \
        {VG_CLI_SEED, "seed", "S", NULL, "draw another --sample (default: 0)"},                    \
        {VG_CLI_LABEL, "label", "RULE", NULL,                                                      \
         "what the label of an image is: parent, the folder that holds it (default); level:N, "    \
         "the N-th folder below INPUT; regex:EXPR, what its first group matches in the path"},     \
        {VG_CLI_LABEL_COLUMN, "label-column", "NAME", NULL,                                        \
         "the column of --files-from, or of a metadata.csv or metadata.jsonl beside the images, "  \
         "that is the label"},                                                                     \
    {                                                                                              \
        VG_CLI_KEEP_COLUMNS, "keep-columns", "NAME,...", NULL,                                     \
            "more columns of such a table that go into the tables, as text"                        \
    }

/* The words as they came; starts as {0}. */
typedef struct vg_cli_selection {
    const char **selects, **excludes, **keeps;
    char **keep_words; /* the words of --keep-columns, cut at their commas */
    size_t keep_word_count;
    vg_selection_options options; /* points to those */
    bool has_seed;
} vg_cli_selection;

void vg_cli_selection_close(vg_cli_selection *selection);

/* Whether the key is one of the rows above. */
bool vg_cli_is_selection(int key);
/* Takes it; false after having printed what is wrong. */
bool vg_cli_selection_option(vg_cli_selection *selection, const vg_cli_command *command, int key,
                             const char *value);
/* Once all words are taken; false after having printed what is wrong. */
bool vg_cli_selection_check(const vg_cli_selection *selection, const vg_cli_command *command);

#endif
