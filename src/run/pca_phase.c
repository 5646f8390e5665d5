#include "run/pca_phase.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ahead.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/observer.h"
#include "digest/sha256.h"
#include "output/sink.h"
#include "run/model_info.h"
#include "run/pca_file.h"

vg_status vg_pca_phase_check(uint64_t rows, int components, const vg_observer *observer,
                             vg_error *error)
{
    if (rows < 2)
        return vg_fail(
            error, VG_EINVAL,
            "a PCA needs at least two images and there %s %llu: -k 0 takes features alone",
            rows == 1 ? "is" : "are", (unsigned long long)rows);
    if (rows < (uint64_t)components)
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%d components need as many images and there are %llu: so many are taken",
                      components, (unsigned long long)rows);
    return VG_OK;
}

/* --- Fit ------------------------------------------------------------------------ */

/* As few components as explain the share that is asked for. */
static vg_status cut(vg_pca **pca, double share, vg_error *error)
{
    const double *explained = vg_pca_explained_variance(*pca);
    int wanted = 0, all = vg_pca_components(*pca);
    double sum = 0.0;
    while (wanted < all && sum < share) sum += explained[wanted++];
    if (wanted == 0) wanted = 1;
    vg_pca *smaller = NULL;
    vg_status status =
        vg_pca_open(&smaller, vg_pca_dims(*pca), wanted, vg_pca_matrix(*pca), explained, error);
    if (status != VG_OK) return status;
    vg_pca_close(pca);
    *pca = smaller;
    return VG_OK;
}

/* Divides components by the standard deviations of rows on them. Those that explain nothing but
 * rounding would be noise blown up. */
static vg_status whiten(vg_pca **pca, const vg_pca_phase *task, vg_error *error)
{
    static const double least_share = 1e-12;
    const double *explained = vg_pca_explained_variance(*pca), *from = vg_pca_matrix(*pca);
    double total = vg_moments_total_variance(task->moments);
    size_t dims = (size_t)vg_pca_dims(*pca), kept = 0, all = (size_t)vg_pca_components(*pca);
    while (kept < all && explained[kept] > least_share) kept++;
    if (kept == 0)
        return vg_fail(error, VG_EINVAL, "all rows are the same: nothing can be whitened");
    if (kept < all)
        vg_notify_log(
            task->observer, VG_LOG_WARNING,
            "%zu of %zu components explain something and can be whitened: these are taken", kept,
            all);
    double *matrix = malloc(kept * dims * sizeof *matrix);
    if (matrix == NULL) return vg_fail_memory(error, kept * dims * sizeof *matrix);
    for (size_t i = 0; i < kept * dims; i++)
        matrix[i] = from[i] / sqrt(explained[i / dims] * total);
    vg_pca *whitened = NULL;
    vg_status status = vg_pca_open(&whitened, (int)dims, (int)kept, matrix, explained, error);
    free(matrix);
    if (status != VG_OK) return status;
    vg_pca_close(pca);
    *pca = whitened;
    return VG_OK;
}

static vg_status fit(vg_pca **pca, const vg_pca_phase *task, vg_error *error)
{
    double start = vg_seconds();
    int dims = vg_moments_dims(task->moments);
    uint64_t rows = vg_moments_count(task->moments);
    int most = task->variance_share > 0 ? dims : task->components;
    if (rows < (uint64_t)most) most = (int)rows;
    vg_notify_progress(task->observer, VG_PHASE_FIT, 0, 1, 0, start);
    /* Its threads wait for one another by spinning: beside other work two of them took
     * ten times as long as one, which needs a fraction of a second. */
    openblas_set_num_threads(1);
    vg_status status = vg_pca_fit(pca, task->moments, most, error);
    if (status == VG_OK && task->variance_share > 0) status = cut(pca, task->variance_share, error);
    if (status == VG_OK && task->choices.whiten) status = whiten(pca, task, error);
    if (status == VG_OK) vg_notify_progress(task->observer, VG_PHASE_FIT, 1, 1, 0, start);
    return status;
}

/* --- Projection ------------------------------------------------------------------- */

enum { PATH, LABEL, PCA_FEATURES, RELATIVE_PATH, SPLIT, FIXED_COLUMNS };

/* Rows are projected together: one at a time takes ten times as long. */
enum { HELD = 64 };

