/* The paths of lists, and what lists say of images, on their way into the image list. */
#include "selection/name_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "selection/image_endings.h"
#include "selection/list_reader.h"

typedef struct name_list {
    vg_list_reader reader;
    vg_store *input;
    vg_adder *adder;
    char way[VG_ADDRESS_CHARS]; /* from the current folder to the input, "" where it is not below */
    char *foreign; /* what stood before the input's paths in the last path from elsewhere */
    size_t foreign_size;
    uint64_t named, missing; /* files, and those that a local input does not have */
    char first_missing[128];
    bool names_images; /* by the ending of the first that is missing */
    char *columns;     /* of the record in hand: values that are kept, each with its NUL */
    size_t columns_size, columns_capacity;
} name_list;

/* --- Paths -------------------------------------------------------------------------- */

static bool is_elsewhere(const char *path)
{
    return path[0] == '/' || strstr(path, "://") != NULL;
}

/* What follows the input's address, or NULL. */
static const char *below_input(const vg_store *input, const char *path)
{
    const char *address = vg_store_address(input);
    size_t size = strlen(address);
    if (strncmp(path, address, size) != 0) return NULL;
    if (size > 0 && address[size - 1] == '/') return path + size;
    return path[size] == '/' ? path + size + 1 : NULL;
}

/* Keeps what stood before `end` in `path`. */
static vg_status remember_foreign(name_list *list, const char *path, const char *end,
                                  vg_error *error)
{
    size_t size = (size_t)(end - path);
    char *copy = malloc(size + 1);
    if (copy == NULL) return vg_fail_memory(error, size + 1);
    memcpy(copy, path, size);
    copy[size] = '\0';
    free(list->foreign);
    list->foreign = copy;
    list->foreign_size = size;
    return VG_OK;
}

/* The longest end of a path from elsewhere that is a file of the input; the path
 * itself where there is none. */
