#include "report/page_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/batch_reader.h"
#include "output/feature_table.h"
#include "output/layout.h"

enum { SHOWN_PATHS = 20, MOST_REASONS = 200, MOST_INFO_BYTES = 16 << 20 };

/* --- Facts ------------------------------------------------------------------------- */

static vg_status find_part(void *context, const vg_file *file, vg_error *error)
{
    (void)error;
    char *part = context;
    const char *name = strrchr(file->path, '/');
    if (name != NULL && strncmp(name, "/part-", 6) == 0 && strlen(file->path) < VG_FILE_CHARS)
        strcpy(part, file->path);
    return VG_OK;
}

static vg_status read_info(json_t **info, vg_store *output, const char *timestamp, vg_error *error)
{
    char folder[VG_FOLDER_CHARS], part[VG_FILE_CHARS] = "";
    vg_bytes content = {0};
    json_error_t fault;
    *info = NULL;
    vg_layout_folder(folder, VG_TABLE_MODEL_INFO, VG_CSV, timestamp);
    vg_status status = vg_store_list(output, folder, find_part, part, error);
    if (status == VG_ENOTFOUND || (status == VG_OK && part[0] == '\0')) return VG_OK;
    if (status == VG_OK)
        status = vg_store_read(output, part, VG_SIZE_UNKNOWN, MOST_INFO_BYTES, &content, error);
    if (status == VG_OK) {
        *info = json_loadb((const char *)content.bytes, content.size, 0, &fault);
        if (!json_is_object(*info)) {
            json_decref(*info);
            *info = NULL;
            status = vg_fail(error, VG_EFORMAT, "%s/%s is not JSON: %s", vg_store_address(output),
                             part, fault.text);
        }
    }
    free(content.bytes);
    return status;
}

vg_status vg_page_run_facts(json_t *head, vg_store *output, const char *timestamp, vg_error *error)
{
    json_t *info;
    vg_status status = read_info(&info, output, timestamp, error);
    if (status != VG_OK) return status;
    if (info == NULL) info = json_object();
    json_t *variance = json_object_get(info, "variance_by_component");
    if (json_is_array(variance))
        json_object_set(head, "variance", variance);
    else
        json_object_set_new(head, "variance", json_array());
    json_object_set_new(head, "run", info);
    return VG_OK;
}

/* --- Errors ------------------------------------------------------------------------ */

/* What is wrong, without the name of the file that begins many messages. */
static json_t *find_reason(json_t *errors, const char *text)
{
    size_t i;
    json_t *reason;
    json_array_foreach(errors, i, reason)
    {
        if (strcmp(json_string_value(json_object_get(reason, "error")), text) == 0) return reason;
    }
    if (json_array_size(errors) == MOST_REASONS) return json_array_get(errors, MOST_REASONS - 1);
    reason = json_pack("{s:s, s:I, s:[]}", "error", text, "count", (json_int_t)0, "paths");
    json_array_append_new(errors, reason);
    return reason;
}

static vg_status add_error(json_t *errors, const char *path, const char *text, vg_error *error)
{
    json_t *reason = find_reason(errors, text);
    if (reason == NULL) return vg_fail_memory(error, strlen(text));
    json_t *count = json_object_get(reason, "count"), *paths = json_object_get(reason, "paths");
    json_integer_set(count, json_integer_value(count) + 1);
    if (json_array_size(paths) < SHOWN_PATHS) json_array_append_new(paths, json_string(path));
    return VG_OK;
}

static vg_status copy_text(char **copy, const vg_column_view *column, int64_t row, vg_error *error)
{
    const char *text = "";
    size_t size = 0;
    if (!vg_column_is_null(column, row)) vg_column_bytes(column, row, &text, &size);
    *copy = strndup(text, size);
    return *copy != NULL ? VG_OK : vg_fail_memory(error, size);
}

static vg_status read_errors(json_t *errors, vg_batch_reader *reader, vg_error *error)
{
    vg_column_view path = {0}, text = {0};
    vg_status status = VG_OK;
    for (bool is_new; status == VG_OK;) {
        status = vg_batch_reader_advance(reader, &is_new, error);
        if (status != VG_OK || reader->batch.release == NULL) break;
        if (is_new) status = vg_column_find(&reader->schema, &reader->batch, "path", &path, error);
        if (is_new && status == VG_OK)
            status = vg_column_find(&reader->schema, &reader->batch, "error", &text, error);
        if (is_new && status == VG_OK) status = vg_column_check_bytes(&path, error);
        if (is_new && status == VG_OK) status = vg_column_check_bytes(&text, error);
        if (status != VG_OK) break;
        char *shown_path = NULL, *shown_text = NULL;
        status = copy_text(&shown_path, &path, reader->row, error);
        if (status == VG_OK) status = copy_text(&shown_text, &text, reader->row, error);
        if (status == VG_OK) status = add_error(errors, shown_path, shown_text, error);
        free(shown_path);
        free(shown_text);
        reader->row++;
    }
    return status;
}

vg_status vg_page_run_errors(json_t *head, vg_store *output, const char *timestamp, vg_error *error)
{
    char folder[VG_FOLDER_CHARS];
    vg_feature_table table;
    json_t *errors = json_array();
    json_object_set_new(head, "errors", errors);
    vg_layout_folder(folder, VG_TABLE_ERRORS, VG_CSV, timestamp);
    vg_status status = vg_feature_table_open(&table, output, folder, VG_CSV, error);
    if (status == VG_ENOTFOUND) return VG_OK; /* no image failed */
    for (size_t i = 0; status == VG_OK && i < table.parts.count; i++) {
        vg_batch_reader reader;
        status = vg_batch_reader_open(&reader, output, table.parts.items[i].text, VG_CSV, error);
        if (status == VG_OK) status = read_errors(errors, &reader, error);
        vg_batch_reader_close(&reader);
    }
    vg_feature_table_close(&table);
    return status;
}
