#include "selection/selection.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "output/layout.h"
#include "output/paths.h"
#include "selection/adder.h"
#include "selection/image_endings.h"
#include "selection/left_out.h"
#include "selection/name_list.h"
#include "selection/patterns.h"

/* A mode stands for a glob and a number of images. */
typedef struct mode {
    const char *name, *select;
    uint64_t limit;
} mode;

static const mode modes[] = {
    {"full", "Training/*/*.jpg", 0},
    {"apples", "Training/Apple*/*.jpg", 0},
    {"mini", "Training/Apple*/*.jpg", 300},
};

/* What the options say, made ready. */
typedef struct selecting {
    const vg_selection_options *options;
    vg_store *input;
    const vg_store *output;
    const vg_observer *observer;
    const atomic_bool *cancel;
    const mode *mode; /* or NULL */
    vg_patterns selects, excludes;
    vg_left_out left_out;
    vg_label_rule rule;
    vg_list_wishes wishes;
    vg_adder adder;
    vg_image_list *images;
    vg_paths tables; /* found beside the images */
    uint64_t seen;
    char *unmatched; /* one that no pattern matches: the first of the images or, without one, of all
                      */
    double start;
} selecting;

/* --- Options ----------------------------------------------------------------------- */

static vg_status find_mode(const mode **found, const char *name, vg_error *error)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        *found = &modes[i];
        if (strcmp(modes[i].name, name) == 0) return VG_OK;
    }
    return vg_fail(error, VG_EINVAL, "mode \"%s\": it must be mini, apples or full", name);
}

static vg_status check_options(const vg_selection_options *options, vg_error *error)
{
    int ways =
        (options->mode != NULL) + (options->selects.count > 0) + (options->files_from != NULL);
    if (ways > 1)
        return vg_fail(error, VG_EINVAL,
                       "mode, select and files-from name images in three ways: give one of them");
    if (options->limit > 0 && options->sample > 0)
        return vg_fail(error, VG_EINVAL, "limit and sample both say how many: give one of them");
    return vg_check_kept_columns(&options->keep_columns, error);
}

static vg_status add_all(vg_patterns *patterns, const vg_texts *texts, vg_error *error)
{
    vg_status status = VG_OK;
    for (size_t i = 0; i < texts->count && status == VG_OK; i++)
        status = vg_patterns_add(patterns, texts->items[i], error);
    return status;
}

static vg_status read_options(selecting *state, vg_error *error)
{
    const vg_selection_options *options = state->options;
    vg_status status = check_options(options, error);
    state->wishes =
        (vg_list_wishes){.label_column = options->label_column, .keep = options->keep_columns};
    if (status == VG_OK) status = add_all(&state->selects, &options->selects, error);
    if (status == VG_OK) status = add_all(&state->excludes, &options->excludes, error);
    if (status == VG_OK) status = vg_label_rule_open(&state->rule, options->label, error);
    if (status != VG_OK || options->mode == NULL) return status;
    status = find_mode(&state->mode, options->mode, error);
    return status == VG_OK ? vg_patterns_add(&state->selects, state->mode->select, error) : status;
}

/* --- Listing ------------------------------------------------------------------------- */

/* Folders that systems and programs keep beside pictures: copies and waste. */
static const char *const system_folders[] = {
    "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", "System Volume Information"};

static bool is_hidden(const char *name, size_t size, bool is_folder)
{
    if (name[0] == '.') return true;
    for (size_t i = 0; is_folder && i < sizeof system_folders / sizeof *system_folders; i++)
        if (strlen(system_folders[i]) == size && memcmp(name, system_folders[i], size) == 0)
            return true;
    return false;
}

/* The first hidden part of the path that no pattern names; NULL where there is none. */
static const char *hidden_part(const selecting *state, const char *path, size_t *size,
                               bool *is_folder)
{
    for (const char *name = path; name != NULL;) {
        const char *slash = strchr(name, '/');
        *is_folder = slash != NULL;
        *size = slash != NULL ? (size_t)(slash - name) : strlen(name);
        if (is_hidden(name, *size, *is_folder) && !vg_patterns_name(&state->selects, name, *size))
            return name;
        name = slash != NULL ? slash + 1 : NULL;
    }
    return NULL;
}

