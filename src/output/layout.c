#include "output/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* folder under the output, one for each format; what stands before the timestamp */
typedef struct table_place {
    const char *folder[2];
    const char *stem;
} table_place;

static const table_place places[VG_TABLE_COUNT] = {
    [VG_TABLE_FEATURES] = {{"features/parquet", "features/csv"}, "features"},
    [VG_TABLE_PCA] = {{"pca/parquet", "pca/csv"}, "pca"},
    [VG_TABLE_METADATA] = {{"metadata", "metadata"}, "metadata"},
    [VG_TABLE_ERRORS] = {{"errors", "errors"}, "errors"},
    [VG_TABLE_MODEL_INFO] = {{"model_info", "model_info"}, "model_info"},
    [VG_TABLE_VARIANCE] = {{"model_info", "model_info"}, "variance"},
    [VG_TABLE_PCA_FILE] = {{"model_info", "model_info"}, "pca"},
    [VG_TABLE_IMAGES] = {{"metadata", "metadata"}, "images"},
    [VG_TABLE_NEIGHBOURS] = {{"neighbours/parquet", "neighbours/csv"}, "neighbours"},
    [VG_TABLE_INSPECTION] = {{"inspection/parquet", "inspection/csv"}, "inspection"},
    [VG_TABLE_EXPLORE] = {{"explore", "explore"}, "explore"},
    [VG_TABLE_COUNTS] = {{"metadata", "metadata"}, "counts"},
    [VG_TABLE_EVALUATION] = {{"evaluation/parquet", "evaluation/csv"}, "evaluation"},
    [VG_TABLE_CONFUSION] = {{"confusion/parquet", "confusion/csv"}, "confusion"},
    [VG_TABLE_PREDICTIONS] = {{"predictions/parquet", "predictions/csv"}, "predictions"},
    [VG_TABLE_CLUSTERS] = {{"clusters/parquet", "clusters/csv"}, "clusters"},
    [VG_TABLE_STATE] = {{VG_STATE_ROOT, VG_STATE_ROOT}, "run"},
};

/* Ends the hidden names of files that are being written, here and in io. */
static const char in_progress[] = ".inprogress";

bool vg_layout_has_one_format(vg_table table)
{
    const table_place *place = &places[table];
    return strcmp(place->folder[VG_PARQUET], place->folder[VG_CSV]) == 0;
}

static vg_format first_format(vg_table table)
{
    return vg_layout_has_one_format(table) ? VG_CSV : VG_PARQUET;
}

void vg_layout_folder(char folder[VG_FOLDER_CHARS], vg_table table, vg_format format,
                      const char *timestamp)
{
    const table_place *place = &places[table];
    snprintf(folder, VG_FOLDER_CHARS, "%s/%s_%.*s", place->folder[format], place->stem,
             VG_TIMESTAMP_CHARS - 1, timestamp);
}

void vg_layout_address(char address[VG_ADDRESS_CHARS], const vg_store *output, vg_table table,
                       vg_format format, const char *timestamp)
{
    char folder[VG_FOLDER_CHARS];
    vg_layout_folder(folder, table, format, timestamp);
    snprintf(address, VG_ADDRESS_CHARS, "%s/%s", vg_store_address(output), folder);
}

vg_status vg_check_formats(bool parquet, bool csv, vg_error *error)
{
    if (parquet || csv) return VG_OK;
    return vg_fail(error, VG_EINVAL, "no format: give parquet, csv or both");
}

void vg_layout_part(char file[VG_FILE_CHARS], const char *folder, uint64_t number, const char *uuid,
                    const char *extension, bool hidden)
{
    snprintf(file, VG_FILE_CHARS, "%s/%spart-%05llu-%s%s%s", folder, hidden ? "." : "",
             (unsigned long long)number, uuid, extension, hidden ? in_progress : "");
}

const char *vg_layout_extension(vg_format format)
{
    return format == VG_PARQUET ? ".snappy.parquet" : ".csv";
}

