/* Lists of files, as tar -T and rsync --files-from take them, and metadata tables. */
#include "selection/name_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"

/* Longer than any store takes (selection/glob.c). It bounds the time too: ends of a path
 * are looked for one by one. */
enum { LONGEST_PATH = 8192 };

/* What a column of a table is taken for. */
enum { PATH, LABEL, SPLIT, COLUMNS };

/* Names of the columns, in small letters, the first that is there before the others. */
static const char *const column_names[COLUMNS][8] = {
    [PATH] = {"path", "image", "file", "filename", "file_name", "filepath", "image_path", NULL},
    [LABEL] = {"label", "class", "category", NULL},
    [SPLIT] = {"split", "subset", NULL},
};

enum { NO_COLUMN = -1 };

/* A field of a record, or a line; NUL-terminated once it has been read. */
typedef struct field {
    char *text;
    size_t size, capacity;
} field;

typedef struct name_list {
    const char *name;
    FILE *file;
    vg_store *input;
    vg_adder *adder;
    char way[VG_ADDRESS_CHARS]; /* from the current folder to the input, "" where it is not below */
    size_t line;
    char separator;         /* of a table; 0 in a plain list */
    int column_at[COLUMNS]; /* where a table has them, or NO_COLUMN */
    field fields[COLUMNS];  /* of the record in hand; the first is the line of a plain list */
    char *foreign; /* what stood before the input's paths in the last path from elsewhere */
    size_t foreign_size;
    uint64_t named, missing; /* files, and those that a local input does not have */
    char first_missing[128];
} name_list;

static vg_status append(name_list *list, field *to, int character, vg_error *error)
{
    if (to->size == LONGEST_PATH)
        return vg_fail(error, VG_EFORMAT,
                       "%s, line %zu: a path of more than %d bytes: one path a line is wanted",
                       list->name, list->line, LONGEST_PATH);
    if (character == '\0')
        return vg_fail(error, VG_EFORMAT, "%s, line %zu: a NUL byte: one path a line is wanted",
                       list->name, list->line);
    if (to->size + 1 >= to->capacity) {
        size_t capacity = to->capacity > 0 ? 2 * to->capacity : 256;
        char *text = realloc(to->text, capacity);
        if (text == NULL) return vg_fail_memory(error, capacity);
        to->text = text;
        to->capacity = capacity;
    }
    to->text[to->size++] = (char)character;
    to->text[to->size] = '\0';
    return VG_OK;
}

static vg_status fail_read(const name_list *list, vg_error *error)
{
    return vg_fail(error, VG_EIO, "%s cannot be read: %s", list->name, strerror(errno));
}

/* Reads a line without its end. At the end of the file, `found` is false. */
static vg_status read_line(name_list *list, bool *found, vg_error *error)
{
    field *line = &list->fields[PATH];
    int character;
    line->size = 0;
    list->line++;
    *found = false;
    while ((character = getc(list->file)) != EOF) {
        *found = true;
        if (character == '\n') break;
        vg_status status = append(list, line, character, error);
        if (status != VG_OK) return status;
    }
    if (ferror(list->file)) return fail_read(list, error);
    if (line->size > 0 && line->text[line->size - 1] == '\r') line->size--;
    if (line->text != NULL) line->text[line->size] = '\0';
    return VG_OK;
}

/* The field of that column, or NULL where it is not wanted. */
static field *field_at(name_list *list, int column)
{
    for (int i = 0; i < COLUMNS; i++)
        if (list->column_at[i] == column) return &list->fields[i];
    return NULL;
}

/* Names are as tables hold them (vg_builder_name). */
static void end_fields(name_list *list)
{
    for (int i = 0; i < COLUMNS; i++) {
        field *one = &list->fields[i];
        if (one->text == NULL) continue;
        one->size = vg_unescape(one->text, one->size);
        one->text[one->size] = '\0';
    }
}

