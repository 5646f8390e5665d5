#include "output/latest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

static const char file_name[] = VG_STATE_ROOT "/latest.json";

enum { MOST_ENTRIES = 2 * VG_TABLE_COUNT, MAX_BYTES = 1 << 16 };

typedef struct entry {
    char name[VG_FOLDER_CHARS], folder[VG_FOLDER_CHARS];
} entry;

typedef struct latest {
    entry entries[MOST_ENTRIES];
    size_t count;
} latest;

/* --- Names ------------------------------------------------------------------------ */

void vg_latest_name(char name[VG_FOLDER_CHARS], vg_table table, vg_format format)
{
    char folder[VG_FOLDER_CHARS];
    vg_layout_folder(folder, table, format, "");
    char *slash = strrchr(folder, '/');
    *slash = '\0';
    if (table == VG_TABLE_PCA_FILE)
        snprintf(name, VG_FOLDER_CHARS, "pca_file");
    else if (strchr(folder, '/') != NULL)
        snprintf(name, VG_FOLDER_CHARS, "%s", folder);
    else /* what stands before the timestamp */
        snprintf(name, VG_FOLDER_CHARS, "%.*s", (int)strlen(slash + 1) - 1, slash + 1);
}

/* --- The file ----------------------------------------------------------------------- */

static bool parse(latest *read, const vg_bytes *content)
{
    vg_json json = {.next = (const char *)content->bytes,
                    .end = (const char *)content->bytes + content->size};
    if (!vg_json_take(&json, '{')) return false;
    if (vg_json_take(&json, '}')) return vg_json_at_end(&json);
    do {
        vg_json_string name, folder;
        entry *next = &read->entries[read->count];
        if (read->count == MOST_ENTRIES || !vg_json_take_string(&json, &name) ||
            !vg_json_take(&json, ':') || !vg_json_take_string(&json, &folder) ||
            !vg_json_copy_plain(name, next->name, sizeof next->name) ||
            !vg_json_copy_plain(folder, next->folder, sizeof next->folder))
            return false;
        read->count++;
    } while (vg_json_take(&json, ','));
    return vg_json_take(&json, '}') && vg_json_at_end(&json);
}

/* `exists` is false where there is no file, or none that verger wrote. */
static vg_status read_file(latest *read, vg_store *output, bool *exists, vg_error *error)
{
    vg_bytes content = {0};
    *read = (latest){0};
    vg_status status =
        vg_store_read(output, file_name, VG_SIZE_UNKNOWN, MAX_BYTES, &content, error);
    *exists = status == VG_OK && parse(read, &content);
    if (!*exists) *read = (latest){0};
    free(content.bytes);
    return status == VG_ENOTFOUND || status == VG_ELIMIT ? VG_OK : status;
}

static vg_status write_file(const latest *written, vg_store *output, vg_error *error)
{
    char *json = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&json, &size);
    if (out == NULL) return vg_fail_memory(error, MAX_BYTES);
    for (size_t i = 0; i < written->count; i++)
        fprintf(out, "%s\"%s\": \"%s\"", i > 0 ? ",\n " : "{", written->entries[i].name,
                written->entries[i].folder);
    fputs(written->count > 0 ? "}\n" : "{}\n", out);
    bool failed = ferror(out) != 0;
    vg_status status = fclose(out) == 0 && !failed ? VG_OK : vg_fail_memory(error, MAX_BYTES);
    if (status == VG_OK) status = vg_store_write(output, file_name, json, size, error);
    free(json);
    return status;
}

static void put(latest *changed, vg_table table, vg_format format, const char *timestamp)
{
    entry next;
    size_t at = 0;
    vg_latest_name(next.name, table, format);
    vg_layout_folder(next.folder, table, format, timestamp);
    while (at < changed->count && strcmp(changed->entries[at].name, next.name) != 0) at++;
    if (at == MOST_ENTRIES) return;
    if (at < changed->count &&
        strcmp(vg_timestamp_of(changed->entries[at].folder), vg_timestamp_of(next.folder)) > 0)
        return;
    changed->entries[at] = next;
    if (at == changed->count) changed->count++;
}

