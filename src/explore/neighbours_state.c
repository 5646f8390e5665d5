#include "explore/neighbours_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Beside the facts of what was asked. */
#define DONE "done"
#define SHA256 "sha256"
#define ROWS "rows_sha256"

static const char root[] = VG_STATE_ROOT "/neighbours";
static const char rows_name[] = "rows.safetensors";

enum { MOST_FACTS = 8, NUMBER_CHARS = 24 };

/* Far above what fits the memory of any machine that has read the rows. */
static const uint64_t most_bytes = UINT64_C(1) << 40;

static void path_of(char path[VG_FILE_CHARS], const char *timestamp, const char *name)
{
    snprintf(path, VG_FILE_CHARS, "%s/%.*s/%s", root, VG_TIMESTAMP_CHARS - 1, timestamp, name);
}

void vg_neighbours_share_name(char name[VG_NEIGHBOURS_NAME_CHARS], size_t share, size_t shares)
{
    snprintf(name, VG_NEIGHBOURS_NAME_CHARS, "share-%05zu-of-%05zu.safetensors", share + 1, shares);
}

/* --- Finding ---------------------------------------------------------------------- */

typedef struct survey {
    char *newest;
    const char *only;
} survey;

static vg_status survey_file(void *context, const vg_file *file, vg_error *error)
{
    const survey *seen = context;
    const char *at = file->path + strlen(root) + 1, *slash = strchr(at, '/');
    char found[VG_TIMESTAMP_CHARS], timestamp[VG_TIMESTAMP_CHARS];
    (void)error;
    if (slash == NULL || slash - at != VG_TIMESTAMP_CHARS - 1 ||
        strcmp(slash + 1, VG_NEIGHBOURS_CHECKPOINT) != 0)
        return VG_OK;
    snprintf(found, sizeof found, "%s", at);
    if (vg_timestamp_choose(timestamp, found, NULL) != VG_OK) return VG_OK;
    bool is_wanted = seen->only == NULL || strcmp(seen->only, timestamp) == 0;
    if (is_wanted && strcmp(timestamp, seen->newest) > 0)
        memcpy(seen->newest, timestamp, sizeof timestamp);
    return VG_OK;
}

vg_status vg_neighbours_checkpoint_find(char timestamp[VG_TIMESTAMP_CHARS], vg_store *output,
                                        const char *only, vg_error *error)
{
    survey seen = {.newest = timestamp, .only = only};
    timestamp[0] = '\0';
    vg_status status = vg_store_list(output, root, survey_file, &seen, error);
    return status == VG_ENOTFOUND ? VG_OK : status;
}

/* --- Reading ---------------------------------------------------------------------- */

void vg_neighbours_checkpoint_free(vg_neighbours_checkpoint *checkpoint)
{
    free(checkpoint->lists);
    *checkpoint = (vg_neighbours_checkpoint){0};
}

static vg_status compare(const vg_tensor_file *file, const vg_fact *facts, size_t count,
                         vg_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = vg_tensor_file_fact(file, facts[i].key);
        if (found == NULL || strcmp(found, facts[i].value) != 0)
            return vg_fail(error, VG_EINVAL, "%s was %s, and is %s now", facts[i].key,
                           found != NULL ? found : "not told", facts[i].value);
    }
    return VG_OK;
}

static vg_status take_lists(vg_neighbours_checkpoint *to, const vg_tensor_file *file, size_t rows,
                            size_t k, vg_error *error)
{
    size_t shape[2];
    char hex[VG_SHA256_CHARS], *end = NULL;
    const char *sha256 = vg_tensor_file_fact(file, SHA256), *done = vg_tensor_file_fact(file, DONE);
    vg_status status = vg_tensor_file_int32s(file, "lists", 2, shape, &to->lists, error);
    if (status == VG_OK && (shape[0] != rows || shape[1] != k || sha256 == NULL || done == NULL))
        status = vg_fail(error, VG_EFORMAT, "it is damaged");
    if (status == VG_OK)
        status = vg_sha256_of(hex, to->lists, rows * k * sizeof(int32_t), NULL, 0, error);
    if (status != VG_OK) return status;
    to->done = (size_t)strtoull(done, &end, 10);
    if (strcmp(hex, sha256) != 0 || *end != '\0')
        return vg_fail(error, VG_EFORMAT, "it is damaged: its digest is another");
    return VG_OK;
}

