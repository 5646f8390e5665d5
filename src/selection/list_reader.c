#include "selection/list_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

/* Lists in a store are read whole: 10 million names. */
static const uint64_t most_bytes = (uint64_t)1 << 30;
enum { LONGEST_LINE = 1 << 24 };

bool vg_list_ends_in(const char *name, const char *ending)
{
    size_t size = strlen(name), length = strlen(ending);
    return size >= length && strcasecmp(name + size - length, ending) == 0;
}

vg_status vg_list_read_line(vg_list_reader *reader, vg_list_field *to, bool *found, vg_error *error)
{
    vg_list_fields *fields = &reader->fields;
    int character;
    to->size = 0;
    fields->line++;
    *found = false;
    while ((character = getc(reader->file)) != EOF) {
        char byte = (char)character;
        *found = true;
        if (byte == '\n') break;
        vg_status status = vg_list_append(fields, to, &byte, 1, error);
        if (status != VG_OK) return status;
    }
    if (ferror(reader->file))
        return vg_fail(error, VG_EIO, "%s cannot be read: %s", fields->list, strerror(errno));
    if (to->size > 0 && to->text[to->size - 1] == '\r') to->size--;
    if (to->text != NULL) to->text[to->size] = '\0';
    return VG_OK;
}

/* The first line, without a byte order mark. */
static vg_status read_first(vg_list_reader *reader, bool *found, vg_error *error)
{
    vg_list_field *line = &reader->line;
    vg_status status = vg_list_read_line(reader, line, found, error);
    const char mark[] = "\xef\xbb\xbf";
    if (status != VG_OK || !*found || line->size < strlen(mark)) return status;
    if (strncmp(vg_list_text(line), mark, strlen(mark)) == 0) {
        line->size -= strlen(mark);
        memmove(line->text, line->text + strlen(mark), line->size + 1);
    }
    return VG_OK;
}

static vg_status open_text(vg_list_reader *reader, vg_error *error)
{
    bool found;
    vg_status status = read_first(reader, &found, error);
    if (status != VG_OK || !found) return status;
    if (strncmp(vg_list_text(&reader->line), "PAR1", 4) == 0)
        return vg_fail(error, VG_EUNSUPPORTED,
                       "%s is a Parquet table: give it as a file that ends in .parquet",
                       reader->fields.list);
    reader->holds_line = true;
    reader->is_json = vg_json_list_is(reader);
    return reader->is_json ? vg_json_list_begin(reader, error) : vg_text_list_begin(reader, error);
}

static vg_status open_file(vg_list_reader *reader, vg_store *store, const char *name,
                           vg_error *error)
{
    if (store != NULL) {
        vg_status status =
            vg_store_read(store, name, VG_SIZE_UNKNOWN, most_bytes, &reader->content, error);
        if (status != VG_OK) return status;
        size_t size = reader->content.size;
        reader->file =
            size > 0 ? fmemopen(reader->content.bytes, size, "rb") : fopen("/dev/null", "rb");
    } else if (strcmp(name, "-") == 0) {
        reader->file = stdin;
        return VG_OK;
    } else {
        reader->file = fopen(name, "rb");
    }
    reader->owns_file = reader->file != NULL;
    if (reader->file != NULL) return VG_OK;
    return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO,
                   "the list of files %s cannot be opened: %s", name, strerror(errno));
}

/* The folder and the name of a list that is read over a store. */
static vg_status open_store(vg_list_reader *reader, vg_store *store, const char **name,
                            vg_error *error)
{
    const char *slash = strrchr(*name, '/');
    reader->store = store;
    if (store != NULL) return VG_OK;
    size_t size = slash == NULL ? 1 : slash == *name ? 1 : (size_t)(slash - *name);
    char *folder = malloc(size + 1);
    if (folder == NULL) return vg_fail_memory(error, size + 1);
    memcpy(folder, slash == NULL ? "." : *name, size);
    folder[size] = '\0';
    /* The list is the caller's, wherever a link to it leads. */
    const vg_store_options options = {.follow_links = true};
    vg_status status = vg_store_open(&reader->store, folder, &options, error);
    reader->owns_store = true;
    free(folder);
    if (slash != NULL) *name = slash + 1;
    return status;
}

/* Tables of formats that are not read. */
static vg_status check_ending(const char *name, vg_error *error)
{
    static const char *const endings[] = {".xlsx", ".xls", ".ods", ".arrow", ".feather", NULL};
    for (const char *const *ending = endings; *ending != NULL; ending++)
        if (vg_list_ends_in(name, *ending))
            return vg_fail(error, VG_EUNSUPPORTED,
                           "%s: a list is a text of one path a line, a CSV, a TSV, a Parquet table "
                           "or JSON lines: write the table as one of these",
                           name);
    return VG_OK;
}

vg_status vg_list_reader_open(vg_list_reader *reader, vg_store *store, const char *name,
                              const vg_list_wishes *wishes, vg_error *error)
{
    bool is_stdin = store == NULL && strcmp(name, "-") == 0;
    *reader = (vg_list_reader){.line = {.most = LONGEST_LINE}};
    reader->is_parquet = vg_list_ends_in(name, ".parquet");
    vg_status status = check_ending(name, error);
    if (status == VG_OK)
        status =
            vg_list_fields_open(&reader->fields, is_stdin ? "standard input" : name, wishes, error);
    const char *in_store = name;
    bool is_remote = store == NULL && strstr(name, "://") != NULL;
    if (status == VG_OK && (reader->is_parquet || is_remote))
        status = open_store(reader, store, &in_store, error);
    if (status == VG_OK && reader->is_parquet) {
        status = vg_parquet_list_begin(reader, in_store, error);
    } else if (status == VG_OK) {
        status = open_file(reader, is_remote ? reader->store : store, in_store, error);
        if (status == VG_OK) status = open_text(reader, error);
    }
    if (status != VG_OK) vg_list_reader_close(reader);
    return status;
}

void vg_list_reader_close(vg_list_reader *reader)
{
    vg_parquet_list_end(reader);
    if (reader->owns_store) vg_store_close(&reader->store);
    if (reader->owns_file) fclose(reader->file);
    for (size_t i = 0; i < reader->name_count; i++) free(reader->names[i]);
    free(reader->names);
    free(reader->content.bytes);
    free(reader->line.text);
    free(reader->was_seen);
    vg_list_fields_close(&reader->fields);
    *reader = (vg_list_reader){0};
}

vg_status vg_list_reader_next(vg_list_reader *reader, bool *found, vg_error *error)
{
    vg_list_clear(&reader->fields);
    *found = false;
    vg_status status = VG_OK;
    if (reader->is_parquet)
        status = vg_parquet_list_next(reader, found, error);
    else if (reader->is_json)
        status = vg_json_list_next(reader, found, error);
    else
        status = vg_text_list_next(reader, found, error);
    if (status == VG_OK && reader->is_table) vg_list_unescape(&reader->fields);
    return status;
}
