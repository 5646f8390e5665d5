#include "output/feature_table.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/observer.h"
#include "output/layout.h"

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool is_hidden(const char *name)
{
    return name[0] == '.' || name[0] == '_';
}

/* --- Opening ------------------------------------------------------------------- */

static vg_status add_part(void *context, const vg_file *file, vg_error *error)
{
    vg_feature_table *table = context;
    size_t folder = strlen(table->folder);
    const char *name = file->path + folder + (folder > 0);
    const char *extension = table->format == VG_PARQUET ? ".parquet" : ".csv";
    if (strchr(name, '/') != NULL || is_hidden(name) || !ends_with(name, extension)) return VG_OK;
    return vg_paths_add(&table->parts, file->path, strlen(file->path), error);
}

static vg_status open_parts(vg_feature_table *table, vg_store *store, const char *folder,
                            vg_format format, vg_table which, vg_error *error)
{
    const char *column = which == VG_TABLE_PCA ? VG_COMPONENTS_COLUMN : VG_FEATURES_COLUMN;
    *table = (vg_feature_table){.store = store, .format = format, .column = column};
    snprintf(table->folder, sizeof table->folder, "%s", folder);
    vg_status status = vg_store_list(store, folder, add_part, table, error);
    if (status != VG_OK) {
        vg_feature_table_close(table);
        return status;
    }
    vg_paths_sort(&table->parts);
    return VG_OK;
}

vg_status vg_feature_table_open(vg_feature_table *table, vg_store *store, const char *folder,
                                vg_format format, vg_error *error)
{
    return open_parts(table, store, folder, format, VG_TABLE_FEATURES, error);
}

void vg_feature_table_close(vg_feature_table *table)
{
    vg_paths_free(&table->parts);
    vg_paths_free(&table->texts);
}

/* --- Finding ------------------------------------------------------------------ */

/* What a listing of the store shows. */
typedef struct survey {
    vg_table which;
    uint64_t direct[2]; /* part files directly in the store, by format */
    bool is_complete;   /* _SUCCESS directly in the store */
    bool is_unfinished; /* a part that is being written, or was when its run ended */
    char newest[2][VG_TIMESTAMP_CHARS];         /* complete features of a run, by format */
    char newest_incomplete[VG_TIMESTAMP_CHARS]; /* features without _SUCCESS */
} survey;

/* Takes "features/<format>/features_<ts>/name", or the same of components, apart; NULL if it is
 * something else. Returns the name. */
static const char *split_run_file(const char *path, vg_table which, vg_format *format,
                                  char timestamp[VG_TIMESTAMP_CHARS])
{
    for (*format = VG_PARQUET; *format <= VG_CSV; (*format)++) {
        char start[VG_FOLDER_CHARS];
        vg_layout_folder(start, which, *format, "");
        size_t size = strlen(start);
        if (strncmp(path, start, size) != 0) continue;
        const char *slash = strchr(path + size, '/');
        if (slash == NULL || slash - (path + size) != VG_TIMESTAMP_CHARS - 1) return NULL;
        snprintf(timestamp, VG_TIMESTAMP_CHARS, "%.*s", VG_TIMESTAMP_CHARS - 1, path + size);
        return slash + 1;
    }
    return NULL;
}

static void keep_later(char kept[VG_TIMESTAMP_CHARS], const char *timestamp)
{
    if (strcmp(timestamp, kept) > 0) memcpy(kept, timestamp, VG_TIMESTAMP_CHARS);
}

static vg_status survey_file(void *context, const vg_file *file, vg_error *error)
{
    (void)error;
    survey *seen = context;
    if (strchr(file->path, '/') == NULL) {
        if (strcmp(file->path, "_SUCCESS") == 0) seen->is_complete = true;
        if (ends_with(file->path, ".inprogress")) seen->is_unfinished = true;
        if (is_hidden(file->path)) return VG_OK;
        if (ends_with(file->path, ".parquet")) seen->direct[VG_PARQUET]++;
        if (ends_with(file->path, ".csv")) seen->direct[VG_CSV]++;
        return VG_OK;
    }
    vg_format format;
    char timestamp[VG_TIMESTAMP_CHARS];
    const char *name = split_run_file(file->path, seen->which, &format, timestamp);
    if (name == NULL) return VG_OK;
    if (strcmp(name, "_SUCCESS") == 0)
        keep_later(seen->newest[format], timestamp);
    else
        keep_later(seen->newest_incomplete, timestamp);
    return VG_OK;
}

static const char *noun_of(vg_table which)
{
    switch (which) {
    case VG_TABLE_PCA: return "components";
    case VG_TABLE_NEIGHBOURS: return "neighbours";
    default: return "features";
    }
}

