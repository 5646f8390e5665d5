#include "explore/content_copies.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "history/part_images.h"
#include "history/past_runs.h"

typedef struct digest {
    const char *path; /* relative, as the table has it */
    uint32_t row;
    char sha256[VG_SHA256_CHARS]; /* "" where it is not known */
} digest;

typedef struct matching {
    digest *digests; /* [count], by path */
    size_t count;
    char *name; /* of an image, as the table would have it */
    size_t capacity;
} matching;

static int by_path(const void *left, const void *right)
{
    return strcmp(((const digest *)left)->path, ((const digest *)right)->path);
}

static int by_content(const void *left, const void *right)
{
    const digest *a = left, *b = right;
    int order = strcmp(a->sha256, b->sha256);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

/* --- Reading ----------------------------------------------------------------------- */

static vg_status name_image(matching *state, const char *path, vg_error *error)
{
    size_t size = strlen(path), needed = VG_ESCAPE_CHARS * size + 1;
    if (needed > state->capacity) {
        char *grown = realloc(state->name, 2 * needed);
        if (grown == NULL) return vg_fail_memory(error, 2 * needed);
        state->name = grown;
        state->capacity = 2 * needed;
    }
    size = vg_escape(state->name, state->capacity, path, size, vg_name_length);
    state->name[size] = '\0';
    return VG_OK;
}

static vg_status take_image(matching *state, const vg_kept_image *image, uint64_t *known,
                            vg_error *error)
{
    vg_status status = name_image(state, image->image.path, error);
    if (status != VG_OK || image->sha256[0] == '\0') return status;
    const digest key = {.path = state->name};
    digest *found = bsearch(&key, state->digests, state->count, sizeof key, by_path);
    if (found == NULL) return VG_OK;
    *known += found->sha256[0] == '\0';
    memcpy(found->sha256, image->sha256, sizeof found->sha256);
    return VG_OK;
}

static vg_status read_part(matching *state, vg_store *output, const char *path, uint64_t *known,
                           vg_error *error)
{
    vg_part_images_reader *reader = NULL;
    vg_kept_image image;
    vg_status status = vg_part_images_reader_open(&reader, output, path, error);
    for (; status == VG_OK;) {
        status = vg_part_images_reader_next(reader, &image, error);
        if (status != VG_OK || image.image.path == NULL) break;
        status = take_image(state, &image, known, error);
    }
    vg_part_images_reader_close(&reader);
    return status;
}

/* The run that made the table where its name tells, else the newest that is complete. */
static vg_status find_run(char timestamp[VG_TIMESTAMP_CHARS], const vg_row_table *table,
                          vg_store *output, vg_error *error)
{
    vg_past_runs runs;
    const char *name = strrchr(table->address, '_');
    vg_status status = VG_OK;
    timestamp[0] = '\0';
    size_t size = strlen(table->address), stamp = VG_TIMESTAMP_CHARS - 1;
    if (name != NULL && size > stamp &&
        vg_timestamp_choose(timestamp, table->address + size - stamp, NULL) == VG_OK) {
        status = vg_past_runs_find(&runs, output, timestamp, error);
        if (status != VG_OK || runs.complete[0] != '\0') return status;
    }
    status = vg_past_runs_find(&runs, output, NULL, error);
    memcpy(timestamp, runs.complete, VG_TIMESTAMP_CHARS);
    return status;
}

static vg_status read_digests(matching *state, const vg_row_table *table, vg_store *output,
                              const atomic_bool *cancel, uint64_t *known, vg_error *error)
{
    char timestamp[VG_TIMESTAMP_CHARS], folder[VG_FOLDER_CHARS];
    vg_feature_table parts;
    vg_status status = find_run(timestamp, table, output, error);
    if (status != VG_OK || timestamp[0] == '\0') return status;
    vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, timestamp);
    status = vg_feature_table_open(&parts, output, folder, VG_PARQUET, error);
    if (status != VG_OK) return status;
    for (size_t i = 0; i < parts.parts.count && status == VG_OK; i++) {
        status = vg_check_cancel(cancel, error);
        if (status == VG_OK)
            status = read_part(state, output, parts.parts.items[i].text, known, error);
    }
    vg_feature_table_close(&parts);
    return status;
}

/* --- Copies ------------------------------------------------------------------------ */

static void find_firsts(matching *state, uint32_t *first_of)
{
    qsort(state->digests, state->count, sizeof *state->digests, by_content);
    for (size_t i = 1; i < state->count; i++) {
        const digest *one = &state->digests[i], *before = one - 1;
        if (one->sha256[0] != '\0' && strcmp(one->sha256, before->sha256) == 0)
            first_of[one->row] = first_of[before->row];
    }
}

vg_status vg_content_copies_find(uint32_t *first_of, uint64_t *known, const vg_row_table *table,
                                 vg_store *output, const atomic_bool *cancel, vg_error *error)
{
    size_t rows = vg_row_table_count(table);
    matching state = {.digests = malloc(rows * sizeof *state.digests)};
    *known = 0;
    if (state.digests == NULL) return vg_fail_memory(error, rows * sizeof *state.digests);
    for (size_t row = 0; row < rows; row++) {
        first_of[row] = (uint32_t)row;
        const char *path = table->relative_paths.items[row].text;
        if (path[0] != '\0') state.digests[state.count++] = (digest){path, (uint32_t)row, ""};
    }
    qsort(state.digests, state.count, sizeof *state.digests, by_path);
    vg_status status = VG_OK;
    if (state.count > 0) status = read_digests(&state, table, output, cancel, known, error);
    if (status == VG_OK) find_firsts(&state, first_of);
    free(state.digests);
    free(state.name);
    return status;
}