/* A listing has no order. */
static vg_status note_unmatched(selecting *state, const char *path, vg_error *error)
{
    if (state->unmatched != NULL) {
        bool is_image = vg_has_image_ending(path),
             was_image = vg_has_image_ending(state->unmatched);
        if (was_image && !is_image) return VG_OK;
        if (was_image == is_image && strcmp(path, state->unmatched) > 0) return VG_OK;
    }
    char *copy = strdup(path);
    if (copy == NULL) return vg_fail_memory(error, strlen(path) + 1);
    free(state->unmatched);
    state->unmatched = copy;
    return VG_OK;
}

/* A camera's .JPG is easily overlooked by who asks for *.jpg. */
static void note_case(selecting *state, const char *path)
{
    size_t size;
    bool is_folder;
    if (vg_has_image_ending(path) && hidden_part(state, path, &size, &is_folder) == NULL &&
        vg_patterns_match_any_case(&state->selects, path))
        state->left_out.by_case++;
}

/* Whether the listed file is an image of this selection; counts it where it might have
 * been one. */
static bool is_taken(selecting *state, const char *path)
{
    size_t size;
    bool is_folder, has_pattern = state->selects.globs.count > 0;
    if (has_pattern && !vg_patterns_match(&state->selects, path)) {
        note_case(state, path);
        return false;
    }
    const char *hidden = hidden_part(state, path, &size, &is_folder);
    if (hidden != NULL) {
        vg_left_out_add_hidden(&state->left_out, hidden, size, is_folder);
        return false;
    }
    if (has_pattern || vg_has_image_ending(path)) return true;
    vg_left_out_add_ending(&state->left_out, path);
    return false;
}

/* Whether a table beside the images is to say what they show. */
static bool is_used(const selecting *state, const char *path)
{
    size_t size;
    bool is_folder;
    return hidden_part(state, path, &size, &is_folder) == NULL &&
           !vg_patterns_match_tree(&state->excludes, path);
}

static vg_status visit_file(void *context, const vg_file *file, vg_error *error)
{
    selecting *state = context;
    vg_status status = vg_check_cancel(state->cancel, error);
    if (status != VG_OK) return status;
    if (vg_layout_is_table_file(state->input, state->output, file->path)) return VG_OK;
    if (!state->options->paths_alone && vg_metadata_list_is(file->path) &&
        is_used(state, file->path))
        return vg_paths_add(&state->tables, file->path, strlen(file->path), error);
    state->seen++;
    const vg_listed_image image = {
        .path = file->path, .size = file->size, .modified = file->modified};
    if (is_taken(state, file->path))
        status = vg_adder_add(&state->adder, &image, error);
    else if (vg_image_list_count(state->images) == 0)
        status = note_unmatched(state, file->path, error);
    vg_notify_progress(state->observer, VG_PHASE_LIST, vg_image_list_count(state->images), 0, 0,
                       state->start);
    return status;
}

/* Whether images of this selection may lie in the folder: it is neither hidden nor left out. */
static vg_status may_hold_images(const selecting *state, const char *folder, bool *may_hold,
                                 vg_error *error)
{
    size_t size = strlen(folder), hidden_size;
    bool is_folder;
    char *path = malloc(size + 2); /* with a '/', by which its last part is a folder's name */
    if (path == NULL) return vg_fail_memory(error, size + 2);
    memcpy(path, folder, size);
    memcpy(path + size, "/", 2);
    *may_hold = hidden_part(state, path, &hidden_size, &is_folder) == NULL &&
                !vg_patterns_match_tree(&state->excludes, folder);
    free(path);
    return VG_OK;
}

static vg_status visit_unlisted(void *context, const char *folder, const char *reason,
                                vg_error *error)
{
    selecting *state = context;
    bool may_hold = false;
    vg_status status = may_hold_images(state, folder, &may_hold, error);
    if (status != VG_OK || !may_hold) return status;
    vg_image_list_note_unlisted(state->images);
    vg_notify_log(state->observer, VG_LOG_WARNING, "%s; its images are left out", reason);
    return VG_OK;
}

