#include "explore/neighbours_job.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/usable_cpus.h"
#include "explore/derived_table.h"
#include "explore/kept_lists.h"
#include "explore/neighbours_update.h"
#include "explore/row_digests.h"
#include "explore/row_table.h"
#include "neighbours/graph.h"
#include "neighbours/graph_update.h"

enum { PATH, LABEL, NEIGHBOUR_PATHS, NEIGHBOUR_LABELS, DISTANCES, COLUMNS };
enum { FACTS = 6, NUMBER_CHARS = 16 };

void vg_neighbours_job_default(vg_neighbours_job *job)
{
    *job = (vg_neighbours_job){.target = vg_target_default(), .k = 10, .checkpoint = 60.0};
}

const char *vg_metric_name(vg_metric metric)
{
    return metric == VG_L2 ? "l2" : "cosine";
}

const char *vg_space_name(vg_space space)
{
    return space == VG_SPACE_PCA ? "pca" : "features";
}

typedef struct work {
    const vg_neighbours_job *job;
    vg_neighbours_result *result;
    vg_derived_table table;
    vg_row_table rows;
    unsigned char *digests; /* of the rows */
    int threads;
    char digest[VG_SHA256_CHARS], k[NUMBER_CHARS]; /* that facts are made of */
    vg_fact facts[FACTS];
    vg_neighbours_update update;
    vg_kept_lists kept;
    int64_t *indices;  /* [rows][k] */
    double *distances; /* [rows][k] */
    double match_start;
} work;

/* --- Checks ----------------------------------------------------------------------- */

/* A call that goes on writes the table of the one that was broken off, over what it left. */
static vg_status find_unfinished(work *state, vg_error *error)
{
    const vg_neighbours_job *job = state->job;
    vg_derived_table *table = &state->table;
    char found[VG_TIMESTAMP_CHARS];
    if (job->shares > 0 || job->gather > 0) return VG_OK;
    const char *only = job->resume ? job->target.timestamp : NULL;
    vg_status status = vg_neighbours_checkpoint_find(found, table->output, only, error);
    if (status != VG_OK) return status;
    if (job->resume && found[0] != '\0') {
        state->result->was_resumed = true;
        vg_derived_table_move(table, found);
        return VG_OK;
    }
    if (found[0] != '\0' && !job->target.overwrite)
        vg_notify_log(&job->target.observer, VG_LOG_INFO,
                      "the neighbours of %s are not finished: --resume would go on with them",
                      found);
    table->target.overwrite = job->target.overwrite;
    if (!job->resume || job->target.overwrite) return VG_OK;
    return vg_layout_check_absent(table->output, &table->table, 1, table->timestamp, error);
}

static vg_status prepare(work *state, vg_error *error)
{
    const vg_neighbours_job *job = state->job;
    vg_target target = job->target;
    target.overwrite = target.overwrite || job->resume;
    vg_status status = vg_derived_table_open(&state->table, VG_TABLE_NEIGHBOURS, &target, error);
    return status == VG_OK ? find_unfinished(state, error) : status;
}

static vg_table table_of(const vg_neighbours_job *job)
{
    return job->space == VG_SPACE_PCA ? VG_TABLE_PCA : VG_TABLE_FEATURES;
}

static vg_status read_table(work *state, vg_error *error)
{
    const vg_neighbours_job *job = state->job;
    vg_status status = vg_row_table_open(&state->rows, state->table.output, table_of(job),
                                         &job->target.observer, job->target.cancel, error);
    if (status != VG_OK) return status;
    size_t count = vg_row_table_count(&state->rows);
    state->result->rows = count;
    state->result->left_out = state->rows.left_out;
    if (count == 1)
        return vg_fail(error, VG_EINVAL, "there is one row alone: it has no neighbours");
    if ((size_t)job->k >= count)
        return vg_fail(error, VG_EINVAL,
                       "%d neighbours of each of %zu rows: ask for at most %zu with -k", job->k,
                       count, count - 1);
    return VG_OK;
}

static vg_status tell_facts(work *state, vg_error *error)
{
    const vg_neighbours_job *job = state->job;
    const vg_fact facts[FACTS] = {{VG_ROWS_OF, state->rows.address},
                                  {VG_ROWS_SHA256, state->digest},
                                  {"space", vg_space_name(job->space)},
                                  {"metric", vg_metric_name(job->metric)},
                                  {"k", state->k},
                                  {"verger_version", vg_version()}};
    memcpy(state->facts, facts, sizeof facts);
    snprintf(state->k, sizeof state->k, "%d", job->k);
    vg_status status = vg_row_digests_find(&state->digests, &state->rows, state->threads, error);
    if (status != VG_OK) return status;
    return vg_row_digests_sum(state->digests, &state->rows, state->digest, error);
}

/* --- What other calls have found ---------------------------------------------------------- */