static vg_status find_end(name_list *list, const char **path, vg_error *error)
{
    if (list->foreign != NULL && strncmp(*path, list->foreign, list->foreign_size) == 0) {
        *path += list->foreign_size;
        return VG_OK;
    }
    for (const char *slash = strchr(*path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        vg_file file;
        if (slash[1] == '/' || slash[1] == '\0') continue;
        if (vg_store_stat(list->input, slash + 1, &file, NULL) != VG_OK) continue;
        vg_status status = remember_foreign(list, *path, slash + 1, error);
        *path = slash + 1;
        return status;
    }
    return VG_OK;
}

/* How a path from the current folder begins that leads into the input: "photos/". Empty where
 * the input is elsewhere. */
static void find_way(name_list *list)
{
    char folder[VG_ADDRESS_CHARS];
    const char *address = vg_store_address(list->input);
    list->way[0] = '\0';
    if (address[0] != '/' || getcwd(folder, sizeof folder) == NULL) return;
    size_t size = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    if (strncmp(address, folder, size) == 0 && address[size] == '/' && address[size + 1] != '\0')
        snprintf(list->way, sizeof list->way, "%s/", address + size + 1);
}

/* "photos/a.jpg" of `find photos`, with photos the input. A folder in it that has the same
 * name goes before. */
static const char *below_way(const name_list *list, const char *path)
{
    vg_file file;
    size_t size = strlen(list->way);
    if (size == 0 || strncmp(path, list->way, size) != 0) return path;
    return vg_store_stat(list->input, path, &file, NULL) == VG_OK ? path : path + size;
}

static bool goes_up(const char *path)
{
    for (const char *name = path; name != NULL; name = strchr(name, '/')) {
        if (*name == '/') name++;
        if (name[0] == '.' && name[1] == '.' && (name[2] == '/' || name[2] == '\0')) return true;
    }
    return false;
}

/* --- Records ------------------------------------------------------------------------ */

/* The kept values behind one another. */
static vg_status join_columns(name_list *list, vg_error *error)
{
    const vg_list_fields *fields = &list->reader.fields;
    size_t size = 0;
    for (size_t i = VG_LIST_KEPT; i < fields->count; i++) size += fields->items[i].size + 1;
    if (size > list->columns_capacity) {
        char *columns = realloc(list->columns, 2 * size);
        if (columns == NULL) return vg_fail_memory(error, 2 * size);
        list->columns = columns;
        list->columns_capacity = 2 * size;
    }
    list->columns_size = 0;
    for (size_t i = VG_LIST_KEPT; i < fields->count; i++) {
        size_t bytes = fields->items[i].size + 1;
        memcpy(list->columns + list->columns_size, vg_list_text(&fields->items[i]), bytes);
        list->columns_size += bytes;
    }
    return VG_OK;
}

/* What the record in hand says of the image. */
static vg_status describe(name_list *list, vg_listed_image *image, vg_error *error)
{
    const vg_list_fields *fields = &list->reader.fields;
    const vg_list_field *label = &fields->items[VG_LIST_LABEL];
    const vg_list_field *split = &fields->items[VG_LIST_SPLIT];
    if (fields->column_at[VG_LIST_LABEL] != VG_NO_COLUMN) image->label = vg_list_text(label);
    if (fields->column_at[VG_LIST_SPLIT] != VG_NO_COLUMN) image->split = vg_list_text(split);
    vg_status status = join_columns(list, error);
    image->columns = list->columns;
    image->columns_size = list->columns_size;
    return status;
}

/* A file that is not there is an image all the same: one that fails. */
static vg_status add_image(name_list *list, const char *path, vg_error *error)
{
    vg_file file;
    vg_listed_image image = {.path = path, .size = VG_SIZE_UNKNOWN};
    vg_status status = describe(list, &image, error);
    if (status != VG_OK) return status;
    list->named++;
    if (!vg_store_is_atomic(list->input)) {
        if (vg_store_stat(list->input, path, &file, NULL) == VG_OK) {
            image.size = file.size;
            image.modified = file.modified;
        } else if (list->missing++ == 0) {
            snprintf(list->first_missing, sizeof list->first_missing, "%s", path);
            list->names_images = vg_has_image_ending(path);
        }
    }
    return vg_adder_add(list->adder, &image, error);
}

static vg_status fail_going_up(const name_list *list, const char *path, vg_error *error)
{
    return vg_fail(error, VG_EINVAL,
                   "%s, line %zu: \"%s\" leaves the input: paths with '..' are not taken",
                   list->reader.fields.list, list->reader.fields.line, path);
}

/* Without what says "from here". */
static const char *skip_here(const char *path)
{
    while (path[0] == '.' && path[1] == '/') {
        path += 2;
        while (*path == '/') path++;
    }
    return path;
}

static vg_status add_path(name_list *list, vg_error *error)
{
    const char *path = vg_list_text(&list->reader.fields.items[VG_LIST_PATH]);
    if (goes_up(path)) return fail_going_up(list, path, error);
    const char *below = below_input(list->input, path);
    if (below != NULL) {
        path = below;
    } else if (is_elsewhere(path)) {
        vg_status status = find_end(list, &path, error);
        if (status != VG_OK) return status;
    }
    path = skip_here(path);
    if (below == NULL && !is_elsewhere(path)) path = below_way(list, path);
    return path[0] != '\0' ? add_image(list, path, error) : VG_OK;
}

/* Not one file is there: the paths of a table are of something else, or the lines of a list are
 * more than paths, such as "a.jpg, 0". */
static vg_status check_missing(const name_list *list, vg_error *error)
{
    bool is_table = list->reader.is_table;
    if (list->missing == 0 || list->missing < list->named) return VG_OK;
    if (!is_table && list->names_images) return VG_OK;
    return vg_fail(error, VG_ENOTFOUND,
                   "none of the %llu files that %s names is below %s; the first is \"%s\"%s",
                   (unsigned long long)list->named, list->reader.fields.list,
                   vg_store_address(list->input), list->first_missing,
                   is_table ? ""
                            : ": give one path a line, or a table with the names of its columns");
}

static void close_list(name_list *list)
{
    vg_list_reader_close(&list->reader);
    free(list->foreign);
    free(list->columns);
}

vg_status vg_read_name_list(vg_adder *adder, vg_store *input, const char *name,
                            const vg_list_wishes *wishes, vg_error *error)
{
    name_list list = {.input = input, .adder = adder};
    const vg_list_field *path = NULL;
    bool found = true;
    find_way(&list);
    vg_status status = vg_list_reader_open(&list.reader, NULL, name, wishes, error);
    while (status == VG_OK && found) {
        status = vg_list_reader_next(&list.reader, &found, error);
        path = &list.reader.fields.items[VG_LIST_PATH];
        if (status == VG_OK && found && path->size > 0) status = add_path(&list, error);
    }
    if (status == VG_OK) status = check_missing(&list, error);
    close_list(&list);
    return status;
}

/* --- Tables beside the images ------------------------------------------------------------ */

bool vg_metadata_list_is(const char *path)
{
    static const char *const names[] = {"metadata.csv", "metadata.jsonl", "metadata.parquet", NULL};
    const char *slash = strrchr(path, '/');
    for (const char *const *name = names; *name != NULL; name++)
        if (strcmp(slash != NULL ? slash + 1 : path, *name) == 0) return true;
    return false;
}

/* Adds what the record in hand says; its path begins at the table's folder. */
static vg_status add_note(name_list *list, const char *table, vg_error *error)
{
    const char *path = vg_list_text(&list->reader.fields.items[VG_LIST_PATH]);
    const char *slash = strrchr(table, '/');
    size_t folder = slash != NULL ? (size_t)(slash - table) + 1 : 0;
    if (goes_up(path)) return fail_going_up(list, path, error);
    path = skip_here(path);
    if (path[0] == '\0') return VG_OK;
    char *whole = malloc(folder + strlen(path) + 1);
    if (whole == NULL) return vg_fail_memory(error, folder + strlen(path) + 1);
    memcpy(whole, table, folder);
    memcpy(whole + folder, path, strlen(path) + 1);
    vg_listed_image note = {.path = whole, .is_note = true};
    vg_status status = describe(list, &note, error);
    if (status == VG_OK) status = vg_adder_add(list->adder, &note, error);
    list->named++;
    free(whole);
    return status;
}

vg_status vg_read_metadata_list(vg_adder *adder, vg_store *input, const char *path,
                                const vg_list_wishes *wishes, uint64_t *named, vg_error *error)
{
    name_list list = {.input = input, .adder = adder};
    bool found = true;
    vg_status status = vg_list_reader_open(&list.reader, input, path, wishes, error);
    if (status == VG_OK && !list.reader.is_table)
        status = vg_fail(error, VG_EFORMAT, "%s has no column of paths", path);
    while (status == VG_OK && found) {
        status = vg_list_reader_next(&list.reader, &found, error);
        if (status == VG_OK && found) status = add_note(&list, path, error);
    }
    *named = list.named;
    close_list(&list);
    return status;
}