/* Reads a record (RFC 4180, with any separator) and keeps the fields that are wanted. */
static vg_status read_record(name_list *list, bool *found, vg_error *error)
{
    vg_status status = VG_OK;
    bool quoted = false;
    size_t start = ++list->line;
    int character, last = '\n', column = 0;
    for (int i = 0; i < COLUMNS; i++) list->fields[i].size = 0;
    field *to = field_at(list, column);
    *found = false;
    while (status == VG_OK && (character = getc(list->file)) != EOF) {
        *found = true;
        if (character == '"') {
            /* The second of two quotes within quotes stands for one. */
            if (!quoted && last == '"' && to != NULL) status = append(list, to, '"', error);
            quoted = !quoted;
        } else if (!quoted && character == '\n') {
            break;
        } else if (!quoted && character == list->separator) {
            to = field_at(list, ++column);
        } else {
            if (character == '\n') list->line++;
            if (to != NULL && (quoted || character != '\r'))
                status = append(list, to, character, error);
        }
        last = character;
    }
    if (status == VG_OK && ferror(list->file)) status = fail_read(list, error);
    if (status == VG_OK && quoted)
        status =
            vg_fail(error, VG_EFORMAT, "%s, line %zu: a quote is never closed", list->name, start);
    end_fields(list);
    return status;
}

/* --- Headers ----------------------------------------------------------------------- */

/* Whether a field of a header is that name, quotes and capitals aside. */
static bool is_name(const char *text, size_t size, const char *name)
{
    if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
        text++;
        size -= 2;
    }
    return strlen(name) == size && strncasecmp(text, name, size) == 0;
}

/* The column of that name in the header, or NO_COLUMN. */
static int find_name(const char *header, char separator, const char *name)
{
    for (int column = 0; header != NULL; column++) {
        const char *end = strchr(header, separator);
        if (is_name(header, end != NULL ? (size_t)(end - header) : strlen(header), name))
            return column;
        header = end != NULL ? end + 1 : NULL;
    }
    return NO_COLUMN;
}

static int find_column(const char *header, char separator, int kind)
{
    int found = NO_COLUMN;
    for (const char *const *name = column_names[kind]; *name != NULL && found == NO_COLUMN; name++)
        found = find_name(header, separator, *name);
    return found;
}

static bool ends_in(const char *name, const char *ending)
{
    size_t size = strlen(name), length = strlen(ending);
    return size >= length && strcasecmp(name + size - length, ending) == 0;
}

/* Tells a table by a column that holds paths. */
static vg_status read_header(name_list *list, const char *label_column, vg_error *error)
{
    static const char separators[] = ",\t;";
    const char *header = list->fields[PATH].text;
    for (const char *separator = separators; *separator != '\0' && list->separator == 0;
         separator++) {
        list->column_at[PATH] = find_column(header, *separator, PATH);
        if (list->column_at[PATH] != NO_COLUMN) list->separator = *separator;
    }
    if (list->separator == 0 && (ends_in(list->name, ".csv") || ends_in(list->name, ".tsv")))
        return vg_fail(error, VG_EFORMAT,
                       "%s has no column of paths: of its header, \"%.200s\", one column has to be "
                       "called path, image, file, filename, file_name or filepath",
                       list->name, header);
    if (list->separator == 0 && label_column != NULL)
        return vg_fail(error, VG_EINVAL, "%s is a plain list of paths, which has no column \"%s\"",
                       list->name, label_column);
    if (list->separator == 0) return VG_OK;
    list->column_at[SPLIT] = find_column(header, list->separator, SPLIT);
    list->column_at[LABEL] = label_column != NULL ? find_name(header, list->separator, label_column)
                                                  : find_column(header, list->separator, LABEL);
    if (label_column == NULL || list->column_at[LABEL] != NO_COLUMN) return VG_OK;
    return vg_fail(error, VG_EINVAL, "%s has no column \"%s\": its header is \"%.200s\"",
                   list->name, label_column, header);
}

