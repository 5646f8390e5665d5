#include "explore/neighbours_update.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "explore/neighbour_lists.h"
#include "explore/neighbours_state.h"
#include "output/latest.h"

/* A row that is searched costs as much as two of a table that is made whole, where each pair is
 * looked at once; and the search has to begin. */
enum { SEARCHED_OF = 4 };

typedef struct looking {
    vg_neighbours_update *update;
    const vg_neighbours_update_options *options;
    char old_sha256[VG_SHA256_CHARS]; /* of the rows of the newest table, as its files say */
    bool is_whole;                    /* nothing can be taken over */
} looking;

/* --- Why a table is made whole ------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void make_whole(looking *look, const char *format, ...)
{
    vg_error reason = {""};
    va_list args;
    va_start(args, format);
    vsnprintf(reason.message, sizeof reason.message, format, args);
    va_end(args);
    look->is_whole = true;
    vg_notify_log(look->options->observer, VG_LOG_INFO, "the table of neighbours is made whole: %s",
                  reason.message);
}

/* What is wrong with an old table is no fault of the new one. */
static vg_status forgive(looking *look, vg_status status, const vg_error *reason, vg_error *error)
{
    if (status == VG_OK) return VG_OK;
    if (status == VG_ECANCELLED || status == VG_ENOMEM)
        return vg_fail(error, status, "%s", reason->message);
    make_whole(look, "%s", reason->message);
    return VG_OK;
}

/* --- The old table's facts ------------------------------------------------------------------ */

static bool is_of_rows(const char *key)
{
    return strcmp(key, VG_ROWS_OF) == 0 || strcmp(key, VG_ROWS_SHA256) == 0;
}

static void compare_facts(looking *look, const vg_reader *reader)
{
    const vg_neighbours_update_options *options = look->options;
    const char *digest = vg_reader_fact(reader, VG_ROWS_SHA256);
    if (digest == NULL) {
        make_whole(look, "the one of %s does not say of which rows it is", look->update->timestamp);
        return;
    }
    snprintf(look->old_sha256, sizeof look->old_sha256, "%s", digest);
    for (size_t i = 0; i < options->fact_count && !look->is_whole; i++) {
        const vg_fact *asked = &options->facts[i];
        const char *found =
            is_of_rows(asked->key) ? asked->value : vg_reader_fact(reader, asked->key);
        if (found == NULL || strcmp(found, asked->value) != 0)
            make_whole(look, "%s of the one of %s is %s, not %s", asked->key,
                       look->update->timestamp, found != NULL ? found : "not told", asked->value);
    }
}

static vg_status read_facts(looking *look, vg_error *error)
{
    const vg_neighbours_update_options *options = look->options;
    vg_feature_table table;
    vg_reader *reader = NULL;
    vg_status status = vg_feature_table_find(&table, options->output, VG_TABLE_NEIGHBOURS,
                                             options->observer, error);
    if (status == VG_ENOTFOUND) {
        make_whole(look, "there is none yet");
        return VG_OK;
    }
    if (status != VG_OK) return status;
    const char *timestamp = vg_timestamp_of(table.folder);
    if (timestamp[0] != '\0' && table.parts.count > 0) {
        snprintf(look->update->timestamp, VG_TIMESTAMP_CHARS, "%s", timestamp);
        status =
            vg_reader_open(&reader, options->output, table.parts.items[0].text, VG_PARQUET, error);
        if (status == VG_OK) compare_facts(look, reader);
    } else {
        make_whole(look, "the newest one has no files");
    }
    vg_reader_close(&reader);
    vg_feature_table_close(&table);
    return status;
}

/* --- The same rows ------------------------------------------------------------------------ */

static vg_status is_complete_in(const looking *look, const char *format, bool *is_complete,
                                vg_error *error)
{
    char folder[VG_FOLDER_CHARS];
    vg_status status = vg_latest_find(folder, look->options->output, format, error);
    *is_complete = status == VG_OK && strcmp(vg_timestamp_of(folder), look->update->timestamp) == 0;
    return status == VG_ENOTFOUND ? VG_OK : status;
}

static vg_status compare_digests(looking *look, vg_error *error)
{
    const vg_neighbours_update_options *options = look->options;
    const char *digest = "";
    bool has_csv = true;
    for (size_t i = 0; i < options->fact_count; i++)
        if (strcmp(options->facts[i].key, VG_ROWS_SHA256) == 0) digest = options->facts[i].value;
    if (strcmp(digest, look->old_sha256) != 0) return VG_OK;
    vg_status status = VG_OK;
    if (options->csv) status = is_complete_in(look, "neighbours/csv", &has_csv, error);
    look->update->is_current = status == VG_OK && has_csv;
    return status;
}

/* --- Rows that stay -------------------------------------------------------------------------- */

/* Goes through the paths of an old table, which are in order. */
typedef struct old_rows {
    const vg_neighbours_rows *rows;
    size_t at;
    const char *path; /* of row `at`, where there is one */
} old_rows;

static void go_on(old_rows *old)
{
    old->at++;
    old->path += strlen(old->path) + 1;
}

/* Twice the same path names no row. */
static bool has_twins(const vg_row_table *table)
{
    for (size_t i = 1; i < vg_row_table_count(table); i++)
        if (strcmp(table->paths.items[i - 1].text, table->paths.items[i].text) == 0) return true;
    return false;
}

