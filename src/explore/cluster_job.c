#include "explore/cluster_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/usable_cpus.h"
#include "explore/derived_table.h"
#include "explore/row_table.h"
#include "explore/sensor_columns.h"
#include "output/text_codes.h"

enum { PATH, LABEL, CLUSTER, DISTANCE, COLUMNS };
enum { FACTS = 7, NUMBER_CHARS = 24, JOIN_CHARS = 1024, SAMPLE = 1024 };

void vg_cluster_job_default(vg_cluster_job *job)
{
    *job = (vg_cluster_job){.target = vg_target_default(), .restarts = 10, .join_weight = 1.0};
}

typedef struct work {
    const vg_cluster_job *job;
    vg_cluster_result *result;
    vg_derived_table table;
    vg_row_table rows;
    int32_t *clusters; /* [rows] */
    double *centres;   /* [k][dims] */
    float *sample;     /* [sample_count][dims]: every so many-th row */
    int32_t *sample_clusters;
    size_t sample_count;
} work;

static void close_work(work *state)
{
    free(state->clusters);
    free(state->centres);
    free(state->sample);
    free(state->sample_clusters);
    vg_row_table_close(&state->rows);
    vg_derived_table_close(&state->table);
}

static vg_status prepare(work *state, vg_error *error)
{
    const vg_cluster_job *job = state->job;
    vg_cluster_result *result = state->result;
    vg_table which = job->space == VG_SPACE_PCA ? VG_TABLE_PCA : VG_TABLE_FEATURES;
    vg_status status = vg_derived_table_open(&state->table, VG_TABLE_CLUSTERS, &job->target, error);
    if (status == VG_OK)
        status = vg_row_table_open(&state->rows, state->table.output, which, &job->target.observer,
                                   job->target.cancel, error);
    vg_sensor_columns sensors = {0};
    if (status == VG_OK)
        status = vg_sensor_columns_join(&sensors, &state->rows, &job->join, job->join_weight, NULL,
                                        0, &job->target.observer, error);
    vg_sensor_columns_close(&sensors);
    if (status != VG_OK) return status;
    result->rows = vg_row_table_count(&state->rows);
    result->left_out = state->rows.left_out;
    if ((uint64_t)job->k > result->rows)
        return vg_fail(error, VG_EINVAL, "%d clusters of %llu rows: ask for at most as many",
                       job->k, (unsigned long long)result->rows);
    if (job->k == 0 && result->rows < 4)
        return vg_fail(error, VG_EINVAL, "%llu rows are too few to choose a number of clusters",
                       (unsigned long long)result->rows);
    return vg_layout_check_writable(state->table.output, error);
}

/* --- Clusters ------------------------------------------------------------------------- */

static int is_cancelled(void *context)
{
    const work *state = context;
    return vg_check_cancel(state->job->target.cancel, NULL) != VG_OK;
}

static vg_status part(work *state, int k, int restarts, vg_error *error)
{
    const vg_row_file *values = &state->rows.values;
    vg_kmeans_options options;
    vg_kmeans_options_default(&options);
    options.seed = state->job->seed;
    options.restarts = restarts;
    options.threads = state->job->threads > 0 ? state->job->threads : vg_usable_cpus();
    options.progress = is_cancelled;
    options.context = state;
    free(state->centres);
    state->centres = vg_alloc_aligned((size_t)k * (size_t)values->dims, sizeof(double));
    if (state->centres == NULL)
        return vg_fail_memory(error, (size_t)k * (size_t)values->dims * sizeof(double));
    return vg_kmeans(values->rows, values->count, values->dims, k, &options, state->clusters,
                     state->centres, &state->result->fit, error);
}