vg_status vg_layout_uuid(char uuid[VG_UUID_CHARS], vg_error *error)
{
    unsigned char b[16];
    FILE *random = fopen("/dev/urandom", "rb");
    size_t read = random != NULL ? fread(b, 1, sizeof b, random) : 0;
    int reason = errno;
    if (random != NULL) fclose(random);
    if (read != sizeof b)
        return vg_fail(error, VG_EIO, "/dev/urandom cannot be read: %s", strerror(reason));

    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(uuid, VG_UUID_CHARS,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return VG_OK;
}

static vg_status stop_at_first(void *context, const vg_file *file, vg_error *error)
{
    (void)error;
    if (vg_layout_is_in_progress(file->path)) return VG_OK;
    *(bool *)context = true;
    return VG_EEXIST;
}

static vg_status folder_exists(vg_store *output, const char *folder, bool *exists, vg_error *error)
{
    *exists = false;
    vg_status status = vg_store_list(output, folder, stop_at_first, exists, error);
    return *exists || status == VG_ENOTFOUND ? VG_OK : status;
}

vg_status vg_layout_check_absent(vg_store *output, const vg_table *tables, size_t n,
                                 const char *timestamp, vg_error *error)
{
    for (size_t i = 0; i < n; i++) {
        for (vg_format format = first_format(tables[i]); format <= VG_CSV; format++) {
            char folder[VG_FOLDER_CHARS];
            bool exists;
            vg_layout_folder(folder, tables[i], format, timestamp);
            vg_status status = folder_exists(output, folder, &exists, error);
            if (status != VG_OK) return status;
            if (exists)
                return vg_fail(error, VG_EEXIST,
                               "%s/%s exists already: replace the tables of %s with --overwrite, "
                               "or take another --timestamp",
                               vg_store_address(output), folder, timestamp);
        }
    }
    return VG_OK;
}

vg_status vg_layout_free_timestamp(char timestamp[VG_TIMESTAMP_CHARS], vg_store *output,
                                   const vg_table *tables, size_t n, const char *asked,
                                   bool overwrite, vg_error *error)
{
    if (overwrite && asked != NULL) return VG_OK;
    for (;;) {
        char next[VG_TIMESTAMP_CHARS];
        vg_status status = vg_layout_check_absent(output, tables, n, timestamp, error);
        if (status != VG_EEXIST || asked != NULL) return status;
        status = vg_timestamp_after(next, timestamp, error);
        if (status != VG_OK) return status;
        memcpy(timestamp, next, sizeof next);
    }
}

vg_status vg_layout_delete(vg_store *output, const vg_table *tables, size_t n,
                           const char *timestamp, vg_error *error)
{
    for (size_t i = 0; i < n; i++) {
        for (vg_format format = first_format(tables[i]); format <= VG_CSV; format++) {
            char folder[VG_FOLDER_CHARS];
            vg_layout_folder(folder, tables[i], format, timestamp);
            vg_status status = vg_store_delete_tree(output, folder, error);
            if (status != VG_OK) return status;
        }
    }
    return VG_OK;
}

bool vg_layout_part_number(const char *path, const char *folder, uint64_t *number)
{
    size_t size = strlen(folder);
    if (strncmp(path, folder, size) != 0 || path[size] != '/') return false;
    unsigned long long found;
    int end = 0;
    if (sscanf(path + size + 1, "part-%llu%n", &found, &end) != 1) return false;
    *number = found;
    return path[size + 1 + (size_t)end] == '-' || path[size + 1 + (size_t)end] == '.';
}

bool vg_layout_is_in_progress(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t size = strlen(name), ending = strlen(in_progress);
    return name[0] == '.' && size > ending && strcmp(name + size - ending, in_progress) == 0;
}

vg_status vg_layout_check_writable(vg_store *output, vg_error *error)
{
    const char probe[] = VG_STATE_ROOT "/probe";
    vg_status status = vg_store_write(output, probe, "", 0, error);
    if (status == VG_OK) {
        status = vg_store_check_encryption(output, probe, error);
        vg_status deleted = vg_store_delete_file(output, probe, status == VG_OK ? error : NULL);
        if (status == VG_OK) status = deleted;
    }
    if (status != VG_OK) vg_fail_prefix(error, status, "the output cannot be written");
    return status;
}

vg_status vg_layout_mark_complete(vg_store *output, const char *folder, vg_error *error)
{
    char file[VG_FILE_CHARS];
    snprintf(file, sizeof file, "%s/_SUCCESS", folder);
    return vg_store_write(output, file, "", 0, error);
}

bool vg_layout_is_table_file(const vg_store *input, const vg_store *output, const char *path)
{
    const char *above = vg_store_address(input), *below = vg_store_address(output);
    size_t length = strlen(above);
    if (strncmp(above, below, length) != 0) return false;
    below += length;
    if (*below != '\0') {
        if (*below++ != '/') return false;
        length = strlen(below);
        if (strncmp(path, below, length) != 0 || path[length] != '/') return false;
        path += length + 1;
    }
    if (strncmp(path, VG_STATE_ROOT "/", strlen(VG_STATE_ROOT "/")) == 0) return true;
    for (size_t i = 0; i < VG_TABLE_COUNT; i++) {
        for (int format = 0; format < 2; format++) {
            char start[VG_FOLDER_CHARS];
            snprintf(start, sizeof start, "%s/%s_", places[i].folder[format], places[i].stem);
            if (strncmp(path, start, strlen(start)) == 0) return true;
        }
    }
    return false;
}
