#include "history/part_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

enum { MAX_RECORD_BYTES = 1 << 14 };

static void record_file(char file[VG_FILE_CHARS], const char *timestamp, uint64_t number)
{
    char folder[VG_FOLDER_CHARS];
    vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, timestamp);
    snprintf(file, VG_FILE_CHARS, "%s/part-%05" PRIu64 ".json", folder, number);
}

/* --- Writing ---------------------------------------------------------------------- */

static void put_milliseconds(FILE *out, const char *key, double seconds)
{
    fprintf(out, " \"%s_milliseconds\": %" PRIu64 ",\n", key, (uint64_t)(1000 * seconds + 0.5));
}

static void put_record(FILE *out, const vg_part_record *record)
{
    fprintf(out, "{\"images\": %" PRIu64 ",\n \"failed\": %" PRIu64 ",\n", record->images,
            record->failed);
    fprintf(out, " \"rows_sha256\": \"%s\",\n", record->rows_sha256);
    put_milliseconds(out, "whole", record->seconds);
    put_milliseconds(out, "read", record->times.read);
    put_milliseconds(out, "decode", record->times.extract.decode);
    put_milliseconds(out, "resize", record->times.extract.resize);
    put_milliseconds(out, "network", record->times.extract.network);
    put_milliseconds(out, "write", record->write_seconds);
    fputs(" \"files\": [", out);
    for (size_t i = 0; i < record->files.count; i++) {
        const vg_part_file *file = &record->files.items[i];
        fprintf(out,
                "%s\n  {\"path\": \"%s\", \"bytes\": %" PRIu64 ", \"sha256\": \"%s\", \"stamp\": ",
                i > 0 ? "," : "", file->path, file->digest.bytes, file->digest.sha256);
        vg_json_write_string(out, file->stamp);
        fputc('}', out);
    }
    fputs("]}\n", out);
}

vg_status vg_part_record_write(vg_store *output, const char *timestamp, uint64_t number,
                               const vg_part_record *record, vg_error *error)
{
    char file[VG_FILE_CHARS], *json = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&json, &size);
    if (out == NULL) return vg_fail_memory(error, MAX_RECORD_BYTES);
    put_record(out, record);
    bool failed = ferror(out) != 0;
    vg_status status = fclose(out) == 0 && !failed ? VG_OK : vg_fail_memory(error, size);
    record_file(file, timestamp, number);
    if (status == VG_OK) status = vg_store_write(output, file, json, size, error);
    free(json);
    return status;
}

vg_status vg_part_record_delete(vg_store *output, const char *timestamp, uint64_t number,
                                vg_error *error)
{
    char file[VG_FILE_CHARS];
    record_file(file, timestamp, number);
    return vg_store_delete_file(output, file, error);
}

/* --- Reading ------------------------------------------------------------------------ */

static bool take_key(vg_json *json, const char *key)
{
    vg_json_string name;
    return vg_json_take_string(json, &name) && vg_json_equal(name, key) && vg_json_take(json, ':');
}

static bool take_text(vg_json *json, const char *key, char *text, size_t capacity)
{
    vg_json_string value;
    return take_key(json, key) && vg_json_take_string(json, &value) &&
           vg_json_copy_plain(value, text, capacity);
}

static bool take_count(vg_json *json, const char *key, uint64_t *count)
{
    return take_key(json, key) && vg_json_take_number(json, count);
}

/* Records of earlier versions have no such text. */
static bool take_later_text(vg_json *json, const char *key, char *text, size_t capacity)
{
    vg_json at = *json;
    if (vg_json_take(&at, ',') && take_text(&at, key, text, capacity)) *json = at;
    return true;
}

static bool take_file(vg_json *json, vg_part_file *file)
{
    return vg_json_take(json, '{') && take_text(json, "path", file->path, sizeof file->path) &&
           vg_json_take(json, ',') && take_count(json, "bytes", &file->digest.bytes) &&
           vg_json_take(json, ',') &&
           take_text(json, "sha256", file->digest.sha256, sizeof file->digest.sha256) &&
           take_later_text(json, "stamp", file->stamp, sizeof file->stamp) &&
           vg_json_take(json, '}');
}

static bool take_files(vg_json *json, vg_part_files *files)
{
    if (!take_key(json, "files") || !vg_json_take(json, '[')) return false;
    do {
        if (files->count == VG_PART_FILES) return false;
        if (!take_file(json, &files->items[files->count++])) return false;
    } while (vg_json_take(json, ','));
    return vg_json_take(json, ']');
}