static bool had_twins(const vg_neighbours_rows *rows)
{
    const char *before = NULL;
    for (old_rows old = {rows, 0, rows->paths}; old.at < rows->count; go_on(&old)) {
        if (before != NULL && strcmp(before, old.path) == 0) return true;
        before = old.path;
    }
    return false;
}

static void compare_rows(looking *look, const vg_neighbours_rows *rows)
{
    vg_neighbours_update *update = look->update;
    const vg_row_table *now = look->options->rows;
    const unsigned char *digests = look->options->digests;
    old_rows old = {rows, 0, rows->paths};
    size_t count = vg_row_table_count(now), i = 0;
    while (i < count || old.at < rows->count) {
        int order = i == count              ? 1
                    : old.at == rows->count ? -1
                                            : strcmp(now->paths.items[i].text, old.path);
        if (order < 0) {
            update->is_new[i++] = 1;
            update->added++;
        } else if (order > 0) {
            update->vanished++;
            go_on(&old);
        } else {
            update->is_new[i] =
                memcmp(digests + i * VG_SHA256_BYTES, rows->digests + old.at * VG_SHA256_BYTES,
                       VG_SHA256_BYTES) != 0;
            update->changed += update->is_new[i++];
            go_on(&old);
        }
    }
}

static vg_status find_new_rows(looking *look, vg_error *error)
{
    const vg_neighbours_update_options *options = look->options;
    vg_neighbours_rows old;
    vg_status status = vg_neighbours_rows_read(&old, options->output, look->update->timestamp,
                                               look->old_sha256, error);
    if (status != VG_OK) return status;
    if (has_twins(options->rows) || had_twins(&old))
        make_whole(look, "some paths are there twice");
    else
        compare_rows(look, &old);
    vg_neighbours_rows_free(&old);
    return VG_OK;
}

/* --- Their lists ------------------------------------------------------------------------------ */

static void take_list(looking *look, const vg_neighbour_lists *lists, size_t row)
{
    vg_neighbours_update *update = look->update;
    size_t k = (size_t)look->options->k;
    const int32_t *from = lists->rows + row * k;
    int64_t *to = update->indices + row * k;
    bool is_known = !update->is_new[row];
    for (size_t i = 0; i < k && is_known; i++) {
        to[i] = from[i];
        is_known = from[i] >= 0 && !update->is_new[from[i]];
    }
    if (is_known) return;
    to[0] = -1;
    update->lost += !update->is_new[row];
}

static vg_status take_lists(looking *look, vg_error *error)
{
    const vg_neighbours_update_options *options = look->options;
    const vg_observer quiet = {0}; /* it would tell of each neighbour that is no more */
    vg_neighbour_lists lists;
    vg_status status = vg_neighbour_lists_read(&lists, options->rows, options->output,
                                               options->cancel, &quiet, error);
    if (status != VG_OK) return status;
    if (lists.k != options->k)
        make_whole(look, "the one of %s has %d neighbours a row", look->update->timestamp, lists.k);
    for (size_t row = 0; row < vg_row_table_count(options->rows) && !look->is_whole; row++)
        take_list(look, &lists, row);
    vg_neighbour_lists_free(&lists);
    return VG_OK;
}

static bool has_too_many(const looking *look)
{
    const vg_neighbours_update *update = look->update;
    uint64_t searched = update->added + update->changed + update->lost;
    return searched > vg_row_table_count(look->options->rows) / SEARCHED_OF;
}

static vg_status take_over(looking *look, vg_error *error)
{
    vg_neighbours_update *update = look->update;
    size_t count = vg_row_table_count(look->options->rows), k = (size_t)look->options->k;
    update->is_new = calloc(count, 1);
    update->indices = malloc(count * k * sizeof *update->indices);
    if (update->is_new == NULL || update->indices == NULL)
        return vg_fail_memory(error, count * k * sizeof *update->indices);
    vg_status status = find_new_rows(look, error);
    if (status == VG_OK && !look->is_whole && !has_too_many(look)) status = take_lists(look, error);
    if (status == VG_OK && !look->is_whole && has_too_many(look))
        make_whole(look, "of %zu rows %llu are new, %llu have changed, %llu have lost a neighbour",
                   count, (unsigned long long)update->added, (unsigned long long)update->changed,
                   (unsigned long long)update->lost);
    return status;
}

/* --- The whole -------------------------------------------------------------------------------- */

vg_status vg_neighbours_update_open(vg_neighbours_update *update,
                                    const vg_neighbours_update_options *options, vg_error *error)
{
    *update = (vg_neighbours_update){0};
    looking look = {.update = update, .options = options};
    vg_error reason = {""};
    vg_status status = read_facts(&look, &reason);
    if (status == VG_OK && !look.is_whole) status = compare_digests(&look, &reason);
    bool is_done = look.is_whole || update->is_current;
    if (status == VG_OK && !is_done && options->which == VG_TABLE_PCA)
        make_whole(&look, "components change with every run");
    else if (status == VG_OK && !is_done)
        status = take_over(&look, &reason);
    status = forgive(&look, status, &reason, error);
    if (status != VG_OK || look.is_whole) vg_neighbours_update_close(update);
    return status;
}

void vg_neighbours_update_close(vg_neighbours_update *update)
{
    free(update->is_new);
    free(update->indices);
    update->is_new = NULL;
    update->indices = NULL;
}