/* Nothing was taken: why. */
static vg_status fail_empty(const selecting *state, vg_error *error)
{
    char left[256];
    const char *address = vg_store_address(state->input);
    unsigned long long seen = state->seen;
    if (seen == 0 && vg_image_list_unlisted(state->images) > 0)
        return vg_fail(error, VG_ENOTFOUND, "%s has no files in the folders that can be listed",
                       address);
    if (seen == 0)
        return vg_fail(error, VG_ENOTFOUND, "%s has no files: give a folder of images", address);
    vg_left_out_text(&state->left_out, left, sizeof left);
    if (state->selects.globs.count == 0)
        return vg_fail(error, VG_ENOTFOUND,
                       "%s has no image that can be read; %s; name images without a usual ending "
                       "%s",
                       address, left, state->options->paths_alone ? "one by one" : "with --select");
    if (left[0] != '\0')
        return vg_fail(error, VG_ENOTFOUND, "of the %llu files below %s none is taken; %s", seen,
                       address, left);
    if (state->mode != NULL)
        return vg_fail(
            error, VG_ENOTFOUND,
            "none of the %llu files below %s matches \"%s\", as the mode %s wants: leave "
            "the mode out to take every image",
            seen, address, state->mode->select, state->mode->name);
    return vg_fail(error, VG_ENOTFOUND,
                   "none of the %llu files below %s matches \"%s\": a pattern is of the path below "
                   "INPUT, as \"%s\" is; without --select every image is taken",
                   seen, address, state->options->selects.items[0], state->unmatched);
}

/* One of other people's tables that is damaged, or of something else, is no reason to end. */
static vg_status read_table(selecting *state, const char *path, vg_error *error)
{
    uint64_t named = 0;
    vg_error fault = {""};
    /* What was asked for goes before what was found. */
    vg_list_wishes wishes = state->wishes;
    wishes.leaves_labels = state->options->label != NULL;
    bool is_wanted = wishes.label_column != NULL || wishes.keep.count > 0;
    vg_status status =
        vg_read_metadata_list(&state->adder, state->input, path, &wishes, &named, &fault);
    if (status == VG_OK) {
        vg_notify_log(state->observer, VG_LOG_INFO,
                      "%s says what %llu images show: --exclude it where that is not meant", path,
                      (unsigned long long)named);
        return VG_OK;
    }
    if (named > 0 || is_wanted || status != VG_EFORMAT)
        return vg_fail(error, status,
                       "%s, a table beside the images, cannot be used: %s; leave it out with "
                       "--exclude",
                       path, fault.message);
    vg_notify_log(state->observer, VG_LOG_WARNING, "a table beside the images is not used: %s",
                  fault.message);
    return VG_OK;
}

static vg_status read_tables(selecting *state, vg_error *error)
{
    const vg_selection_options *options = state->options;
    const vg_list_wishes *wishes = &state->wishes;
    vg_status status = VG_OK;
    vg_paths_sort(&state->tables);
    for (size_t i = 0; i < state->tables.count && status == VG_OK; i++) {
        status = vg_check_cancel(state->cancel, error);
        if (status == VG_OK) status = read_table(state, state->tables.items[i].text, error);
    }
    if (status != VG_OK || state->tables.count > 0) return status;
    const char *wanted = options->label_column;
    if (wanted == NULL && wishes->keep.count > 0) wanted = wishes->keep.items[0];
    if (wanted == NULL) return VG_OK;
    return vg_fail(error, VG_EINVAL,
                   "\"%s\" is a column of a table: name one with --files-from, or lay a "
                   "metadata.csv or metadata.jsonl beside the images",
                   wanted);
}

static vg_status list_input(selecting *state, vg_error *error)
{
    vg_status status =
        vg_store_list_readable(state->input, "", visit_file, visit_unlisted, state, error);
    if (status == VG_ENOTFOUND) return vg_fail_prefix(error, status, "the input cannot be listed");
    if (status == VG_OK && vg_image_list_count(state->images) == 0)
        status = fail_empty(state, error);
    return status == VG_OK ? read_tables(state, error) : status;
}

/* --- Lists of names --------------------------------------------------------------------- */

static vg_status read_list(selecting *state, vg_error *error)
{
    const char *name = state->options->files_from;
    vg_status status = vg_read_name_list(&state->adder, state->input, name, &state->wishes, error);
    if (status == VG_OK) status = vg_check_cancel(state->cancel, error);
    if (status == VG_OK && vg_image_list_count(state->images) == 0)
        status = vg_fail(error, VG_ENOTFOUND, "%s names no file%s: give one path a line", name,
                         state->left_out.excluded > 0 ? " that is not excluded" : "");
    return status;
}

/* --- The list ---------------------------------------------------------------------------- */

