#include "selection/list_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/escape.h"

/* A path is no longer than any store takes (selection/glob.c). It bounds the time too: ends of
 * a path are looked for one by one. A value that is kept may be a caption. */
enum { LONGEST_PATH = 8192, LONGEST_VALUE = 1 << 16 };

static const char *const column_names[VG_LIST_KEPT][8] = {
    [VG_LIST_PATH] = {"path", "image", "file", "filename", "file_name", "filepath", "image_path",
                      NULL},
    [VG_LIST_LABEL] = {"label", "class", "category", NULL},
    [VG_LIST_SPLIT] = {"split", "subset", NULL},
};

vg_status vg_list_fields_open(vg_list_fields *fields, const char *list,
                              const vg_list_wishes *wishes, vg_error *error)
{
    *fields = (vg_list_fields){
        .list = list, .wishes = wishes, .count = VG_LIST_KEPT + wishes->keep.count};
    fields->items = calloc(fields->count, sizeof *fields->items);
    fields->column_at = calloc(fields->count, sizeof *fields->column_at);
    if (fields->items == NULL || fields->column_at == NULL) {
        vg_list_fields_close(fields);
        return vg_fail_memory(error, fields->count * sizeof *fields->items);
    }
    for (size_t i = 0; i < fields->count; i++) {
        fields->items[i].most = i < VG_LIST_KEPT ? LONGEST_PATH : LONGEST_VALUE;
        fields->column_at[i] = VG_NO_COLUMN;
    }
    return VG_OK;
}

void vg_list_fields_close(vg_list_fields *fields)
{
    for (size_t i = 0; fields->items != NULL && i < fields->count; i++) free(fields->items[i].text);
    free(fields->items);
    free(fields->column_at);
    *fields = (vg_list_fields){0};
}

/* --- Columns ------------------------------------------------------------------------ */

const char *const *vg_list_names(int field)
{
    return column_names[field];
}

static int find_name(char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(names[i], name) == 0) return (int)i;
    return VG_NO_COLUMN;
}

static int find_column(char *const *names, size_t n, int field)
{
    int found = VG_NO_COLUMN;
    for (const char *const *name = column_names[field]; *name != NULL && found == VG_NO_COLUMN;
         name++)
        found = find_name(names, n, *name);
    return found;
}

int vg_list_path_column(char *const *names, size_t n)
{
    return find_column(names, n, VG_LIST_PATH);
}

/* "path, label, ..." */
static const char *all_names(char *const *names, size_t n, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", names[i]);
    return text;
}

static vg_status find_wanted(const vg_list_fields *fields, char *const *names, size_t n,
                             const char *wanted, int *found, vg_error *error)
{
    char all[200];
    *found = find_name(names, n, wanted);
    if (*found != VG_NO_COLUMN) return VG_OK;
    return vg_fail(error, VG_EINVAL, "%s has no column \"%s\": it has %s", fields->list, wanted,
                   all_names(names, n, all, sizeof all));
}

vg_status vg_list_choose_columns(vg_list_fields *fields, char *const *names, size_t n,
                                 vg_error *error)
{
    char all[200];
    const vg_list_wishes *wishes = fields->wishes;
    int *at = fields->column_at;
    vg_status status = VG_OK;
    at[VG_LIST_PATH] = vg_list_path_column(names, n);
    if (at[VG_LIST_PATH] == VG_NO_COLUMN)
        return vg_fail(error, VG_EFORMAT,
                       "%s has no column of paths: of its columns, %s, one has to be called path, "
                       "image, file, filename, file_name or filepath",
                       fields->list, all_names(names, n, all, sizeof all));
    at[VG_LIST_SPLIT] = find_column(names, n, VG_LIST_SPLIT);
    if (wishes->label_column != NULL)
        status = find_wanted(fields, names, n, wishes->label_column, &at[VG_LIST_LABEL], error);
    else if (!wishes->leaves_labels)
        at[VG_LIST_LABEL] = find_column(names, n, VG_LIST_LABEL);
    for (size_t i = 0; i < wishes->keep.count && status == VG_OK; i++)
        status = find_wanted(fields, names, n, wishes->keep.items[i], &at[VG_LIST_KEPT + i], error);
    return status;
}

/* --- Values ------------------------------------------------------------------------- */

void vg_list_clear(vg_list_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        fields->items[i].size = 0;
        if (fields->items[i].text != NULL) fields->items[i].text[0] = '\0';
    }
}

static vg_status reserve(vg_list_field *to, size_t size, vg_error *error)
{
    size_t capacity = to->capacity > 0 ? to->capacity : 256;
    if (size <= to->capacity) return VG_OK;
    while (capacity < size) capacity *= 2;
    char *text = realloc(to->text, capacity);
    if (text == NULL) return vg_fail_memory(error, capacity);
    to->text = text;
    to->capacity = capacity;
    return VG_OK;
}

vg_status vg_list_append(const vg_list_fields *fields, vg_list_field *to, const char *bytes,
                         size_t size, vg_error *error)
{
    bool is_path = to == &fields->items[VG_LIST_PATH];
    if (to->size + size > to->most)
        return vg_fail(error, VG_EFORMAT, "%s, line %zu: a %s of more than %zu bytes%s",
                       fields->list, fields->line, is_path ? "path" : "value", to->most,
                       is_path ? ": one path a line is wanted" : "");
    if (memchr(bytes, '\0', size) != NULL)
        return vg_fail(error, VG_EFORMAT, "%s, line %zu: a NUL byte%s", fields->list, fields->line,
                       is_path ? ": one path a line is wanted" : "");
    vg_status status = reserve(to, to->size + size + 1, error);
    if (status != VG_OK) return status;
    memcpy(to->text + to->size, bytes, size);
    to->size += size;
    to->text[to->size] = '\0';
    return VG_OK;
}

void vg_list_unescape(vg_list_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        vg_list_field *one = &fields->items[i];
        if (one->text == NULL) continue;
        one->size = vg_unescape(one->text, one->size);
        one->text[one->size] = '\0';
        /* An escaped NUL would end the text early. */
        one->size = strlen(one->text);
    }
}

const char *vg_list_text(const vg_list_field *field)
{
    return field->text != NULL ? field->text : "";
}