/* A file of the state, which is to be closed where it is VG_OK. */
static vg_status open_file(vg_tensor_file *file, vg_store *output, const char *path,
                           vg_error *error)
{
    vg_bytes content = {0};
    vg_status status = vg_store_read(output, path, VG_SIZE_UNKNOWN, most_bytes, &content, error);
    if (status == VG_OK)
        return vg_tensor_file_parse(file, (char *)content.bytes, content.size, error);
    free(content.bytes);
    return status;
}

vg_status vg_neighbours_checkpoint_read(vg_neighbours_checkpoint *checkpoint, vg_store *output,
                                        const char *timestamp, const char *name,
                                        const vg_fact *facts, size_t fact_count, size_t rows,
                                        size_t k, vg_error *error)
{
    char path[VG_FILE_CHARS];
    vg_tensor_file file = {0};
    *checkpoint = (vg_neighbours_checkpoint){0};
    path_of(path, timestamp, name);
    vg_status status = open_file(&file, output, path, error);
    if (status == VG_OK) status = compare(&file, facts, fact_count, error);
    if (status == VG_OK) status = take_lists(checkpoint, &file, rows, k, error);
    vg_tensor_file_close(&file);
    if (status == VG_OK) return VG_OK;
    vg_neighbours_checkpoint_free(checkpoint);
    return status == VG_EFORMAT
               ? vg_fail_prefix(error, status, "%s/%s", vg_store_address(output), path)
               : status;
}

/* --- Writing ---------------------------------------------------------------------- */

vg_status vg_neighbours_checkpoint_write(vg_store *output, const char *timestamp, const char *name,
                                         const vg_fact *facts, size_t fact_count,
                                         const int32_t *lists, size_t rows, size_t k, size_t done,
                                         vg_error *error)
{
    char path[VG_FILE_CHARS], hex[VG_SHA256_CHARS], number[NUMBER_CHARS], *bytes = NULL;
    size_t size = 0;
    vg_fact all[MOST_FACTS];
    const vg_file_tensor tensor = {
        .name = "lists", .type = VG_TENSOR_I32, .rank = 2, .shape = {rows, k}, .values = lists};
    if (fact_count + 2 > MOST_FACTS)
        return vg_fail(error, VG_EINVAL, "%zu facts of a checkpoint", fact_count);
    vg_status status = vg_sha256_of(hex, lists, rows * k * sizeof *lists, NULL, 0, error);
    snprintf(number, sizeof number, "%zu", done);
    memcpy(all, facts, fact_count * sizeof *facts);
    all[fact_count] = (vg_fact){DONE, number};
    all[fact_count + 1] = (vg_fact){SHA256, hex};
    if (status == VG_OK)
        status = vg_tensor_file_format(&bytes, &size, &tensor, 1, all, fact_count + 2, error);
    path_of(path, timestamp, name);
    if (status == VG_OK) status = vg_store_write(output, path, bytes, size, error);
    free(bytes);
    return status;
}

vg_status vg_neighbours_checkpoint_delete(vg_store *output, const char *timestamp, const char *name,
                                          vg_error *error)
{
    char path[VG_FILE_CHARS];
    path_of(path, timestamp, name);
    return vg_store_delete_file(output, path, error);
}

/* --- Rows ------------------------------------------------------------------------- */

