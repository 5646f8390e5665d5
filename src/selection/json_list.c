/* JSON lines (jsonlines.org): an object a line, read by jansson, for it is of strangers. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "io/io.h"
#include "selection/list_reader.h"

static const size_t load_flags = JSON_REJECT_DUPLICATES;

bool vg_json_list_is(const vg_list_reader *reader)
{
    static const char *const endings[] = {".jsonl", ".ndjson", ".json", NULL};
    for (const char *const *ending = endings; *ending != NULL; ending++)
        if (vg_list_ends_in(reader->fields.list, *ending)) return true;
    const char *line = reader->line.text;
    if (line == NULL || line[0] != '{') return false;
    json_t *first = json_loads(line, load_flags, NULL);
    bool is_object = json_is_object(first);
    json_decref(first);
    return is_object;
}

static vg_status parse(const vg_list_reader *reader, json_t **object, vg_error *error)
{
    json_error_t fault;
    const vg_list_fields *fields = &reader->fields;
    *object = json_loadb(reader->line.text, reader->line.size, load_flags, &fault);
    if (*object == NULL)
        return vg_fail(error, VG_EFORMAT,
                       "%s, line %zu, is no JSON: %s; one object a line is wanted", fields->list,
                       fields->line, fault.text);
    if (json_is_object(*object)) return VG_OK;
    json_decref(*object);
    *object = NULL;
    return vg_fail(error, VG_EFORMAT,
                   "%s, line %zu, is no JSON object: one object a line is wanted", fields->list,
                   fields->line);
}

/* The keys of an object become the names of the columns. */
static vg_status take_names(vg_list_reader *reader, json_t *object, vg_error *error)
{
    const char *key;
    json_t *value;
    reader->names = calloc(json_object_size(object) + 1, sizeof *reader->names);
    if (reader->names == NULL) return vg_fail_memory(error, sizeof *reader->names);
    json_object_foreach(object, key, value)
    {
        char *copy = strdup(key);
        if (copy == NULL) return vg_fail_memory(error, strlen(key) + 1);
        reader->names[reader->name_count++] = copy;
    }
    return VG_OK;
}

/* Skips blank lines; past the last, reader->holds_line stays false. */
static vg_status read_object(vg_list_reader *reader, json_t **object, vg_error *error)
{
    *object = NULL;
    for (bool found = true; found;) {
        vg_status status = VG_OK;
        if (!reader->holds_line) status = vg_list_read_line(reader, &reader->line, &found, error);
        reader->holds_line = false;
        if (status != VG_OK) return status;
        if (found && strspn(vg_list_text(&reader->line), " \t") < reader->line.size)
            return parse(reader, object, error);
    }
    return VG_OK;
}

/* Columns that are kept may be missing in some lines, the first among them; other fields are in
 * each line or in none. */
vg_status vg_json_list_begin(vg_list_reader *reader, vg_error *error)
{
    json_t *object;
    vg_list_fields *fields = &reader->fields;
    vg_list_wishes fixed = *fields->wishes;
    fixed.keep.count = 0;
    reader->is_table = true;
    reader->was_seen = calloc(fields->count, sizeof *reader->was_seen);
    if (reader->was_seen == NULL) return vg_fail_memory(error, fields->count);
    vg_status status = read_object(reader, &object, error);
    if (status != VG_OK || object == NULL) return status;
    status = take_names(reader, object, error);
    json_decref(object);
    const vg_list_wishes *wishes = fields->wishes;
    fields->wishes = &fixed;
    if (status == VG_OK)
        status = vg_list_choose_columns(fields, reader->names, reader->name_count, error);
    fields->wishes = wishes;
    reader->holds_line = true;
    return status;
}

/* --- Values ------------------------------------------------------------------------- */

static vg_status append_text(vg_list_reader *reader, vg_list_field *to, const char *text,
                             vg_error *error)
{
    return vg_list_append(&reader->fields, to, text, strlen(text), error);
}

/* A number or a truth value as JSON writes it, nothing for null, and JSON again for the rest. */
static vg_status append_value(vg_list_reader *reader, vg_list_field *to, const json_t *value,
                              vg_error *error)
{
    char number[VG_NUMBER_CHARS];
    switch (json_typeof(value)) {
    case JSON_STRING: return append_text(reader, to, json_string_value(value), error);
    case JSON_NULL: return VG_OK;
    case JSON_TRUE: return append_text(reader, to, "true", error);
    case JSON_FALSE: return append_text(reader, to, "false", error);
    case JSON_REAL:
        vg_format_float64(number, json_real_value(value));
        return append_text(reader, to, number, error);
    default: break;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) return vg_fail_memory(error, 1);
    vg_status status = append_text(reader, to, text, error);
    free(text);
    return status;
}

/* A label that only later lines have would be none of the first. */
static vg_status check_late(const vg_list_reader *reader, const json_t *object, vg_error *error)
{
    const vg_list_fields *fields = &reader->fields;
    for (int field = VG_LIST_LABEL; field < VG_LIST_KEPT; field++) {
        if (fields->column_at[field] != VG_NO_COLUMN ||
            (field == VG_LIST_LABEL && fields->wishes->leaves_labels))
            continue;
        for (const char *const *name = vg_list_names(field); *name != NULL; name++)
            if (json_object_get(object, *name) != NULL)
                return vg_fail(error, VG_EFORMAT,
                               "%s, line %zu, has \"%s\", which its first line has not: give it in "
                               "every line, null where there is none",
                               fields->list, fields->line, *name);
    }
    return VG_OK;
}

static const char *name_of(const vg_list_reader *reader, size_t field)
{
    const vg_list_fields *fields = &reader->fields;
    if (field >= VG_LIST_KEPT) return fields->wishes->keep.items[field - VG_LIST_KEPT];
    int column = fields->column_at[field];
    return column != VG_NO_COLUMN ? reader->names[column] : NULL;
}

static vg_status take_object(vg_list_reader *reader, const json_t *object, vg_error *error)
{
    vg_list_fields *fields = &reader->fields;
    vg_status status = check_late(reader, object, error);
    for (size_t i = 0; i < fields->count && status == VG_OK; i++) {
        const char *name = name_of(reader, i);
        const json_t *value = name != NULL ? json_object_get(object, name) : NULL;
        if (i == VG_LIST_PATH && !json_is_string(value))
            return vg_fail(error, VG_EFORMAT, "%s, line %zu: \"%s\" is no text", fields->list,
                           fields->line, name);
        if (value == NULL) continue;
        reader->was_seen[i] = true;
        status = append_value(reader, &fields->items[i], value, error);
    }
    return status;
}

/* At the end: a column that no line has was not meant. */
static vg_status check_seen(const vg_list_reader *reader, vg_error *error)
{
    const vg_list_fields *fields = &reader->fields;
    if (fields->column_at[VG_LIST_PATH] == VG_NO_COLUMN) return VG_OK;
    for (size_t i = VG_LIST_KEPT; i < fields->count; i++)
        if (!reader->was_seen[i])
            return vg_fail(error, VG_EINVAL, "%s has no column \"%s\": no line has it",
                           fields->list, name_of(reader, i));
    return VG_OK;
}

vg_status vg_json_list_next(vg_list_reader *reader, bool *found, vg_error *error)
{
    json_t *object;
    vg_status status = read_object(reader, &object, error);
    if (status != VG_OK) return status;
    *found = object != NULL;
    if (object == NULL) return check_seen(reader, error);
    status = take_object(reader, object, error);
    json_decref(object);
    return status;
}
