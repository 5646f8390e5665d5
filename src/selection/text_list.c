/* Lists of files, as tar -T and rsync --files-from take them, and CSV (RFC 4180, with any
 * separator). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "selection/list_reader.h"

/* The field of that column, or NULL where it is not wanted. */
static vg_list_field *field_at(vg_list_reader *reader, int column)
{
    for (size_t i = 0; i < reader->fields.count; i++)
        if (reader->fields.column_at[i] == column) return &reader->fields.items[i];
    return NULL;
}

/* A column may be two fields: the label, and one that is kept. */
static vg_status share_columns(vg_list_fields *fields, vg_error *error)
{
    for (size_t i = 1; i < fields->count; i++)
        for (size_t j = 0; j < i; j++) {
            if (fields->column_at[i] == VG_NO_COLUMN ||
                fields->column_at[i] != fields->column_at[j])
                continue;
            const vg_list_field *first = &fields->items[j];
            vg_status status =
                vg_list_append(fields, &fields->items[i], vg_list_text(first), first->size, error);
            if (status != VG_OK) return status;
            break;
        }
    return VG_OK;
}

/* Reads a record and keeps the fields that are wanted. */
static vg_status read_record(vg_list_reader *reader, bool *found, vg_error *error)
{
    vg_list_fields *fields = &reader->fields;
    vg_status status = VG_OK;
    bool quoted = false, has_more = false; /* than the header has names */
    size_t start = ++fields->line;
    int character, last = '\n', column = 0;
    vg_list_field *to = field_at(reader, column);
    while (status == VG_OK && (character = getc(reader->file)) != EOF) {
        char byte = (char)character;
        *found = true;
        if (character == '"') {
            /* The second of two quotes within quotes stands for one. */
            if (!quoted && last == '"' && to != NULL)
                status = vg_list_append(fields, to, "\"", 1, error);
            quoted = !quoted;
        } else if (!quoted && character == '\n') {
            break;
        } else if (!quoted && character == reader->separator) {
            to = field_at(reader, ++column);
        } else {
            if (character == '\n') fields->line++;
            if (column >= (int)reader->name_count && character != '\r') has_more = true;
            if (to != NULL && (quoted || character != '\r'))
                status = vg_list_append(fields, to, &byte, 1, error);
        }
        last = character;
    }
    if (status == VG_OK && ferror(reader->file))
        status = vg_fail(error, VG_EIO, "%s cannot be read: %s", fields->list, strerror(errno));
    if (status == VG_OK && quoted)
        status = vg_fail(error, VG_EFORMAT, "%s, line %zu: a quote is never closed", fields->list,
                         start);
    if (status == VG_OK && has_more)
        status = vg_fail(error, VG_EFORMAT,
                         "%s, line %zu: %d values, and the header names %zu columns: put a value "
                         "that holds '%c' in quotes",
                         fields->list, start, column + 1, reader->name_count, reader->separator);
    return status == VG_OK ? share_columns(fields, error) : status;
}

/* --- Headers ----------------------------------------------------------------------- */

static void free_names(vg_list_reader *reader)
{
    for (size_t i = 0; i < reader->name_count; i++) free(reader->names[i]);
    free(reader->names);
    reader->names = NULL;
    reader->name_count = 0;
}

/* The names of a header, their quotes taken off. */
static vg_status split_header(vg_list_reader *reader, char separator, vg_error *error)
{
    size_t capacity = 0;
    free_names(reader);
    for (const char *name = reader->line.text; name != NULL;) {
        const char *end = strchr(name, separator);
        size_t size = end != NULL ? (size_t)(end - name) : strlen(name);
        const char *next = end != NULL ? end + 1 : NULL;
        if (size >= 2 && name[0] == '"' && name[size - 1] == '"') {
            name++;
            size -= 2;
        }
        if (reader->name_count == capacity) {
            char **names = vg_grow(reader->names, &capacity, sizeof *names);
            if (names == NULL) return vg_fail_memory(error, capacity * sizeof *names);
            reader->names = names;
        }
        char *copy = strndup(name, size);
        if (copy == NULL) return vg_fail_memory(error, size + 1);
        reader->names[reader->name_count++] = copy;
        name = next;
    }
    return VG_OK;
}

/* Tells a table by a column that holds paths. */
vg_status vg_text_list_begin(vg_list_reader *reader, vg_error *error)
{
    static const char separators[] = ",\t;";
    const char *list = reader->fields.list;
    const vg_list_wishes *wishes = reader->fields.wishes;
    vg_status status = VG_OK;
    if (reader->line.text == NULL) return VG_OK;
    for (const char *separator = separators; *separator != '\0'; separator++) {
        status = split_header(reader, *separator, error);
        if (status != VG_OK) return status;
        if (vg_list_path_column(reader->names, reader->name_count) == VG_NO_COLUMN) continue;
        reader->separator = *separator;
        reader->is_table = true;
        reader->holds_line = false;
        return vg_list_choose_columns(&reader->fields, reader->names, reader->name_count, error);
    }
    if (vg_list_ends_in(list, ".csv") || vg_list_ends_in(list, ".tsv")) {
        status = split_header(reader, vg_list_ends_in(list, ".tsv") ? '\t' : ',', error);
        if (status != VG_OK) return status;
        return vg_list_choose_columns(&reader->fields, reader->names, reader->name_count, error);
    }
    const char *wanted = wishes->label_column;
    if (wanted == NULL && wishes->keep.count > 0) wanted = wishes->keep.items[0];
    if (wanted != NULL)
        return vg_fail(error, VG_EINVAL, "%s is a plain list of paths, which has no column \"%s\"",
                       list, wanted);
    return VG_OK;
}

vg_status vg_text_list_next(vg_list_reader *reader, bool *found, vg_error *error)
{
    vg_list_field *path = &reader->fields.items[VG_LIST_PATH];
    if (reader->is_table) return read_record(reader, found, error);
    if (!reader->holds_line) return vg_list_read_line(reader, path, found, error);
    reader->holds_line = false;
    *found = true;
    return vg_list_append(&reader->fields, path, vg_list_text(&reader->line), reader->line.size,
                          error);
}