/* What the threads have in common. */
typedef struct progress {
    pthread_mutex_t lock;
    uint64_t rows; /* that are projected, under the lock */
    double start;
} progress;

/* What one thread has. */
typedef struct projection {
    const vg_pca_phase *task;
    const vg_pca *pca;
    progress *progress;
    vg_sink *sink;   /* NULL before its first part */
    bool has_failed; /* it does no further part */
    vg_feature_row held[HELD];
    size_t held_count;
    vg_feature_text *texts; /* [HELD][those of the table], of those */
    float *values;          /* [HELD][dims] */
    double *projected;      /* [HELD][components] */
    const double *mean;     /* that is taken off, or NULL */
    double *offset;         /* [components], the mean's projection */
} projection;

static vg_status append_or_null(vg_builder *builder, size_t column, const char *text, size_t size,
                                vg_error *error)
{
    if (size == 0) return vg_builder_null(builder, column, error);
    return vg_builder_string(builder, column, text, size, error);
}

static vg_status append_projected(projection *state, const vg_feature_row *row,
                                  const double *projected, vg_error *error)
{
    vg_builder *builder = vg_sink_builder(state->sink);
    vg_status status = vg_builder_string(builder, PATH, row->path, row->path_size, error);
    if (status == VG_OK)
        status = vg_builder_string(builder, LABEL, row->label, row->label_size, error);
    if (status == VG_OK)
        status = vg_builder_float64_list(builder, PCA_FEATURES, projected,
                                         (size_t)vg_pca_components(state->pca), error);
    if (status == VG_OK)
        status = append_or_null(builder, RELATIVE_PATH, row->relative_path, row->relative_path_size,
                                error);
    if (status == VG_OK)
        status = append_or_null(builder, SPLIT, row->split, row->split_size, error);
    for (size_t i = 0; i < row->text_count && status == VG_OK; i++)
        status = append_or_null(builder, FIXED_COLUMNS + i, row->texts[i].text, row->texts[i].size,
                                error);
    return status == VG_OK ? vg_sink_end_row(state->sink, error) : status;
}

static void note_rows(const projection *state, size_t rows)
{
    progress *noted = state->progress;
    pthread_mutex_lock(&noted->lock);
    noted->rows += rows;
    vg_notify_progress(state->task->observer, VG_PHASE_PROJECT, noted->rows, state->task->rows, 0,
                       noted->start);
    pthread_mutex_unlock(&noted->lock);
}

static vg_status project_held(projection *state, vg_error *error)
{
    size_t components = (size_t)vg_pca_components(state->pca);
    vg_status status =
        vg_pca_project(state->pca, state->held_count, state->values, state->projected, error);
    for (size_t i = 0; state->mean != NULL && i < state->held_count * components; i++)
        state->projected[i] -= state->offset[i % components];
    for (size_t i = 0; i < state->held_count && status == VG_OK; i++)
        status = append_projected(state, &state->held[i], state->projected + i * components, error);
    note_rows(state, state->held_count);
    state->held_count = 0;
    return status;
}

/* What the row points at stays; the array of its texts is the next row's too. */
static void hold_row(projection *state, const vg_feature_row *row)
{
    size_t at = state->held_count++;
    vg_feature_text *texts = state->texts + at * state->task->features->texts.count;
    memcpy(state->values + at * row->count, row->values, row->count * sizeof *row->values);
    if (row->text_count > 0) memcpy(texts, row->texts, row->text_count * sizeof *texts);
    state->held[at] = *row;
    state->held[at].texts = texts;
}

static vg_status project_row(void *context, const vg_feature_row *row, vg_error *error)
{
    projection *state = context;
    size_t dims = (size_t)vg_pca_dims(state->pca);
    vg_status status = vg_check_cancel(state->task->cancel, error);
    if (status != VG_OK) return status;
    if (row->values != NULL) {
        if (row->count != dims)
            return vg_fail(error, VG_EFORMAT, "%.*s has %zu features, others have %zu",
                           (int)row->path_size, row->path, row->count, dims);
        hold_row(state, row);
    }
    bool is_time = state->held_count == HELD || row->following == 0;
    return is_time && state->held_count > 0 ? project_held(state, error) : VG_OK;
}

/* The projection is linear: that of the mean is taken off once projected, so that a row that is
 * not centred keeps its bits. */