/* Labels that are of no use are most likely not what was meant. */
static vg_status look_at_labels(const selecting *state, vg_error *error)
{
    uint64_t count = vg_image_list_count(state->images), without = 0;
    char *first = NULL;
    bool differ = false;
    vg_image_cursor *cursor = NULL;
    vg_listed_image image;
    vg_status status = vg_image_cursor_open(&cursor, state->images, 0, error);
    if (status == VG_OK) status = vg_image_cursor_next(cursor, &image, error);
    while (status == VG_OK && image.path != NULL) {
        if (image.label[0] == '\0') without++;
        if (first == NULL && (first = strdup(image.label)) == NULL)
            status = vg_fail_memory(error, strlen(image.label) + 1);
        else if (!differ)
            differ = strcmp(first, image.label) != 0;
        if (status == VG_OK) status = vg_image_cursor_next(cursor, &image, error);
    }
    if (status == VG_OK && without > 0)
        vg_notify_log(state->observer, VG_LOG_WARNING, "%llu of %llu images have no label",
                      (unsigned long long)without, (unsigned long long)count);
    else if (status == VG_OK && !differ && count > 1)
        vg_notify_log(
            state->observer, VG_LOG_WARNING,
            "all %llu images have the same label, \"%s\": --label tells labels from paths "
            "in other ways, and --files-from takes a table of them",
            (unsigned long long)count, first);
    free(first);
    vg_image_cursor_close(&cursor);
    return status;
}

/* Where all images are taken, a table's others are missing. */
static void tell_unmatched(const selecting *state)
{
    const vg_selection_options *options = state->options;
    uint64_t unmatched = vg_image_list_unmatched(state->images);
    bool takes_some = state->selects.globs.count > 0 || options->limit > 0 || options->sample > 0;
    if (unmatched == 0 || takes_some) return;
    vg_notify_log(state->observer, VG_LOG_WARNING,
                  "tables beside the images name %llu files that are no images here; the first: %s",
                  (unsigned long long)unmatched, vg_image_list_first_unmatched(state->images));
}

static vg_status finish(selecting *state, vg_error *error)
{
    const vg_selection_options *options = state->options;
    char left[512];
    vg_image_share share = {
        .limit = options->limit, .sample = options->sample, .seed = options->seed};
    if (state->mode != NULL && state->mode->limit > 0 &&
        (share.limit == 0 || state->mode->limit < share.limit))
        share.limit = state->mode->limit;
    vg_status status = vg_image_list_finish(state->images, &share, error);
    if (status != VG_OK) return status;
    uint64_t repeated = vg_image_list_repeated(state->images);
    if (repeated > 0)
        vg_notify_log(state->observer, VG_LOG_WARNING, "%s: repeated paths left out: %llu",
                      options->files_from != NULL ? options->files_from
                                                  : state->tables.items[0].text,
                      (unsigned long long)repeated);
    tell_unmatched(state);
    vg_left_out_text(&state->left_out, left, sizeof left);
    if (left[0] != '\0') vg_notify_log(state->observer, VG_LOG_INFO, "%s", left);
    return options->paths_alone ? VG_OK : look_at_labels(state, error);
}

vg_status vg_select_images(vg_image_list **images, vg_store *input, const vg_store *output,
                           const vg_selection_options *options, const vg_observer *observer,
                           const atomic_bool *cancel, vg_error *error)
{
    selecting state = {.options = options,
                       .input = input,
                       .output = output,
                       .observer = observer,
                       .cancel = cancel,
                       .start = vg_seconds()};
    *images = NULL;
    vg_status status = read_options(&state, error);
    if (status == VG_OK) status = vg_image_list_open(images, 0, error);
    state.images = *images;
    state.adder = (vg_adder){.images = *images,
                             .input = input,
                             .rule = &state.rule,
                             .excludes = &state.excludes,
                             .left_out = &state.left_out};
    if (status == VG_OK)
        status = options->files_from != NULL ? read_list(&state, error) : list_input(&state, error);
    if (status == VG_OK) status = finish(&state, error);
    if (status != VG_OK) vg_image_list_close(images);
    vg_adder_close(&state.adder);
    vg_paths_free(&state.tables);
    free(state.unmatched);
    vg_label_rule_close(&state.rule);
    vg_patterns_free(&state.selects);
    vg_patterns_free(&state.excludes);
    return status;
}
