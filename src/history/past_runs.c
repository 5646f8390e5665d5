#include "history/past_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "history/part_record.h"
#include "output/paths.h"

const vg_table vg_run_tables[VG_RUN_TABLES] = {
    VG_TABLE_STATE,  VG_TABLE_FEATURES,   VG_TABLE_PCA,      VG_TABLE_METADATA,
    VG_TABLE_ERRORS, VG_TABLE_MODEL_INFO, VG_TABLE_VARIANCE, VG_TABLE_PCA_FILE};

/* --- Finding ---------------------------------------------------------------------- */

typedef struct survey {
    vg_past_runs *runs;
    const char *only;
    vg_paths begun, complete; /* timestamps */
} survey;

/* Takes "_verger/run_<ts>/name" apart; returns the name, or NULL if it is something
 * else: no run of ours has a name that is not a date and a time. */
static const char *split_state_file(const char *path, char timestamp[VG_TIMESTAMP_CHARS])
{
    char start[VG_FOLDER_CHARS], found[VG_TIMESTAMP_CHARS];
    vg_layout_folder(start, VG_TABLE_STATE, VG_PARQUET, "");
    size_t size = strlen(start), whole = size + VG_TIMESTAMP_CHARS - 1;
    if (strncmp(path, start, size) != 0 || strlen(path) <= whole || path[whole] != '/') return NULL;
    memcpy(found, path + size, VG_TIMESTAMP_CHARS - 1);
    found[VG_TIMESTAMP_CHARS - 1] = '\0';
    if (vg_timestamp_choose(timestamp, found, NULL) != VG_OK) return NULL;
    return path + whole + 1;
}

static vg_status survey_file(void *context, const vg_file *file, vg_error *error)
{
    survey *seen = context;
    char timestamp[VG_TIMESTAMP_CHARS];
    const char *name = split_state_file(file->path, timestamp);
    if (name == NULL || (seen->only != NULL && strcmp(seen->only, timestamp) != 0)) return VG_OK;
    if (strcmp(name, "run.json") == 0)
        return vg_paths_add(&seen->begun, timestamp, strlen(timestamp), error);
    if (strcmp(name, "_SUCCESS") == 0)
        return vg_paths_add(&seen->complete, timestamp, strlen(timestamp), error);
    return VG_OK;
}

static bool contains(const vg_paths *paths, const char *text)
{
    for (size_t i = 0; i < paths->count; i++)
        if (strcmp(paths->items[i].text, text) == 0) return true;
    return false;
}

static void keep_later(char kept[VG_TIMESTAMP_CHARS], const char *timestamp)
{
    if (strcmp(timestamp, kept) > 0) memcpy(kept, timestamp, VG_TIMESTAMP_CHARS);
}

vg_status vg_past_runs_find(vg_past_runs *runs, vg_store *output, const char *only, vg_error *error)
{
    survey seen = {.runs = runs, .only = only};
    *runs = (vg_past_runs){0};
    vg_status status = vg_store_list(output, VG_STATE_ROOT, survey_file, &seen, error);
    if (status == VG_ENOTFOUND) status = VG_OK;
    for (size_t i = 0; i < seen.begun.count && status == VG_OK; i++) {
        const char *timestamp = seen.begun.items[i].text;
        keep_later(runs->newest, timestamp);
        keep_later(contains(&seen.complete, timestamp) ? runs->complete : runs->unfinished,
                   timestamp);
    }
    vg_paths_free(&seen.begun);
    vg_paths_free(&seen.complete);
    return status;
}

/* --- Parts ------------------------------------------------------------------------- */

typedef struct parts_survey {
    char folder[VG_FOLDER_CHARS];
    bool *recorded;
    uint64_t parts;
} parts_survey;

static vg_status survey_part(void *context, const vg_file *file, vg_error *error)
{
    (void)error;
    parts_survey *seen = context;
    uint64_t number;
    size_t size = strlen(file->path);
    bool is_record = size > 5 && strcmp(file->path + size - 5, ".json") == 0;
    if (is_record && vg_layout_part_number(file->path, seen->folder, &number) &&
        number < seen->parts)
        seen->recorded[number] = true;
    return VG_OK;
}

vg_status vg_past_runs_recorded_parts(bool **recorded, uint64_t parts, vg_store *output,
                                      const char *timestamp, vg_error *error)
{
    parts_survey seen = {.parts = parts};
    *recorded = seen.recorded = calloc((size_t)parts + 1, sizeof(bool));
    if (seen.recorded == NULL) return vg_fail_memory(error, (size_t)parts);
    vg_layout_folder(seen.folder, VG_TABLE_STATE, VG_PARQUET, timestamp);
    vg_status status = vg_store_list(output, seen.folder, survey_part, &seen, error);
    if (status == VG_ENOTFOUND) status = VG_OK;
    if (status != VG_OK) {
        free(seen.recorded);
        *recorded = NULL;
    }
    return status;
}

