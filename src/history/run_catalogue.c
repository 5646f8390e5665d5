#include "history/run_catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "history/past_runs.h"
#include "history/run_plan.h"
#include "output/latest.h"
#include "output/timestamp.h"

/* The timestamp that ends a folder of the path, as those of tables do. */
static bool find_timestamp(const char *path, char timestamp[VG_TIMESTAMP_CHARS])
{
    const size_t length = VG_TIMESTAMP_CHARS - 1;
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        char found[VG_TIMESTAMP_CHARS] = "";
        if ((size_t)(slash - path) <= length || slash[-(ptrdiff_t)length - 1] != '_') continue;
        memcpy(found, slash - length, length);
        if (vg_timestamp_choose(timestamp, found, NULL) == VG_OK) return true;
    }
    return false;
}

/* That of the timestamp, begun where it is the first of it. */
static vg_status find_entry(vg_run_catalogue *catalogue, const char *timestamp,
                            vg_run_entry **found, vg_error *error)
{
    for (size_t i = catalogue->count; i-- > 0;) {
        *found = &catalogue->entries[i];
        if (strcmp((*found)->timestamp, timestamp) == 0) return VG_OK;
    }
    if (catalogue->count == catalogue->capacity) {
        vg_run_entry *entries =
            vg_grow(catalogue->entries, &catalogue->capacity, sizeof *catalogue->entries);
        if (entries == NULL) return vg_fail_memory(error, catalogue->count * sizeof *entries);
        catalogue->entries = entries;
    }
    *found = &catalogue->entries[catalogue->count++];
    **found = (vg_run_entry){0};
    memcpy((*found)->timestamp, timestamp, VG_TIMESTAMP_CHARS);
    return VG_OK;
}

/* What the run of a state says of itself. A plan that cannot be read leaves it listed, so
 * that it can be deleted. */
static vg_status read_state(vg_run_entry *entry, vg_store *output, vg_error *error)
{
    vg_saved_plan plan;
    bool *recorded = NULL;
    if (vg_plan_read(&plan, output, entry->timestamp, NULL) != VG_OK) return VG_OK;
    entry->images = plan.images;
    entry->parts = plan.parts;
    vg_plan_free(&plan);
    vg_status status =
        vg_past_runs_recorded_parts(&recorded, entry->parts, output, entry->timestamp, error);
    for (uint64_t i = 0; status == VG_OK && i < entry->parts; i++) entry->whole += recorded[i];
    free(recorded);
    return status;
}

/* First the runs, by their states, then the bytes of all files. */
typedef struct survey {
    vg_run_catalogue *catalogue;
    bool takes_runs;
} survey;

static bool ends_in(const char *path, const char *ending)
{
    size_t size = strlen(path), length = strlen(ending);
    return size >= length && strcmp(path + size - length, ending) == 0;
}

static vg_status survey_file(void *context, const vg_file *file, vg_error *error)
{
    const survey *seen = context;
    char timestamp[VG_TIMESTAMP_CHARS];
    vg_run_catalogue *catalogue = seen->catalogue;
    if (!find_timestamp(file->path, timestamp)) return VG_OK;
    if (seen->takes_runs) {
        vg_run_entry *entry = NULL;
        vg_status status = find_entry(catalogue, timestamp, &entry, error);
        if (status == VG_OK && ends_in(file->path, "/_SUCCESS")) entry->is_complete = true;
        return status;
    }
    for (size_t i = 0; i < catalogue->count; i++)
        if (strcmp(catalogue->entries[i].timestamp, timestamp) == 0)
            catalogue->entries[i].bytes += (uint64_t)file->size;
    return VG_OK;
}

static int by_timestamp(const void *left, const void *right)
{
    return strcmp(((const vg_run_entry *)left)->timestamp,
                  ((const vg_run_entry *)right)->timestamp);
}

vg_status vg_run_catalogue_open(vg_run_catalogue *catalogue, vg_store *output, vg_error *error)
{
    survey seen = {.catalogue = catalogue, .takes_runs = true};
    vg_status status = vg_store_list(output, VG_STATE_ROOT, survey_file, &seen, error);
    if (status == VG_ENOTFOUND)
        return vg_fail(error, status, "%s holds no runs: give the OUTPUT of one",
                       vg_store_address(output));
    seen.takes_runs = false;
    if (status == VG_OK) status = vg_store_list(output, "", survey_file, &seen, error);
    for (size_t i = 0; i < catalogue->count && status == VG_OK; i++)
        status = read_state(&catalogue->entries[i], output, error);
    if (status != VG_OK) {
        vg_run_catalogue_close(catalogue);
        return status;
    }
    if (catalogue->count > 0)
        qsort(catalogue->entries, catalogue->count, sizeof *catalogue->entries, by_timestamp);
    return VG_OK;
}