/* The first line, which may begin with a byte order mark. */
static vg_status read_first(name_list *list, const char *label_column, bool *found, vg_error *error)
{
    vg_status status = read_line(list, found, error);
    field *line = &list->fields[PATH];
    if (status != VG_OK || !*found || line->size == 0) return status;
    const char mark[] = "\xef\xbb\xbf";
    if (strncmp(line->text, mark, strlen(mark)) == 0) {
        line->size -= strlen(mark);
        memmove(line->text, line->text + strlen(mark), line->size + 1);
    }
    return read_header(list, label_column, error);
}

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

static const char *text_of(const field *read)
{
    return read->text != NULL ? read->text : "";
}

/* A file that is not there is an image all the same: one that fails. */
static vg_status add_image(name_list *list, const char *path, vg_error *error)
{
    vg_file file;
    vg_listed_image image = {.path = path, .size = VG_SIZE_UNKNOWN};
    if (list->column_at[LABEL] != NO_COLUMN) image.label = text_of(&list->fields[LABEL]);
    if (list->column_at[SPLIT] != NO_COLUMN) image.split = text_of(&list->fields[SPLIT]);
    list->named++;
    if (!vg_store_is_atomic(list->input)) {
        if (vg_store_stat(list->input, path, &file, NULL) == VG_OK) {
            image.size = file.size;
            image.modified = file.modified;
        } else if (list->missing++ == 0) {
            snprintf(list->first_missing, sizeof list->first_missing, "%s", path);
        }
    }
    return vg_adder_add(list->adder, &image, error);
}

static vg_status add_path(name_list *list, vg_error *error)
{
    const char *path = list->fields[PATH].text;
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
    return path[0] != '\0' ? add_image(list, path, error) : VG_OK;
}

/* Not one file of a table is there: its paths are of something else. */
static vg_status check_missing(const name_list *list, vg_error *error)
{
    if (list->separator == 0 || list->missing == 0 || list->missing < list->named) return VG_OK;
    return vg_fail(error, VG_ENOTFOUND,
                   "none of the %llu files that %s names is below %s; the first is \"%s\"",
                   (unsigned long long)list->named, list->name, vg_store_address(list->input),
                   list->first_missing);
}

static vg_status read_all(name_list *list, const char *label_column, vg_error *error)
{
    bool found;
    vg_status status = read_first(list, label_column, &found, error);
    if (status == VG_OK && list->separator != 0) status = read_record(list, &found, error);
    while (status == VG_OK && found) {
        if (list->fields[PATH].size > 0) status = add_path(list, error);
        if (status == VG_OK)
            status = list->separator != 0 ? read_record(list, &found, error)
                                          : read_line(list, &found, error);
    }
    return status == VG_OK ? check_missing(list, error) : status;
}

/* Formats that are tables, and that are not read. */
static vg_status check_ending(const char *name, vg_error *error)
{
    static const char *const endings[] = {".parquet", ".json", ".jsonl", ".xlsx", NULL};
    for (const char *const *ending = endings; *ending != NULL; ending++)
        if (ends_in(name, *ending))
            return vg_fail(error, VG_EUNSUPPORTED,
                           "%s: a list is a text of one path a line, a CSV "
                           "or a TSV: write the table as one of these",
                           name);
    return VG_OK;
}

vg_status vg_read_name_list(vg_adder *adder, vg_store *input, const char *name,
                            const char *label_column, vg_error *error)
{
    bool is_stdin = strcmp(name, "-") == 0;
    name_list list = {.name = is_stdin ? "standard input" : name,
                      .input = input,
                      .adder = adder,
                      .column_at = {NO_COLUMN, NO_COLUMN, NO_COLUMN}};
    find_way(&list);
    vg_status status = check_ending(name, error);
    if (status != VG_OK) return status;
    list.file = is_stdin ? stdin : fopen(name, "rb");
    if (list.file == NULL)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO,
                       "the list of files %s cannot be opened: %s", name, strerror(errno));
    status = read_all(&list, label_column, error);
    if (!is_stdin) fclose(list.file);
    for (int i = 0; i < COLUMNS; i++) free(list.fields[i].text);
    free(list.foreign);
    return status;
}