/* Whether there is nothing to find: it is a share that is there. */
static vg_status read_kept(work *state, bool *is_there, vg_error *error)
{
    const vg_neighbours_job *job = state->job;
    vg_kept_lists *kept = &state->kept;
    vg_kept_lists_open(kept, state->table.output, state->table.timestamp, state->facts, FACTS,
                       vg_row_table_count(&state->rows), (size_t)job->k);
    if (job->shares > 0) *is_there = vg_kept_lists_be_share(kept, job->share, job->shares);
    if (job->gather > 0) return vg_kept_lists_gather(kept, job->gather, error);
    if (!state->result->was_resumed) return VG_OK;
    vg_status status = vg_kept_lists_resume(kept, error);
    if (status == VG_OK)
        vg_notify_log(&job->target.observer, VG_LOG_INFO, "the neighbours of %s go on",
                      kept->timestamp);
    return status;
}

/* --- The table that is there -------------------------------------------------------- */

static void tell_complete(work *state)
{
    vg_neighbours_result *result = state->result;
    result->was_complete = true;
    result->kept = result->rows;
    vg_derived_table_move(&state->table, state->update.timestamp);
}

static vg_status find_update(work *state, vg_error *error)
{
    const vg_neighbours_job *job = state->job;
    vg_neighbours_update *update = &state->update;
    vg_neighbours_result *result = state->result;
    if (!job->update || result->was_resumed) return VG_OK;
    const vg_neighbours_update_options options = {.output = state->table.output,
                                                  .which = table_of(job),
                                                  .rows = &state->rows,
                                                  .digests = state->digests,
                                                  .k = job->k,
                                                  .facts = state->facts,
                                                  .fact_count = FACTS,
                                                  .csv = job->target.csv,
                                                  .cancel = job->target.cancel,
                                                  .observer = &job->target.observer};
    vg_status status = vg_neighbours_update_open(update, &options, error);
    if (status != VG_OK) return status;
    if (update->is_current) tell_complete(state);
    result->was_updated = update->is_new != NULL;
    if (!result->was_updated) return VG_OK;
    result->added = update->added;
    result->changed = update->changed;
    result->vanished = update->vanished;
    result->lost = update->lost;
    result->kept = result->rows - update->added - update->changed - update->lost;
    return VG_OK;
}

/* --- Neighbours ---------------------------------------------------------------------- */

static int tell_progress(void *context, double share)
{
    const work *state = context;
    uint64_t rows = state->result->rows;
    vg_notify_progress(&state->job->target.observer, VG_PHASE_MATCH,
                       (uint64_t)(share * (double)rows), rows, 0, state->match_start);
    return vg_check_cancel(state->job->target.cancel, NULL) != VG_OK;
}

/* Room for the result, in which an update has what it knows. */
static vg_status open_lists(work *state, vg_error *error)
{
    size_t entries = state->rows.values.count * (size_t)state->job->k;
    state->indices = state->update.indices;
    state->update.indices = NULL;
    if (state->indices == NULL) state->indices = vg_alloc_aligned(entries, sizeof *state->indices);
    state->distances = vg_alloc_aligned(entries, sizeof *state->distances);
    if (state->indices != NULL && state->distances != NULL) return VG_OK;
    return vg_fail_memory(error, entries * (sizeof(int64_t) + sizeof(double)));
}

static vg_status find_lists(work *state, const vg_neighbours_options *options, vg_error *error)
{
    const vg_neighbours_job *job = state->job;
    const vg_row_file *values = &state->rows.values;
    vg_kept_lists *kept = &state->kept;
    const int32_t **known = calloc(kept->count + 1, sizeof *known);
    if (known == NULL) return vg_fail_memory(error, kept->count * sizeof *known);
    for (size_t i = 0; i < kept->count; i++) known[i] = kept->items[i].lists;
    vg_graph_choices choices = {.components = VG_GRAPH_CHOOSE,
                                .share = job->share,
                                .shares = job->shares,
                                .known = known,
                                .known_count = kept->count,
                                .save = vg_kept_lists_save,
                                .context = kept,
                                .seconds = job->shares > 0 ? INFINITY : job->checkpoint};
    if (job->gather > 0)
        choices.done = VG_GRAPH_DONE;
    else if (kept->count > 0)
        choices.done = kept->items[0].done;
    vg_status status = vg_graph_find(values->rows, values->count, values->dims, job->k, options,
                                     &choices, state->indices, state->distances, error);
    free(known);
    return status;
}

static vg_status match_rows(work *state, vg_error *error)
{
    const vg_neighbours_job *job = state->job;
    const vg_row_file *values = &state->rows.values;
    state->match_start = vg_seconds();
    vg_status status = vg_layout_check_writable(state->table.output, error);
    if (status == VG_OK) status = open_lists(state, error);
    if (status == VG_OK && job->space == VG_SPACE_PCA && job->metric == VG_COSINE)
        status = vg_row_table_centre(&state->rows, error);
    if (status != VG_OK) return status;
    vg_neighbours_options options;
    vg_neighbours_options_default(&options);
    options.metric = job->metric;
    options.threads = state->threads;
    options.progress = tell_progress;
    options.context = state;
    /* Its threads would wait for one another by spinning, beside ours. */
    openblas_set_num_threads(1);
    if (state->update.is_new != NULL)
        status = vg_graph_update(values->rows, values->count, values->dims, job->k, &options,
                                 state->update.is_new, state->indices, state->distances, error);
    else
        status = find_lists(state, &options, error);
    state->result->match_seconds = vg_seconds() - state->match_start;
    return status;
}