/* Figures that are there for people. */
static bool skip_figures(vg_json *json)
{
    static const char *const keys[] = {"whole_milliseconds",   "read_milliseconds",
                                       "decode_milliseconds",  "resize_milliseconds",
                                       "network_milliseconds", "write_milliseconds"};
    uint64_t value;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!take_count(json, keys[i], &value) || !vg_json_take(json, ',')) return false;
    return true;
}

vg_status vg_part_record_parse(vg_part_record *record, const char *text, size_t size,
                               vg_error *error)
{
    vg_json json = {.next = text, .end = text + size};
    *record = (vg_part_record){0};
    if (vg_json_take(&json, '{') && take_count(&json, "images", &record->images) &&
        vg_json_take(&json, ',') && take_count(&json, "failed", &record->failed) &&
        take_later_text(&json, "rows_sha256", record->rows_sha256, sizeof record->rows_sha256) &&
        vg_json_take(&json, ',') && skip_figures(&json) && take_files(&json, &record->files) &&
        vg_json_take(&json, '}') && vg_json_at_end(&json) && record->failed <= record->images)
        return VG_OK;
    return vg_fail(error, VG_EFORMAT, "it is not what verger writes");
}

vg_status vg_part_record_read(vg_part_record *record, vg_store *output, const char *timestamp,
                              uint64_t number, vg_error *error)
{
    char file[VG_FILE_CHARS];
    vg_bytes content = {0};
    record_file(file, timestamp, number);
    vg_status status =
        vg_store_read(output, file, VG_SIZE_UNKNOWN, MAX_RECORD_BYTES, &content, error);
    if (status == VG_OK) {
        status = vg_part_record_parse(record, (const char *)content.bytes, content.size, error);
        if (status != VG_OK)
            vg_fail_prefix(error, status, "the record of a part, %s/%s, is damaged",
                           vg_store_address(output), file);
    }
    free(content.bytes);
    return status == VG_ELIMIT ? VG_EFORMAT : status;
}

static bool is_of_moments(const vg_part_file *file)
{
    size_t size = strlen(file->path), ending = strlen(VG_MOMENTS_EXTENSION);
    return size > ending && strcmp(file->path + size - ending, VG_MOMENTS_EXTENSION) == 0;
}

static vg_status refuse_file(const vg_part_file *file, const vg_store *output, vg_error *error)
{
    return vg_fail(error, VG_EFORMAT, "%s/%s is not as it was written", vg_store_address(output),
                   file->path);
}

vg_status vg_part_record_check_sizes(const vg_part_record *record, vg_store *output,
                                     vg_error *error)
{
    for (size_t i = 0; i < record->files.count; i++) {
        const vg_part_file *file = &record->files.items[i];
        vg_file found;
        if (is_of_moments(file)) continue;
        vg_status status = vg_store_stat(output, file->path, &found, error);
        if (status != VG_OK) return status;
        if (found.size < 0 || (uint64_t)found.size != file->digest.bytes)
            return refuse_file(file, output, error);
    }
    return VG_OK;
}

static vg_status check_digest(const vg_part_file *file, vg_store *output, vg_error *error)
{
    vg_file_digest digest;
    vg_status status = vg_store_digest(output, file->path, &digest, error);
    if (status != VG_OK) return status;
    if (digest.bytes != file->digest.bytes || strcmp(digest.sha256, file->digest.sha256) != 0)
        return refuse_file(file, output, error);
    return VG_OK;
}

vg_status vg_part_file_check(const vg_part_file *file, vg_store *output, const char *stamp,
                             bool digests, vg_error *error)
{
    bool is_stamped = stamp[0] != '\0' && strcmp(stamp, file->stamp) == 0;
    return is_stamped && !digests ? VG_OK : check_digest(file, output, error);
}

vg_status vg_part_record_check(const vg_part_record *record, vg_store *output, vg_error *error)
{
    vg_status status = VG_OK;
    for (size_t i = 0; i < record->files.count && status == VG_OK; i++)
        if (!is_of_moments(&record->files.items[i]))
            status = check_digest(&record->files.items[i], output, error);
    return status;
}

const vg_part_file *vg_part_record_file(const vg_part_record *record, vg_table table,
                                        const char *timestamp, vg_format *format)
{
    for (*format = VG_PARQUET; *format <= VG_CSV; (*format)++) {
        char folder[VG_FOLDER_CHARS];
        uint64_t number;
        vg_layout_folder(folder, table, *format, timestamp);
        for (size_t i = 0; i < record->files.count; i++)
            if (vg_layout_part_number(record->files.items[i].path, folder, &number))
                return &record->files.items[i];
    }
    return NULL;
}

const vg_part_file *vg_part_record_moments(const vg_part_record *record)
{
    for (size_t i = 0; i < record->files.count; i++)
        if (is_of_moments(&record->files.items[i])) return &record->files.items[i];
    return NULL;
}