static void project_mean(projection *state)
{
    int k = vg_pca_components(state->pca), dims = vg_pca_dims(state->pca);
    const double *matrix = vg_pca_matrix(state->pca);
    for (int i = 0; i < k; i++) {
        double sum = 0.0;
        for (int j = 0; j < dims; j++)
            sum += matrix[(size_t)i * (size_t)dims + (size_t)j] * state->mean[j];
        state->offset[i] = sum;
    }
}

static vg_status open_projection(projection *state, vg_error *error)
{
    const vg_pca_phase *task = state->task;
    static const vg_column fixed[] = {{"path", VG_COLUMN_STRING},
                                      {"label", VG_COLUMN_STRING},
                                      {"pca_features", VG_COLUMN_FLOAT64_LIST},
                                      {"relative_path", VG_COLUMN_STRING},
                                      {"split", VG_COLUMN_STRING}};
    const vg_paths *texts = &task->features->texts;
    size_t count = FIXED_COLUMNS + texts->count;
    vg_column *columns = calloc(count, sizeof *columns);
    if (columns == NULL) return vg_fail_memory(error, count * sizeof *columns);
    memcpy(columns, fixed, sizeof fixed);
    for (size_t i = 0; i < texts->count; i++)
        columns[FIXED_COLUMNS + i] =
            (vg_column){.name = texts->items[i].text, .type = VG_COLUMN_STRING};
    vg_sink_options options = {.output = task->output,
                               .table = VG_TABLE_PCA,
                               .parquet = task->parquet,
                               .csv = task->csv,
                               .timestamp = task->timestamp,
                               .uuid = task->uuid,
                               .columns = columns,
                               .column_count = count,
                               .facts = task->facts,
                               .fact_count = task->fact_count};
    size_t components = (size_t)vg_pca_components(state->pca) * sizeof *state->projected;
    size_t values = HELD * (size_t)vg_pca_dims(state->pca) * sizeof *state->values;
    size_t held_texts = HELD * (texts->count + 1) * sizeof *state->texts;
    state->values = malloc(values);
    state->projected = malloc(HELD * components);
    state->offset = malloc(components);
    state->texts = malloc(held_texts);
    vg_status status = VG_OK;
    if (state->values == NULL || state->projected == NULL || state->offset == NULL ||
        state->texts == NULL)
        status = vg_fail_memory(error, values + (HELD + 1) * components + held_texts);
    if (status == VG_OK && state->mean != NULL) project_mean(state);
    if (status == VG_OK) status = vg_sink_open(&state->sink, &options, error);
    free(columns);
    return status;
}

static void close_projection(projection *state)
{
    vg_sink_close(&state->sink);
    free(state->texts);
    free(state->values);
    free(state->projected);
    free(state->offset);
}

/* One part of PCA rows for each part of features. */
static vg_status project_part(void *context, int thread, uint64_t part, void *result,
                              vg_error *error)
{
    (void)result;
    projection *state = (projection *)context + thread;
    if (state->has_failed) return vg_fail(error, VG_ECANCELLED, "a part before has failed");
    vg_status status = state->sink == NULL ? open_projection(state, error) : VG_OK;
    if (status == VG_OK) vg_sink_begin_part(state->sink, part);
    if (status == VG_OK)
        status = vg_feature_table_read(state->task->features, part, project_row, state, error);
    if (status == VG_OK) status = vg_sink_end_part(state->sink, NULL, error);
    state->has_failed = status != VG_OK;
    return status;
}

/* A row's components depend on no other row, so parts are projected side by side. */
static vg_status project_parts(projection *states, int threads, vg_error *error)
{
    const vg_ahead_options options = {.threads = threads,
                                      .items = states->task->features->parts.count,
                                      .task = project_part,
                                      .context = states,
                                      .result_size = 1};
    vg_ahead *ahead = NULL;
    void *result;
    if (options.items == 0) return VG_OK;
    vg_status status = vg_ahead_open(&ahead, &options, error);
    for (uint64_t i = 0; i < options.items && status == VG_OK; i++)
        status = vg_ahead_next(ahead, &result, error);
    vg_ahead_close(&ahead);
    return status;
}