static char *join_paths(const vg_row_table *table, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < vg_row_table_count(table); i++)
        *size += strlen(table->paths.items[i].text) + 1;
    char *joined = malloc(*size), *to = joined;
    for (size_t i = 0; joined != NULL && i < vg_row_table_count(table); i++) {
        size_t bytes = strlen(table->paths.items[i].text) + 1;
        memcpy(to, table->paths.items[i].text, bytes);
        to += bytes;
    }
    return joined;
}

vg_status vg_neighbours_rows_write(vg_store *output, const char *timestamp,
                                   const vg_row_table *table, const unsigned char *digests,
                                   const char *sha256, vg_error *error)
{
    char path[VG_FILE_CHARS], hex[VG_SHA256_CHARS], *bytes = NULL;
    size_t size = 0, digest_size = vg_row_table_count(table) * VG_SHA256_BYTES, path_size;
    char *paths = join_paths(table, &path_size);
    if (paths == NULL) return vg_fail_memory(error, path_size);
    const vg_file_tensor tensors[] = {
        {.name = "digests",
         .type = VG_TENSOR_U8,
         .rank = 1,
         .shape = {digest_size},
         .values = digests},
        {.name = "paths", .type = VG_TENSOR_U8, .rank = 1, .shape = {path_size}, .values = paths}};
    const vg_fact facts[] = {{ROWS, sha256}, {SHA256, hex}};
    vg_status status = vg_sha256_of(hex, digests, digest_size, paths, path_size, error);
    if (status == VG_OK) status = vg_tensor_file_format(&bytes, &size, tensors, 2, facts, 2, error);
    path_of(path, timestamp, rows_name);
    if (status == VG_OK) status = vg_store_write(output, path, bytes, size, error);
    free(bytes);
    free(paths);
    return status;
}

void vg_neighbours_rows_free(vg_neighbours_rows *rows)
{
    vg_tensor_file_close(&rows->file);
    *rows = (vg_neighbours_rows){0};
}

static vg_status take_rows(vg_neighbours_rows *rows, const char *sha256, vg_error *error)
{
    const char *of = vg_tensor_file_fact(&rows->file, ROWS), *digests;
    const char *expected = vg_tensor_file_fact(&rows->file, SHA256);
    char hex[VG_SHA256_CHARS];
    size_t digest_size = 0, path_size = 0, ends = 0;
    vg_status status = vg_tensor_file_bytes(&rows->file, "digests", &digests, &digest_size, error);
    if (status == VG_OK)
        status = vg_tensor_file_bytes(&rows->file, "paths", &rows->paths, &path_size, error);
    if (status == VG_OK)
        status = vg_sha256_of(hex, digests, digest_size, rows->paths, path_size, error);
    if (status != VG_OK) return status;
    rows->digests = (const unsigned char *)digests;
    rows->count = digest_size / VG_SHA256_BYTES;
    for (size_t i = 0; i < path_size; i++) ends += rows->paths[i] == '\0';
    if (expected == NULL || strcmp(expected, hex) != 0 || ends != rows->count)
        return vg_fail(error, VG_EFORMAT, "it is damaged");
    if (of == NULL || strcmp(of, sha256) != 0)
        return vg_fail(error, VG_EFORMAT, "it is of other rows than the table");
    return VG_OK;
}

vg_status vg_neighbours_rows_read(vg_neighbours_rows *rows, vg_store *output, const char *timestamp,
                                  const char *sha256, vg_error *error)
{
    char path[VG_FILE_CHARS];
    *rows = (vg_neighbours_rows){0};
    path_of(path, timestamp, rows_name);
    vg_status status = open_file(&rows->file, output, path, error);
    if (status == VG_OK) status = take_rows(rows, sha256, error);
    if (status == VG_OK) return VG_OK;
    vg_neighbours_rows_free(rows);
    return status == VG_EFORMAT
               ? vg_fail_prefix(error, status, "%s/%s", vg_store_address(output), path)
               : status;
}