vg_status vg_latest_add(vg_store *output, const vg_table *tables, size_t n, bool parquet, bool csv,
                        const char *timestamp, vg_error *error)
{
    latest changed;
    bool exists;
    vg_status status = read_file(&changed, output, &exists, error);
    if (status != VG_OK) return status;
    for (size_t i = 0; i < n; i++) {
        bool has_one_format = vg_layout_has_one_format(tables[i]);
        if (parquet && !has_one_format) put(&changed, tables[i], VG_PARQUET, timestamp);
        if (csv || has_one_format) put(&changed, tables[i], VG_CSV, timestamp);
    }
    return write_file(&changed, output, error);
}

vg_status vg_latest_forget(vg_store *output, const char *timestamp, vg_error *error)
{
    latest changed;
    bool exists;
    vg_status status = read_file(&changed, output, &exists, error);
    if (status != VG_OK || !exists) return status;
    size_t kept = 0;
    for (size_t i = 0; i < changed.count; i++)
        if (strcmp(vg_timestamp_of(changed.entries[i].folder), timestamp) != 0)
            changed.entries[kept++] = changed.entries[i];
    if (kept == changed.count) return VG_OK;
    changed.count = kept;
    return write_file(&changed, output, error);
}

/* --- Looking ------------------------------------------------------------------------ */

typedef struct survey {
    vg_table table;
    vg_format format;
    char newest[VG_TIMESTAMP_CHARS];
} survey;

static vg_status survey_file(void *context, const vg_file *file, vg_error *error)
{
    (void)error;
    survey *seen = context;
    char folder[VG_FOLDER_CHARS], timestamp[VG_TIMESTAMP_CHARS];
    const char *slash = strrchr(file->path, '/');
    if (slash == NULL || strcmp(slash + 1, "_SUCCESS") != 0) return VG_OK;
    size_t size = (size_t)(slash - file->path);
    if (size < VG_TIMESTAMP_CHARS || size >= VG_FOLDER_CHARS) return VG_OK;
    snprintf(timestamp, sizeof timestamp, "%s", slash - (VG_TIMESTAMP_CHARS - 1));
    vg_layout_folder(folder, seen->table, seen->format, timestamp);
    if (strlen(folder) == size && strncmp(folder, file->path, size) == 0 &&
        strcmp(timestamp, seen->newest) > 0)
        memcpy(seen->newest, timestamp, sizeof timestamp);
    return VG_OK;
}

static vg_status look(char folder[VG_FOLDER_CHARS], vg_store *output, vg_table table,
                      vg_format format, vg_error *error)
{
    survey seen = {.table = table, .format = format};
    char above[VG_FOLDER_CHARS];
    vg_layout_folder(above, table, format, "");
    *strrchr(above, '/') = '\0';
    vg_status status = vg_store_list(output, above, survey_file, &seen, error);
    folder[0] = '\0';
    if (status == VG_OK && seen.newest[0] != '\0')
        vg_layout_folder(folder, table, format, seen.newest);
    return status == VG_ENOTFOUND ? VG_OK : status;
}

vg_status vg_latest_find(char folder[VG_FOLDER_CHARS], vg_store *output, const char *name,
                         vg_error *error)
{
    bool is_known = false;
    size_t length = strlen(name);
    folder[0] = '\0';
    for (vg_table table = 0; table < VG_TABLE_STATE && folder[0] == '\0'; table++) {
        vg_format format = vg_layout_has_one_format(table) ? VG_CSV : VG_PARQUET;
        for (; format <= VG_CSV && folder[0] == '\0'; format++) {
            char its[VG_FOLDER_CHARS];
            vg_latest_name(its, table, format);
            bool is_first_word = strncmp(its, name, length) == 0 && its[length] == '/';
            if (strcmp(its, name) != 0 && !is_first_word) continue;
            is_known = true;
            vg_status status = look(folder, output, table, format, error);
            if (status != VG_OK) return status;
        }
    }
    if (!is_known)
        return vg_fail(error, VG_EINVAL,
                       "no table is called \"%s\": it must be features, pca, neighbours, metadata, "
                       "errors, model_info, variance, pca_file, images or counts; /parquet or /csv "
                       "may follow the first three",
                       name);
    if (folder[0] != '\0') return VG_OK;
    return vg_fail(error, VG_ENOTFOUND, "%s has no complete table %s", vg_store_address(output),
                   name);
}