static vg_status project(const vg_pca_phase *task, const vg_pca *pca, const double *mean,
                         vg_error *error)
{
    const int threads = vg_store_threads(task->features->store, task->threads);
    progress noted = {.lock = PTHREAD_MUTEX_INITIALIZER, .start = vg_seconds()};
    projection states[VG_STORE_MOST_THREADS] = {0};
    for (int i = 0; i < threads; i++)
        states[i] = (projection){.task = task, .pca = pca, .progress = &noted, .mean = mean};
    vg_status status = open_projection(&states[0], error);
    if (status == VG_OK) status = project_parts(states, threads, error);
    if (status == VG_OK && noted.rows != task->rows)
        status = vg_fail(error, VG_EFORMAT,
                         "%llu rows of features were counted and %llu read back: something else "
                         "writes to that table; no PCA table is marked as complete",
                         (unsigned long long)task->rows, (unsigned long long)noted.rows);
    if (status == VG_OK) status = vg_sink_mark_complete(states[0].sink, error);
    for (int i = 0; i < threads; i++) close_projection(&states[i]);
    pthread_mutex_destroy(&noted.lock);
    return status;
}

/* --- Variance and model_info ---------------------------------------------------------- */

static vg_status append_variance(vg_builder *builder, int64_t component, double share,
                                 double cumulative, vg_error *error)
{
    vg_status status = vg_builder_int64(builder, 0, component, error);
    if (status == VG_OK) status = vg_builder_float64(builder, 1, share, error);
    if (status == VG_OK) status = vg_builder_float64(builder, 2, cumulative, error);
    return status;
}

static vg_status write_variance(const vg_pca_phase *task, const vg_pca *pca, vg_error *error)
{
    const vg_column columns[] = {{"component", VG_COLUMN_INT64},
                                 {"variance_explained", VG_COLUMN_FLOAT64},
                                 {"cumulative_variance", VG_COLUMN_FLOAT64}};
    vg_sink_options options = {.output = task->output,
                               .table = VG_TABLE_VARIANCE,
                               .csv = true,
                               .timestamp = task->timestamp,
                               .uuid = task->uuid,
                               .columns = columns,
                               .column_count = 3};
    vg_sink *sink = NULL;
    vg_status status = vg_sink_open(&sink, &options, error);
    const double *shares = vg_pca_explained_variance(pca);
    double cumulative = 0.0;
    for (int i = 0; i < vg_pca_components(pca) && status == VG_OK; i++) {
        cumulative += shares[i];
        status = append_variance(vg_sink_builder(sink), i + 1, shares[i], cumulative, error);
        if (status == VG_OK) status = vg_sink_end_row(sink, error);
    }
    if (status == VG_OK) status = vg_sink_end_part(sink, NULL, error);
    if (status == VG_OK) status = vg_sink_mark_complete(sink, error);
    vg_sink_close(&sink);
    return status;
}

static vg_status write_text(const vg_pca_phase *task, const char *text, vg_error *error)
{
    char folder[VG_FOLDER_CHARS], file[VG_FILE_CHARS];
    vg_layout_folder(folder, VG_TABLE_MODEL_INFO, VG_CSV, task->timestamp);
    vg_layout_part(file, folder, 0, task->uuid, ".txt", false);
    vg_status status = vg_store_write(task->output, file, text, strlen(text), error);
    if (status != VG_OK) return status;
    return vg_layout_mark_complete(task->output, folder, error);
}

static vg_status write_model_info(const vg_pca_phase *task, const vg_pca *pca,
                                  const vg_run_result *result, vg_error *error)
{
    vg_model_info info = {.timestamp = task->timestamp,
                          .components = vg_pca_components(pca),
                          .dims = vg_pca_dims(pca),
                          .variance = vg_pca_explained_variance(pca),
                          .images = task->rows,
                          .facts = task->facts,
                          .fact_count = task->fact_count,
                          .threads = task->threads,
                          .seconds = vg_seconds() - task->start};
    if (result->extract_seconds > 0.0)
        info.images_per_second =
            (double)(result->extracted - result->kept) / result->extract_seconds;
    char *json = NULL;
    vg_status status = vg_model_info_json(&json, &info, error);
    if (status == VG_OK) status = write_text(task, json, error);
    free(json);
    return status;
}