void vg_run_catalogue_close(vg_run_catalogue *catalogue)
{
    free(catalogue->entries);
    *catalogue = (vg_run_catalogue){0};
}

/* --- One run ----------------------------------------------------------------------- */

typedef struct detail_survey {
    vg_run_detail *detail;
    const char *timestamp;
} detail_survey;

static vg_status find_table(vg_run_detail *detail, const char *folder, size_t size,
                            vg_run_table **found, vg_error *error)
{
    for (size_t i = 0; i < detail->count; i++) {
        *found = &detail->tables[i];
        if (strlen((*found)->folder) == size && strncmp((*found)->folder, folder, size) == 0)
            return VG_OK;
    }
    if (detail->count == detail->capacity) {
        vg_run_table *tables = vg_grow(detail->tables, &detail->capacity, sizeof *tables);
        if (tables == NULL) return vg_fail_memory(error, detail->count * sizeof *tables);
        detail->tables = tables;
    }
    *found = &detail->tables[detail->count++];
    **found = (vg_run_table){0};
    snprintf((*found)->folder, sizeof(*found)->folder, "%.*s", (int)size, folder);
    return VG_OK;
}

static vg_status survey_table(void *context, const vg_file *file, vg_error *error)
{
    const detail_survey *seen = context;
    char timestamp[VG_TIMESTAMP_CHARS];
    const char *slash = strrchr(file->path, '/');
    if (slash == NULL || !find_timestamp(file->path, timestamp) ||
        strcmp(timestamp, seen->timestamp) != 0 || vg_layout_is_in_progress(file->path))
        return VG_OK;
    vg_run_table *table = NULL;
    size_t size = (size_t)(slash - file->path);
    if (size >= sizeof table->folder) return VG_OK;
    vg_status status = find_table(seen->detail, file->path, size, &table, error);
    if (status != VG_OK) return status;
    bool is_mark = strcmp(slash + 1, "_SUCCESS") == 0;
    table->is_complete = table->is_complete || is_mark;
    table->files += !is_mark;
    table->bytes += (uint64_t)file->size;
    return VG_OK;
}

static int by_folder(const void *left, const void *right)
{
    return strcmp(((const vg_run_table *)left)->folder, ((const vg_run_table *)right)->folder);
}

vg_status vg_run_detail_open(vg_run_detail *detail, vg_store *output, const char *timestamp,
                             vg_error *error)
{
    const detail_survey seen = {.detail = detail, .timestamp = timestamp};
    vg_status status = vg_store_list(output, "", survey_table, (void *)&seen, error);
    if (status == VG_OK && detail->count == 0)
        status =
            vg_fail(error, VG_ENOTFOUND, "%s has no tables of %s: 'verger runs' lists its runs",
                    vg_store_address(output), timestamp);
    if (status != VG_OK) {
        vg_run_detail_close(detail);
        return status;
    }
    qsort(detail->tables, detail->count, sizeof *detail->tables, by_folder);
    if (vg_plan_read(&detail->plan, output, timestamp, NULL) != VG_OK)
        detail->plan = (vg_saved_plan){0};
    return VG_OK;
}

void vg_run_detail_close(vg_run_detail *detail)
{
    vg_plan_free(&detail->plan);
    free(detail->tables);
    *detail = (vg_run_detail){0};
}

vg_status vg_run_catalogue_delete(vg_store *output, const char *timestamp, vg_error *error)
{
    static const vg_table state = VG_TABLE_STATE;
    vg_status status = VG_OK;
    for (size_t i = 0; i < VG_RUN_TABLES && status == VG_OK; i++)
        if (vg_run_tables[i] != state)
            status = vg_layout_delete(output, &vg_run_tables[i], 1, timestamp, error);
    if (status == VG_OK) status = vg_latest_forget(output, timestamp, error);
    return status == VG_OK ? vg_layout_delete(output, &state, 1, timestamp, error) : status;
}