/* --- The table ------------------------------------------------------------------------- */

/* What one row of the table is made of. */
typedef struct row_room {
    const work *state;
    const char **texts; /* [k] */
    size_t *sizes;      /* [k] */
    float *distances;   /* [k] */
} row_room;

static vg_status append_names(row_room *room, vg_builder *builder, size_t column,
                              const vg_paths *names, const int64_t *neighbours, vg_error *error)
{
    size_t k = (size_t)room->state->job->k;
    for (size_t i = 0; i < k; i++) {
        room->texts[i] = names->items[neighbours[i]].text;
        room->sizes[i] = strlen(room->texts[i]);
    }
    return vg_builder_string_list(builder, column, room->texts, room->sizes, k, error);
}

static vg_status append_row(void *context, vg_builder *builder, size_t row, vg_error *error)
{
    row_room *room = context;
    const work *state = room->state;
    size_t k = (size_t)state->job->k;
    const vg_row_table *rows = &state->rows;
    const char *path = rows->paths.items[row].text, *label = rows->labels.items[row].text;
    const int64_t *neighbours = state->indices + row * k;
    for (size_t i = 0; i < k; i++) room->distances[i] = (float)state->distances[row * k + i];
    vg_status status = vg_builder_string(builder, PATH, path, strlen(path), error);
    if (status == VG_OK) status = vg_builder_string(builder, LABEL, label, strlen(label), error);
    if (status == VG_OK)
        status = append_names(room, builder, NEIGHBOUR_PATHS, &rows->paths, neighbours, error);
    if (status == VG_OK)
        status = append_names(room, builder, NEIGHBOUR_LABELS, &rows->labels, neighbours, error);
    if (status == VG_OK)
        status = vg_builder_float32_list(builder, DISTANCES, room->distances, k, error);
    return status;
}

/* For an update. Components change with every run, so none is made of theirs. */
static vg_status keep_rows(const work *state, vg_error *error)
{
    if (state->job->space == VG_SPACE_PCA) return VG_OK;
    return vg_neighbours_rows_write(state->table.output, state->table.timestamp, &state->rows,
                                    state->digests, state->digest, error);
}

static vg_status write_table(work *state, vg_error *error)
{
    static const vg_column columns[COLUMNS] = {{"path", VG_COLUMN_STRING},
                                               {"label", VG_COLUMN_STRING},
                                               {"neighbour_paths", VG_COLUMN_STRING_LIST},
                                               {"neighbour_labels", VG_COLUMN_STRING_LIST},
                                               {"distances", VG_COLUMN_FLOAT32_LIST}};
    const vg_neighbours_job *job = state->job;
    size_t k = (size_t)job->k;
    row_room room = {state, malloc(k * sizeof(char *)), malloc(k * sizeof(size_t)),
                     malloc(k * sizeof(float))};
    const vg_derived_rows rows = {.columns = columns,
                                  .column_count = COLUMNS,
                                  .facts = state->facts,
                                  .fact_count = FACTS,
                                  .count = state->result->rows,
                                  .append = append_row,
                                  .context = &room};
    vg_status status = VG_OK;
    if (room.texts == NULL || room.sizes == NULL || room.distances == NULL)
        status = vg_fail_memory(error, k * sizeof(char *));
    if (status == VG_OK) status = keep_rows(state, error);
    if (status == VG_OK) status = vg_derived_table_write(&state->table, &rows, error);
    if (status == VG_OK) status = vg_kept_lists_delete(&state->kept, state->job->gather, error);
    free(room.texts);
    free(room.sizes);
    free(room.distances);
    return status;
}

vg_status vg_neighbours_job_run(const vg_neighbours_job *job, vg_neighbours_result *result,
                                vg_error *error)
{
    double start = vg_seconds();
    work state = {.job = job,
                  .result = result,
                  .threads = job->threads > 0 ? job->threads : vg_usable_cpus()};
    bool is_there = false;
    *result = (vg_neighbours_result){0};
    vg_status status = prepare(&state, error);
    if (status == VG_OK) status = read_table(&state, error);
    if (status == VG_OK) status = tell_facts(&state, error);
    if (status == VG_OK) status = read_kept(&state, &is_there, error);
    if (status == VG_OK) status = find_update(&state, error);
    if (!is_there && !result->was_complete) {
        if (status == VG_OK) status = match_rows(&state, error);
        if (status == VG_OK && job->shares == 0) status = write_table(&state, error);
    }
    snprintf(result->timestamp, sizeof result->timestamp, "%s", state.table.timestamp);
    snprintf(result->folder, sizeof result->folder, "%s", state.table.folder);
    free(state.digests);
    free(state.indices);
    free(state.distances);
    vg_kept_lists_close(&state.kept);
    vg_neighbours_update_close(&state.update);
    vg_row_table_close(&state.rows);
    vg_derived_table_close(&state.table);
    result->seconds = vg_seconds() - start;
    return status;
}