/* The tables that have a file a part. */
static const vg_table part_tables[] = {VG_TABLE_FEATURES, VG_TABLE_METADATA, VG_TABLE_ERRORS,
                                       VG_TABLE_STATE};
enum { PART_TABLES = sizeof part_tables / sizeof *part_tables };

vg_status vg_past_runs_delete_part(vg_store *output, const char *timestamp, const char *uuid,
                                   uint64_t number, vg_error *error)
{
    char folder[VG_FOLDER_CHARS], file[VG_FILE_CHARS];
    vg_status status = vg_part_record_delete(output, timestamp, number, error);
    for (size_t i = 0; i < PART_TABLES; i++) {
        for (vg_format format = VG_PARQUET; format <= VG_CSV && status == VG_OK; format++) {
            vg_layout_folder(folder, part_tables[i], format, timestamp);
            vg_layout_part(file, folder, number, uuid, vg_layout_extension(format), false);
            status = vg_store_delete_file(output, file, error);
        }
    }
    if (status != VG_OK) return status;
    vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, timestamp);
    vg_layout_part(file, folder, number, uuid, VG_MOMENTS_EXTENSION, false);
    return vg_store_delete_file(output, file, error);
}

/* --- Sweeping ------------------------------------------------------------------------ */

static vg_status delete_files(vg_store *output, vg_paths *files, vg_error *error)
{
    vg_status status = VG_OK;
    for (size_t i = 0; i < files->count && status == VG_OK; i++)
        status = vg_store_delete_file(output, files->items[i].text, error);
    vg_paths_free(files);
    return status;
}

static vg_status note_begun(void *context, const vg_file *file, vg_error *error)
{
    char timestamp[VG_TIMESTAMP_CHARS];
    bool is_of_run = split_state_file(file->path, timestamp) != NULL;
    bool is_of_all = strchr(file->path + strlen(VG_STATE_ROOT "/"), '/') == NULL; /* latest.json */
    if (!(is_of_run || is_of_all) || !vg_layout_is_in_progress(file->path)) return VG_OK;
    return vg_paths_add(context, file->path, strlen(file->path), error);
}

vg_status vg_past_runs_clear(vg_store *output, vg_error *error)
{
    vg_paths begun = {0};
    vg_status status = vg_store_list(output, VG_STATE_ROOT, note_begun, &begun, error);
    if (status == VG_OK || status == VG_ENOTFOUND) return delete_files(output, &begun, error);
    vg_paths_free(&begun);
    return status;
}

typedef struct sweep {
    const char *folder, *uuid;
    const bool *recorded;
    uint64_t parts;
    vg_paths stray;
} sweep;

/* Files are deleted after the listing, which must not see its folder change. */
static vg_status note_stray(void *context, const vg_file *file, vg_error *error)
{
    sweep *state = context;
    uint64_t number;
    const char *name = strrchr(file->path, '/') + 1;
    bool is_state = strncmp(file->path, VG_STATE_ROOT, strlen(VG_STATE_ROOT)) == 0;
    if (is_state && strcmp(name, "run.json") == 0) return VG_OK;
    bool is_own = strstr(name, state->uuid) != NULL || is_state;
    if (is_own && vg_layout_part_number(file->path, state->folder, &number) &&
        number < state->parts && state->recorded[number])
        return VG_OK;
    return vg_paths_add(&state->stray, file->path, strlen(file->path), error);
}

static vg_status sweep_folder(vg_store *output, sweep *state, vg_error *error)
{
    vg_status status = vg_store_clear_uploads(output, state->folder, error);
    if (status == VG_OK) status = vg_store_list(output, state->folder, note_stray, state, error);
    if (status == VG_OK || status == VG_ENOTFOUND)
        return delete_files(output, &state->stray, error);
    vg_paths_free(&state->stray);
    return status;
}

vg_status vg_past_runs_sweep(vg_store *output, const char *timestamp, const char *uuid,
                             const bool *recorded, uint64_t parts, vg_error *error)
{
    static const vg_table after_parts[] = {VG_TABLE_PCA, VG_TABLE_MODEL_INFO, VG_TABLE_VARIANCE,
                                           VG_TABLE_PCA_FILE};
    vg_status status = vg_layout_delete(output, after_parts,
                                        sizeof after_parts / sizeof *after_parts, timestamp, error);
    for (size_t i = 0; i < PART_TABLES; i++) {
        for (vg_format format = VG_PARQUET; format <= VG_CSV && status == VG_OK; format++) {
            char folder[VG_FOLDER_CHARS];
            sweep state = {.folder = folder, .uuid = uuid, .recorded = recorded, .parts = parts};
            vg_layout_folder(folder, part_tables[i], format, timestamp);
            status = sweep_folder(output, &state, error);
        }
    }
    return status;
}
