#include "selection/selection.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/observer.h"
#include "output/layout.h"
#include "selection/glob.h"
#include "selection/labels.h"
#include "selection/name_list.h"

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

static vg_status find_mode(const mode **found, const char *name, vg_error *error)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        *found = &modes[i];
        if (strcmp(modes[i].name, name) == 0) return VG_OK;
    }
    return vg_fail(error, VG_EINVAL, "mode \"%s\": it must be mini, apples or full", name);
}

static bool has_hidden_part(const char *path)
{
    for (const char *name = path; name != NULL; name = strchr(name, '/')) {
        if (*name == '/') name++;
        if (*name == '.' || *name == '_') return true;
    }
    return false;
}

static bool has_image_extension(const char *path)
{
    const char *extension = strrchr(vg_path_filename(path), '.');
    return extension != NULL &&
           (strcasecmp(extension, ".jpg") == 0 || strcasecmp(extension, ".jpeg") == 0 ||
            strcasecmp(extension, ".png") == 0);
}

/* The state of a listing. */
typedef struct listing {
    const vg_selection_options *options;
    const vg_store *input, *output;
    const char *select; /* NULL: by extension */
    vg_image_list *images;
    uint64_t seen;
    double start;
} listing;

static vg_status visit_file(void *context, const vg_file *file, vg_error *error)
{
    listing *list = context;
    vg_status status = vg_check_cancel(list->options->cancel, error);
    if (status != VG_OK) return status;
    if (has_hidden_part(file->path) ||
        vg_layout_is_table_file(list->input, list->output, file->path))
        return VG_OK;
    list->seen++;
    bool taken = list->select != NULL ? vg_glob_match(list->select, file->path)
                                      : has_image_extension(file->path);
    const vg_listed_image image = {
        .path = file->path, .size = file->size, .modified = file->modified};
    if (taken) status = vg_image_list_add(list->images, &image, error);
    vg_notify_progress(list->options->observer, VG_PHASE_LIST, vg_image_list_count(list->images), 0,
                       0, list->start);
    return status;
}

static vg_status list_input(vg_image_list *images, vg_store *input, const vg_store *output,
                            const char *select, const vg_selection_options *options,
                            vg_error *error)
{
    listing list = {.options = options,
                    .input = input,
                    .output = output,
                    .select = select,
                    .images = images,
                    .start = vg_seconds()};
    vg_status status = vg_store_list(input, "", visit_file, &list, error);
    if (status == VG_ENOTFOUND) return vg_fail_prefix(error, status, "the input cannot be listed");
    if (status != VG_OK) return status;

    uint64_t taken = vg_image_list_count(images);
    const char *address = vg_store_address(input);
    if (list.seen == 0)
        return vg_fail(error, VG_ENOTFOUND, "%s has no files: give a folder of images", address);
    if (taken == 0 && select == NULL)
        return vg_fail(error, VG_ENOTFOUND,
                       "%s has %llu files but none whose name ends in .jpg, .jpeg or .png: name "
                       "the images with --select",
                       address, (unsigned long long)list.seen);
    if (taken == 0)
        return vg_fail(error, VG_ENOTFOUND,
                       "none of the %llu files below %s matches \"%s\": name the images with "
                       "--select, such as --select '**/*.jpg'",
                       (unsigned long long)list.seen, address, select);
    return VG_OK;
}

static vg_status read_list(vg_image_list *images, vg_store *input,
                           const vg_selection_options *options, vg_error *error)
{
    vg_status status = vg_read_name_list(images, input, options->files_from, error);
    if (status == VG_OK && vg_image_list_count(images) == 0)
        status = vg_fail(error, VG_ENOTFOUND, "%s names no file: give one path a line",
                         options->files_from);
    return status;
}

static vg_status finish_list(vg_image_list *images, uint64_t limit,
                             const vg_selection_options *options, vg_error *error)
{
    vg_status status = vg_image_list_finish(images, limit, error);
    uint64_t repeated = vg_image_list_repeated(images);
    if (status == VG_OK && repeated > 0)
        vg_notify_log(options->observer, VG_LOG_WARNING, "%s: repeated paths left out: %llu",
                      options->files_from, (unsigned long long)repeated);
    return status;
}

static vg_status check_one_way(const vg_selection_options *options, vg_error *error)
{
    int ways = (options->mode != NULL) + (options->select != NULL) + (options->files_from != NULL);
    if (ways <= 1) return VG_OK;
    return vg_fail(error, VG_EINVAL,
                   "mode, select and files-from name images in three ways: give one of them");
}

vg_status vg_select_images(vg_image_list **images, vg_store *input, const vg_store *output,
                           const vg_selection_options *options, vg_error *error)
{
    const mode *chosen = NULL;
    const char *select = options->select;
    uint64_t limit = options->limit;
    *images = NULL;
    vg_status status = check_one_way(options, error);
    if (status != VG_OK) return status;
    if (select == NULL && options->files_from == NULL && !options->images) {
        status = find_mode(&chosen, options->mode != NULL ? options->mode : "full", error);
        if (status != VG_OK) return status;
        select = chosen->select;
        if (chosen->limit > 0 && (limit == 0 || chosen->limit < limit)) limit = chosen->limit;
    }

    status = vg_image_list_open(images, 0, error);
    if (status == VG_OK && options->files_from != NULL)
        status = read_list(*images, input, options, error);
    else if (status == VG_OK)
        status = list_input(*images, input, output, select, options, error);
    if (status == VG_OK) status = finish_list(*images, limit, options, error);
    if (status != VG_OK) vg_image_list_close(images);
    return status;
}