/* Whether the store has the name of such a table's folder, "features_<timestamp>". */
static bool is_called_so(const vg_store *store, vg_table which)
{
    char folder[VG_FOLDER_CHARS];
    vg_layout_folder(folder, which, VG_PARQUET, "");
    const char *address = vg_store_address(store), *stem = strrchr(folder, '/') + 1;
    const char *slash = strrchr(address, '/'), *name = slash != NULL ? slash + 1 : address;
    return strncmp(name, stem, strlen(stem)) == 0;
}

/* Files of any name may be features or components, whoever wrote them. */
static bool is_in_store(const vg_store *store, const survey *seen)
{
    if (seen->direct[VG_PARQUET] == 0 && seen->direct[VG_CSV] == 0) return false;
    return seen->which != VG_TABLE_NEIGHBOURS || is_called_so(store, seen->which);
}

static vg_status find_in_store(vg_feature_table *table, vg_store *store, const survey *seen,
                               const vg_observer *observer, vg_error *error)
{
    const char *address = vg_store_address(store);
    if (!seen->is_complete && (is_called_so(store, seen->which) || seen->is_unfinished))
        return vg_fail(error, VG_ENOTFOUND,
                       "%s has no _SUCCESS: the call that writes it has not finished; wait for "
                       "it, or call it again, a run with --resume",
                       address);
    if (!seen->is_complete)
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%s has no _SUCCESS: it is taken as complete with what is there", address);
    vg_format format = seen->direct[VG_PARQUET] > 0 ? VG_PARQUET : VG_CSV;
    return open_parts(table, store, "", format, seen->which, error);
}

vg_status vg_feature_table_find(vg_feature_table *table, vg_store *store, vg_table which,
                                const vg_observer *observer, vg_error *error)
{
    *table = (vg_feature_table){0};
    survey seen = {.which = which};
    vg_status status = vg_store_list(store, "", survey_file, &seen, error);
    const char *noun = noun_of(which);
    if (status != VG_OK) return vg_fail_prefix(error, status, "the %s cannot be listed", noun);
    if (is_in_store(store, &seen)) return find_in_store(table, store, &seen, observer, error);

    const char *address = vg_store_address(store);
    vg_format format =
        strcmp(seen.newest[VG_PARQUET], seen.newest[VG_CSV]) >= 0 ? VG_PARQUET : VG_CSV;
    if (which == VG_TABLE_NEIGHBOURS) format = VG_PARQUET;
    if (seen.newest[format][0] != '\0') {
        char folder[VG_FOLDER_CHARS];
        vg_layout_folder(folder, which, format, seen.newest[format]);
        return open_parts(table, store, folder, format, which, error);
    }
    if (which == VG_TABLE_NEIGHBOURS)
        return vg_fail(error, VG_ENOTFOUND,
                       "%s holds no complete table of neighbours in Parquet: write it with "
                       "'verger neighbours'",
                       address);
    if (seen.newest_incomplete[0] != '\0')
        return vg_fail(error, VG_ENOTFOUND,
                       "the run %s in %s has not finished its %s: wait for it, or call it "
                       "again, a run with --resume",
                       seen.newest_incomplete, address, noun);
    return vg_fail(error, VG_ENOTFOUND,
                   "%s holds no %s: give the folder of a table of %s (.parquet or .csv files), or "
                   "the output of a run%s",
                   address, noun, noun,
                   which == VG_TABLE_PCA ? "; 'verger pca' makes them of its features" : "");
}

/* --- Reading ---------------------------------------------------------------------- */

vg_status vg_feature_table_find_texts(vg_feature_table *table, vg_error *error)
{
    bool has_rows = false;
    vg_status status = VG_OK;
    for (size_t i = 0; i < table->parts.count && status == VG_OK && !has_rows; i++) {
        vg_feature_reader *reader = NULL;
        status = vg_feature_reader_open(&reader, table->store, table->parts.items[i].text,
                                        table->format, table->column, error);
        if (status == VG_OK)
            status = vg_feature_reader_list_texts(reader, &table->texts, &has_rows, error);
        vg_feature_reader_close(&reader);
    }
    return status;
}

vg_status vg_feature_table_read(const vg_feature_table *table, size_t part,
                                vg_feature_visitor *visitor, void *context, vg_error *error)
{
    const char *path = table->parts.items[part].text;
    vg_feature_reader *reader = NULL;
    vg_feature_row row;
    vg_status status =
        vg_feature_reader_open(&reader, table->store, path, table->format, table->column, error);
    if (status == VG_OK) status = vg_feature_reader_keep(reader, &table->texts, error);
    if (status == VG_OK) status = vg_feature_reader_next(reader, &row, error);
    while (status == VG_OK && row.path != NULL) {
        status = visitor(context, &row, error);
        if (status != VG_OK && status != VG_ECANCELLED)
            vg_fail_prefix(error, status, "%s/%s", vg_store_address(table->store), path);
        if (status == VG_OK) status = vg_feature_reader_next(reader, &row, error);
    }
    vg_feature_reader_close(&reader);
    return status;
}
