/* A file: what vg_moments_serialize writes, then a text that says of which rows they are. */
#include "run/part_moments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Raised when a version of verger sums the same rows to other bits. */
enum { MOMENTS_VERSION = 1 };

/* "1 all", or "1 of train"; freed with free(). */
static char *rows_text(const vg_run_options *options)
{
    const char *split = options->choices.fit_on;
    const size_t capacity = 32 + (split != NULL ? strlen(split) : 0);
    char *text = malloc(capacity);
    if (text == NULL) return NULL;
    if (split == NULL)
        snprintf(text, capacity, "%d all", MOMENTS_VERSION);
    else
        snprintf(text, capacity, "%d of %s", MOMENTS_VERSION, split);
    return text;
}

vg_status vg_part_moments_write(const vg_features_phase *task, uint64_t number,
                                const vg_moments *moments, vg_part_files *files, vg_error *error)
{
    if (!vg_has_pca(task->options) || vg_moments_count(moments) < VG_LEAST_ROWS_OF_MOMENTS)
        return VG_OK;
    char folder[VG_FOLDER_CHARS], *text = rows_text(task->options);
    const size_t own = vg_moments_serialized_size(moments);
    const size_t size = own + (text != NULL ? strlen(text) : 0);
    char *bytes = malloc(size);
    vg_part_file file = {.path = ""};
    vg_status status = VG_OK;
    if (text == NULL || bytes == NULL) status = vg_fail_memory(error, size);
    if (status == VG_OK) {
        vg_moments_serialize(moments, bytes);
        memcpy(bytes + own, text, size - own);
        vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, task->timestamp);
        vg_layout_part(file.path, folder, number, task->uuid, VG_MOMENTS_EXTENSION, false);
        file.digest.bytes = size;
        status = vg_sha256_of(file.digest.sha256, bytes, size, NULL, 0, error);
    }
    if (status == VG_OK) status = vg_store_write(task->output, file.path, bytes, size, error);
    if (status == VG_OK) status = vg_store_stamp(task->output, file.path, file.stamp, error);
    if (status == VG_OK) files->items[files->count++] = file;
    free(bytes);
    free(text);
    return status;
}

static vg_status check(const vg_features_phase *task, const vg_part_file *file,
                       const vg_bytes *content, size_t *own, vg_error *error)
{
    char sha256[VG_SHA256_CHARS], *text = rows_text(task->options);
    if (text == NULL) return vg_fail_memory(error, content->size);
    const size_t size = strlen(text);
    vg_status status = vg_sha256_of(sha256, content->bytes, content->size, NULL, 0, error);
    bool is_whole = status == VG_OK && content->size == file->digest.bytes &&
                    strcmp(sha256, file->digest.sha256) == 0;
    bool is_of_rows = is_whole && content->size > size;
    *own = is_of_rows ? content->size - size : 0;
    is_of_rows = is_of_rows && memcmp(content->bytes + *own, text, size) == 0;
    free(text);
    if (status != VG_OK || is_of_rows) return status;
    return vg_fail(error, VG_EFORMAT, "%s/%s is %s", vg_store_address(task->output), file->path,
                   is_whole ? "of other rows" : "not as it was written");
}

vg_status vg_part_moments_read(vg_moments **moments, const vg_features_phase *task,
                               const vg_part_file *file, vg_error *error)
{
    vg_bytes content = {0};
    size_t own = 0;
    *moments = NULL;
    vg_status status = vg_store_read(task->output, file->path, VG_SIZE_UNKNOWN, file->digest.bytes,
                                     &content, error);
    if (status == VG_OK) status = check(task, file, &content, &own, error);
    if (status == VG_OK) status = vg_moments_deserialize(moments, content.bytes, own, error);
    free(content.bytes);
    return status == VG_ELIMIT ? VG_EFORMAT : status;
}