static vg_status take_sample(work *state, vg_error *error)
{
    const vg_row_file *values = &state->rows.values;
    size_t dims = (size_t)values->dims;
    state->sample_count = values->count < SAMPLE ? values->count : SAMPLE;
    state->clusters = malloc(values->count * sizeof *state->clusters);
    state->sample = malloc(state->sample_count * dims * sizeof *state->sample);
    state->sample_clusters = malloc(state->sample_count * sizeof *state->sample_clusters);
    if (state->clusters == NULL || state->sample == NULL || state->sample_clusters == NULL)
        return vg_fail_memory(error, state->sample_count * dims * sizeof *state->sample);
    for (size_t i = 0; i < state->sample_count; i++)
        memcpy(state->sample + i * dims,
               values->rows + i * values->count / state->sample_count * dims,
               dims * sizeof *state->sample);
    return VG_OK;
}

static double silhouette(work *state, int k)
{
    double found = NAN;
    size_t count = state->rows.values.count;
    for (size_t i = 0; i < state->sample_count; i++)
        state->sample_clusters[i] = state->clusters[i * count / state->sample_count];
    if (vg_silhouette(state->sample, state->sample_count, state->rows.values.dims,
                      state->sample_clusters, k, &found, NULL) != VG_OK)
        return NAN;
    return found;
}

/* The number of clusters, of each up to 8 and then of a quarter more each time, whose silhouette is
 * largest; and whether that is the last that was tried. */
static vg_status choose_k(work *state, int *best, bool *is_last, vg_error *error)
{
    enum { MOST = 512 };
    double highest = -INFINITY, start = vg_seconds();
    vg_status status = VG_OK;
    for (int k = 2; (uint64_t)k * 2 <= state->result->rows && k <= MOST; k += k < 8 ? 1 : k / 4) {
        status = part(state, k, 1, error);
        if (status != VG_OK) return status;
        double found = silhouette(state, k);
        vg_notify_log(&state->job->target.observer, VG_LOG_INFO, "%d clusters: silhouette %.4f", k,
                      found);
        vg_notify_progress(&state->job->target.observer, VG_PHASE_FIT, (uint64_t)k, MOST, 0, start);
        *is_last = found > highest;
        if (!*is_last) continue;
        highest = found;
        *best = k;
    }
    if (*best == 0)
        return vg_fail(error, VG_EINVAL,
                       "all rows are alike: no number of clusters is better than another; name one "
                       "with -k");
    return status;
}

/* Of the rows that have a label. */
static vg_status compare(work *state, vg_error *error)
{
    vg_cluster_result *result = state->result;
    size_t count = state->rows.values.count;
    vg_text_codes labels = {0};
    int32_t *numbers = malloc(count * sizeof *numbers);
    int32_t *clusters = malloc(count * sizeof *clusters);
    vg_status status = VG_OK;
    if (numbers == NULL || clusters == NULL)
        status = vg_fail_memory(error, 2 * count * sizeof *numbers);
    if (status == VG_OK) status = vg_text_codes_make(&labels, &state->rows.labels, error);
    for (size_t i = 0; i < count && status == VG_OK; i++) {
        if (!vg_row_has_label(&state->rows, i)) continue;
        numbers[result->labelled] = (int32_t)labels.codes[i];
        clusters[result->labelled++] = state->clusters[i];
    }
    if (status == VG_OK && result->labelled > 0) {
        /* The empty text is the first in byte order. */
        const int empty = result->labelled < count;
        for (size_t i = 0; i < result->labelled; i++) numbers[i] -= empty;
        result->labels = (int)labels.value_count - empty;
        status = vg_agreement_measure(numbers, result->labels, clusters, result->k,
                                      result->labelled, &result->agreement, error);
    }
    result->silhouette = silhouette(state, result->k);
    vg_text_codes_free(&labels);
    free(numbers);
    free(clusters);
    return status;
}

static void warn_of_rise(const work *state)
{
    const vg_cluster_result *result = state->result;
    char labels[64] = "";
    if (result->labels > 0)
        snprintf(labels, sizeof labels, ", such as that of the labels, %d", result->labels);
    vg_notify_log(&state->job->target.observer, VG_LOG_WARNING,
                  "the silhouette still rises at %d clusters, the most that were tried: it does "
                  "not tell how many there are; name a number with -k%s",
                  result->k, labels);
}

