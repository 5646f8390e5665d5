/* Lists of files, as tar -T and rsync --files-from take them, and metadata tables. */
#include "selection/name_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"

/* Longer than any store takes (selection/glob.c). It bounds the time too: ends of a path
 * are looked for one by one. */
enum { LONGEST_PATH = 8192 };

typedef struct name_list {
    const char *name;
    FILE *file;
    vg_store *input;
    vg_image_list *images;
    const vg_patterns *excludes;
    vg_left_out *left_out;
    char way[VG_ADDRESS_CHARS]; /* from the current folder to the input, "" where it is not below */
    size_t line;
    bool is_csv;
    char *text; /* of the current line or record */
    size_t size, capacity;
    char *foreign; /* what stood before the input's paths in the last path from elsewhere */
    size_t foreign_size;
} name_list;

static vg_status append(name_list *list, int character, vg_error *error)
{
    if (list->size == LONGEST_PATH)
        return vg_fail(error, VG_EFORMAT,
                       "%s, line %zu: a path of more than %d bytes: one path a line is wanted",
                       list->name, list->line, LONGEST_PATH);
    if (character == '\0')
        return vg_fail(error, VG_EFORMAT, "%s, line %zu: a NUL byte: one path a line is wanted",
                       list->name, list->line);
    if (list->size + 1 >= list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : 256;
        char *text = realloc(list->text, capacity);
        if (text == NULL) return vg_fail_memory(error, capacity);
        list->text = text;
        list->capacity = capacity;
    }
    list->text[list->size++] = (char)character;
    list->text[list->size] = '\0';
    return VG_OK;
}

/* Reads a line without its end into `text`. At the end of the file, `found` is
 * false. */
static vg_status read_line(name_list *list, bool *found, vg_error *error)
{
    int character;
    list->size = 0;
    list->line++;
    *found = false;
    while ((character = getc(list->file)) != EOF) {
        *found = true;
        if (character == '\n') break;
        vg_status status = append(list, character, error);
        if (status != VG_OK) return status;
    }
    if (ferror(list->file))
        return vg_fail(error, VG_EIO, "%s cannot be read: %s", list->name, strerror(errno));
    if (list->size > 0 && list->text[list->size - 1] == '\r') list->size--;
    if (list->text != NULL) list->text[list->size] = '\0';
    return VG_OK;
}

/* Reads a CSV record (RFC 4180) and keeps its first field in `text`, a name as tables
 * hold it (vg_builder_name). */
static vg_status read_record(name_list *list, bool *found, vg_error *error)
{
    vg_status status = VG_OK;
    bool quoted = false, first = true;
    size_t start = ++list->line;
    int character, last = '\n';
    list->size = 0;
    *found = false;
    while (status == VG_OK && (character = getc(list->file)) != EOF) {
        *found = true;
        if (character == '"') {
            /* The second of two quotes within quotes stands for one. */
            if (!quoted && last == '"' && first) status = append(list, '"', error);
            quoted = !quoted;
        } else if (!quoted && character == '\n') {
            break;
        } else {
            if (character == '\n') list->line++;
            if (!quoted && character == ',') first = false;
            if (first && (quoted || character != '\r')) status = append(list, character, error);
        }
        last = character;
    }
    if (status == VG_OK && ferror(list->file))
        status = vg_fail(error, VG_EIO, "%s cannot be read: %s", list->name, strerror(errno));
    if (status == VG_OK && quoted)
        status =
            vg_fail(error, VG_EFORMAT, "%s, line %zu: a quote is never closed", list->name, start);
    if (list->text != NULL) {
        list->size = vg_unescape(list->text, list->size);
        list->text[list->size] = '\0';
    }
    return status;
}

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

/* A file that is not there is an image all the same: one that fails. */
static vg_status add_image(name_list *list, const char *path, vg_error *error)
{
    vg_file file;
    vg_listed_image image = {.path = path, .size = VG_SIZE_UNKNOWN};
    if (!vg_store_is_atomic(list->input) &&
        vg_store_stat(list->input, path, &file, NULL) == VG_OK) {
        image.size = file.size;
        image.modified = file.modified;
    }
    return vg_image_list_add(list->images, &image, error);
}

static vg_status add_path(name_list *list, vg_error *error)
{
    const char *path = list->text;
    if (goes_up(path))
        return vg_fail(error, VG_EINVAL,
                       "%s, line %zu: \"%s\" leaves the input: paths with '..' are not taken",
                       list->name, list->line, path);
    const char *below = below_input(list->input, path);
    if (below != NULL) {
        path = below;
    } else if (is_elsewhere(path)) {
        vg_status status = find_end(list, &path, error);
        if (status != VG_OK) return status;
    }
    while (path[0] == '.' && path[1] == '/') {
        path += 2;
        while (*path == '/') path++;
    }
    if (below == NULL && !is_elsewhere(path)) path = below_way(list, path);
    if (vg_patterns_match_tree(list->excludes, path)) {
        list->left_out->excluded++;
        return VG_OK;
    }
    return path[0] != '\0' ? add_image(list, path, error) : VG_OK;
}

/* The first line, which may begin with a byte order mark, tells a CSV by its
 * header. */
static vg_status read_first(name_list *list, bool *found, vg_error *error)
{
    vg_status status = read_line(list, found, error);
    if (status != VG_OK || !*found || list->size == 0) return status;
    const char mark[] = "\xef\xbb\xbf";
    if (strncmp(list->text, mark, strlen(mark)) == 0) {
        list->size -= strlen(mark);
        memmove(list->text, list->text + strlen(mark), list->size + 1);
    }
    const char *header = list->text;
    list->is_csv = strcmp(header, "path") == 0 || strncmp(header, "path,", 5) == 0 ||
                   strcmp(header, "\"path\"") == 0 || strncmp(header, "\"path\",", 7) == 0;
    return VG_OK;
}

static vg_status read_all(name_list *list, vg_error *error)
{
    bool found;
    vg_status status = read_first(list, &found, error);
    if (status == VG_OK && list->is_csv) status = read_record(list, &found, error);
    while (status == VG_OK && found) {
        if (list->size > 0) status = add_path(list, error);
        if (status == VG_OK)
            status =
                list->is_csv ? read_record(list, &found, error) : read_line(list, &found, error);
    }
    return status;
}

vg_status vg_read_name_list(vg_image_list *images, vg_store *input, const char *name,
                            const vg_patterns *excludes, vg_left_out *left_out, vg_error *error)
{
    bool is_stdin = strcmp(name, "-") == 0;
    name_list list = {.name = is_stdin ? "standard input" : name,
                      .input = input,
                      .images = images,
                      .excludes = excludes,
                      .left_out = left_out};
    find_way(&list);
    list.file = is_stdin ? stdin : fopen(name, "rb");
    if (list.file == NULL)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO,
                       "the list of files %s cannot be opened: %s", name, strerror(errno));
    vg_status status = read_all(&list, error);
    if (!is_stdin) fclose(list.file);
    free(list.text);
    free(list.foreign);
    return status;
}