/* The components themselves, without which nothing new can be projected. */
static vg_status write_pca(const vg_pca_phase *task, const vg_pca *pca, vg_error *error)
{
    char folder[VG_FOLDER_CHARS], file[VG_FILE_CHARS];
    if (task->given != NULL) return VG_OK;
    vg_layout_folder(folder, VG_TABLE_PCA_FILE, VG_CSV, task->timestamp);
    snprintf(file, sizeof file, "%s/pca.safetensors", folder);
    vg_status status = vg_pca_file_write(task->output, file, pca, task->moments, task->facts,
                                         task->fact_count, error);
    return status == VG_OK ? vg_layout_mark_complete(task->output, folder, error) : status;
}

/* --- The phase ------------------------------------------------------------------------ */

enum { MOST_FACTS = 20, FACT_CHARS = 32 };

/* The facts of the task, and how the PCA is fitted and projects. */
typedef struct told_facts {
    vg_fact items[MOST_FACTS];
    size_t count;
    char fitted[FACT_CHARS];
    char components[VG_SHA256_CHARS];
} told_facts;

static void add_fact(told_facts *facts, const char *key, const char *value)
{
    assert(facts->count < MOST_FACTS);
    facts->items[facts->count++] = (vg_fact){.key = key, .value = value};
}

/* By their digest components are known to be those that something was learnt from. */
static vg_status tell_components(told_facts *facts, const vg_pca *pca, const double *mean,
                                 vg_error *error)
{
    size_t dims = (size_t)vg_pca_dims(pca), numbers = dims * (size_t)vg_pca_components(pca);
    vg_status status = vg_sha256_of(facts->components, vg_pca_matrix(pca), numbers * sizeof(double),
                                    mean, mean != NULL ? dims * sizeof *mean : 0, error);
    if (status == VG_OK) add_fact(facts, "components_sha256", facts->components);
    return status;
}

static void tell_choices(told_facts *facts, const vg_pca_phase *task)
{
    const vg_kept_pca *given = task->given;
    for (size_t i = 0; i < task->fact_count; i++)
        add_fact(facts, task->facts[i].key, task->facts[i].value);
    if (given != NULL ? given->centers : task->choices.center) add_fact(facts, "center", "true");
    if (given != NULL ? given->whitens : task->choices.whiten) add_fact(facts, "whiten", "true");
    if (given != NULL || task->choices.fit_on == NULL) return;
    add_fact(facts, "fit_on", task->choices.fit_on);
    snprintf(facts->fitted, sizeof facts->fitted, "%llu",
             (unsigned long long)vg_moments_count(task->moments));
    add_fact(facts, "fit_images", facts->fitted);
}

static vg_status write_tables(const vg_pca_phase *task, const vg_pca *pca, vg_run_result *result,
                              vg_error *error)
{
    vg_status status = write_pca(task, pca, error);
    if (status == VG_OK) status = write_variance(task, pca, error);
    if (status != VG_OK) return status;
    result->components = vg_pca_components(pca);
    result->fitted = task->moments != NULL ? vg_moments_count(task->moments) : 0;
    result->total_variance =
        vg_total_variance(vg_pca_explained_variance(pca), vg_pca_components(pca));
    return write_model_info(task, pca, result, error);
}

vg_status vg_pca_phase_run(const vg_pca_phase *asked, vg_run_result *result, vg_error *error)
{
    double start = vg_seconds();
    told_facts facts = {0};
    tell_choices(&facts, asked);
    vg_pca_phase task = *asked;
    const vg_kept_pca *given = task.given;
    vg_pca *fitted = NULL;
    vg_status status = vg_check_cancel(task.cancel, error);
    if (status == VG_OK && given == NULL) status = fit(&fitted, &task, error);
    const vg_pca *pca = given != NULL ? given->pca : fitted;
    const double *mean = NULL;
    if (status == VG_OK && given != NULL && given->centers) mean = given->mean;
    if (status == VG_OK && given == NULL && task.choices.center)
        mean = vg_moments_mean(task.moments);
    if (status == VG_OK) status = tell_components(&facts, pca, mean, error);
    task.facts = facts.items;
    task.fact_count = facts.count;
    if (status == VG_OK) status = project(&task, pca, mean, error);
    if (status == VG_OK) status = write_tables(&task, pca, result, error);
    vg_pca_close(&fitted);
    result->pca_seconds = vg_seconds() - start;
    return status;
}