static vg_status find_clusters(work *state, vg_error *error)
{
    vg_cluster_result *result = state->result;
    bool rises = false;
    result->k = state->job->k;
    vg_status status = take_sample(state, error);
    if (status == VG_OK && result->k == 0) status = choose_k(state, &result->k, &rises, error);
    if (status == VG_OK) status = part(state, result->k, state->job->restarts, error);
    if (status == VG_OK) status = compare(state, error);
    if (status == VG_OK && rises) warn_of_rise(state);
    return status;
}

/* --- The table --------------------------------------------------------------------------- */

static double distance_of(const work *state, size_t row)
{
    size_t dims = (size_t)state->rows.values.dims;
    const float *values = state->rows.values.rows + row * dims;
    const double *centre = state->centres + (size_t)state->clusters[row] * dims;
    double sum = 0.0;
    for (size_t d = 0; d < dims; d++) {
        double distance = (double)values[d] - centre[d];
        sum += distance * distance;
    }
    return sqrt(sum);
}

static vg_status append_row(void *context, vg_builder *builder, size_t row, vg_error *error)
{
    const work *state = context;
    const char *path = state->rows.paths.items[row].text;
    const char *label = state->rows.labels.items[row].text;
    vg_status status = vg_builder_string(builder, PATH, path, strlen(path), error);
    if (status == VG_OK) status = vg_builder_string(builder, LABEL, label, strlen(label), error);
    if (status == VG_OK) status = vg_builder_int64(builder, CLUSTER, state->clusters[row], error);
    if (status == VG_OK)
        status = vg_builder_float64(builder, DISTANCE, distance_of(state, row), error);
    return status;
}

static vg_status write_table(work *state, vg_error *error)
{
    static const vg_column columns[COLUMNS] = {{"path", VG_COLUMN_STRING},
                                               {"label", VG_COLUMN_STRING},
                                               {"cluster", VG_COLUMN_INT64},
                                               {"distance", VG_COLUMN_FLOAT64}};
    const vg_cluster_job *job = state->job;
    char k[NUMBER_CHARS], seed[NUMBER_CHARS], columns_of_join[JOIN_CHARS], weight[NUMBER_CHARS];
    vg_join_text(&job->join, columns_of_join, sizeof columns_of_join);
    snprintf(weight, sizeof weight, "%g", job->join_weight);
    snprintf(k, sizeof k, "%d", state->result->k);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)job->seed);
    const vg_fact facts[FACTS] = {{"rows_of", state->rows.address},
                                  {"space", vg_space_name(job->space)},
                                  {"k", k},
                                  {"seed", seed},
                                  {"join_columns", columns_of_join},
                                  {"join_weight", weight},
                                  {"verger_version", vg_version()}};
    const vg_derived_rows rows = {.columns = columns,
                                  .column_count = COLUMNS,
                                  .facts = facts,
                                  .fact_count = FACTS,
                                  .count = state->result->rows,
                                  .append = append_row,
                                  .context = state};
    return vg_derived_table_write(&state->table, &rows, error);
}

vg_status vg_cluster_job_run(const vg_cluster_job *job, vg_cluster_result *result, vg_error *error)
{
    double start = vg_seconds();
    work state = {.job = job, .result = result};
    *result = (vg_cluster_result){0};
    vg_status status = prepare(&state, error);
    if (status == VG_OK) status = find_clusters(&state, error);
    if (status == VG_OK) status = write_table(&state, error);
    snprintf(result->timestamp, sizeof result->timestamp, "%s", state.table.timestamp);
    snprintf(result->folder, sizeof result->folder, "%s", state.table.folder);
    close_work(&state);
    result->seconds = vg_seconds() - start;
    return status;
}
