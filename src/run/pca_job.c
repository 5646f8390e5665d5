/* PCA again from features that are written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/observer.h"
#include "io/io.h"
#include "output/feature_table.h"
#include "output/latest.h"
#include "output/layout.h"
#include "output/timestamp.h"
#include "run/job.h"
#include "run/pca_file.h"
#include "run/pca_phase.h"
#include "run/stores.h"

static const vg_table pca_tables[] = {VG_TABLE_PCA, VG_TABLE_MODEL_INFO, VG_TABLE_VARIANCE,
                                      VG_TABLE_PCA_FILE};
enum {
    PCA_TABLES = sizeof pca_tables / sizeof *pca_tables,
    FACTS_OF_FEATURES = 5,
    MAX_FACTS = 2 + FACTS_OF_FEATURES,
    SUMMING_THREADS = 8 /* with more, a block of rows is done before they have started */
};

void vg_pca_options_default(vg_pca_options *options)
{
    *options = (vg_pca_options){.components = 50, .parquet = true, .csv = true};
}

typedef struct pca_run {
    const vg_pca_options *options;
    vg_run_result *result;
    vg_store *input, *output;
    vg_feature_table features;
    char features_address[sizeof((vg_run_result *)0)->features_folder];
    vg_kept_pca given;                  /* that is applied, or {0} */
    vg_moments *moments, *part_moments; /* made at the first row, which gives their size */
    char uuid[VG_UUID_CHARS];           /* of the parts */
    uint64_t skipped;                   /* rows without features */
    vg_fact facts[MAX_FACTS];
    size_t fact_count;
    char *of_features[FACTS_OF_FEATURES]; /* values of facts that the features' file has */
    double start;
} pca_run;

/* What the file of features says of them. */
static const char *const features_facts[FACTS_OF_FEATURES] = {"model", "model_sha256", "kernels",
                                                              "normalize", "dtype"};

static void free_facts(pca_run *state)
{
    for (int i = 0; i < FACTS_OF_FEATURES; i++) free(state->of_features[i]);
}

static vg_status find_facts(pca_run *state, vg_error *error)
{
    vg_reader *reader = NULL;
    vg_fact *facts = state->facts;
    const vg_feature_table *table = &state->features;
    facts[state->fact_count++] = (vg_fact){"features", state->features_address};
    facts[state->fact_count++] = (vg_fact){"verger_version", vg_version()};
    if (table->parts.count == 0) return VG_OK;
    vg_status status =
        vg_reader_open(&reader, table->store, table->parts.items[0].text, table->format, error);
    for (int i = 0; i < FACTS_OF_FEATURES && status == VG_OK; i++) {
        const char *value = vg_reader_fact(reader, features_facts[i]);
        if (value == NULL) continue;
        state->of_features[i] = strdup(value);
        if (state->of_features[i] == NULL) status = vg_fail_memory(error, strlen(value) + 1);
        facts[state->fact_count++] = (vg_fact){features_facts[i], state->of_features[i]};
    }
    vg_reader_close(&reader);
    return status;
}

static void close_pca_run(pca_run *state)
{
    vg_kept_pca_close(&state->given);
    free_facts(state);
    vg_moments_close(&state->moments);
    vg_moments_close(&state->part_moments);
    vg_feature_table_close(&state->features);
    vg_store_close(&state->output);
    vg_store_close(&state->input);
}

/* --- Checks ----------------------------------------------------------------------- */

static vg_status check_options(const vg_pca_options *options, vg_error *error)
{
    if (options->features == NULL || options->output == NULL)
        return vg_fail(error, VG_EINVAL, "a PCA needs a features table and an output");
    if (options->variance_share == 0 &&
        (options->components < 1 || options->components > VG_FEATURE_COUNT))
        return vg_fail(error, VG_EINVAL, "%d components: ask for 1 to %d with -k",
                       options->components, VG_FEATURE_COUNT);
    return vg_check_formats(options->parquet, options->csv, error);
}

static vg_status prepare(pca_run *state, vg_error *error)
{
    const vg_pca_options *options = state->options;
    vg_run_result *result = state->result;
    vg_status status = check_options(options, error);
    if (status == VG_OK && options->apply != NULL)
        status = vg_pca_file_read(&state->given, options->apply, error);
    if (status == VG_OK) status = vg_timestamp_choose(result->timestamp, options->timestamp, error);
    if (status == VG_OK)
        status = vg_stores_open(&state->input, options->features, &state->output, options->output,
                                &options->store, &options->observer, error);
    if (status == VG_OK)
        status = vg_feature_table_find(&state->features, state->input, VG_TABLE_FEATURES,
                                       &options->observer, error);
    if (status == VG_OK) status = vg_feature_table_find_texts(&state->features, error);
    if (status == VG_OK)
        status = vg_layout_free_timestamp(result->timestamp, state->output, pca_tables, PCA_TABLES,
                                          options->timestamp, options->overwrite, error);
    if (status == VG_OK) status = vg_layout_uuid(state->uuid, error);
    if (status == VG_OK) status = vg_layout_check_writable(state->output, error);
    if (status != VG_OK) return status;
    const char *folder = state->features.folder;
    snprintf(state->features_address, sizeof state->features_address, "%s%s%s",
             vg_store_address(state->input), folder[0] != '\0' ? "/" : "", folder);
    memcpy(result->features_folder, state->features_address, sizeof result->features_folder);
    result->threads = vg_usable_cpus();
    return find_facts(state, error);
}

/* --- Moments ------------------------------------------------------------------------ */

static vg_status open_moments(pca_run *state, size_t dims, vg_error *error)
{
    if (dims == 0 || dims > VG_FEATURE_COUNT)
        return vg_fail(error, VG_EFORMAT, "%zu features a row: 1 to %d can be taken", dims,
                       VG_FEATURE_COUNT);
    vg_status status = VG_OK;
    if (state->moments == NULL) status = vg_moments_open(&state->moments, (int)dims, error);
    if (status == VG_OK) status = vg_moments_open(&state->part_moments, (int)dims, error);
    int threads = state->result->threads;
    if (threads > SUMMING_THREADS) threads = SUMMING_THREADS;
    if (status == VG_OK) status = vg_moments_set_threads(state->part_moments, threads, error);
    return status;
}

static bool is_fitted_to(const pca_run *state, const vg_feature_row *row)
{
    const char *split = state->options->choices.fit_on;
    if (split == NULL) return true;
    return strlen(split) == row->split_size && memcmp(split, row->split, row->split_size) == 0;
}

static vg_status add_row(void *context, const vg_feature_row *row, vg_error *error)
{
    pca_run *state = context;
    vg_status status = vg_check_cancel(state->options->cancel, error);
    if (status != VG_OK) return status;
    if (row->values == NULL) {
        state->skipped++;
        return VG_OK;
    }
    if (state->given.pca == NULL && state->part_moments == NULL)
        status = open_moments(state, row->count, error);
    if (status == VG_OK && state->given.pca == NULL &&
        row->count != (size_t)vg_moments_dims(state->moments))
        status = vg_fail(error, VG_EFORMAT, "%zu features where others have %d", row->count,
                         vg_moments_dims(state->moments));
    if (status == VG_OK && state->given.pca == NULL && is_fitted_to(state, row))
        status = vg_moments_add(state->part_moments, 1, row->values, error);
    if (status != VG_OK)
        return vg_fail_prefix(error, status, "%.*s", (int)row->path_size, row->path);
    state->result->extracted++;
    vg_notify_progress(&state->options->observer, VG_PHASE_FIT, state->result->extracted, 0,
                       state->skipped, state->start);
    return VG_OK;
}

/* Part by part and merged in their order, as a run does, so that both come to the
 * same bits. */
static vg_status take_moments(pca_run *state, vg_error *error)
{
    vg_status status = VG_OK;
    for (size_t i = 0; i < state->features.parts.count && status == VG_OK; i++) {
        status = vg_feature_table_read(&state->features, i, add_row, state, error);
        if (status == VG_OK && state->part_moments != NULL)
            status = vg_moments_merge(state->moments, state->part_moments, error);
        vg_moments_close(&state->part_moments);
    }
    if (status != VG_OK) return status;
    vg_run_result *result = state->result;
    result->failed = state->skipped;
    result->selected = result->extracted + result->failed;
    result->parts = state->features.parts.count;
    if (state->skipped > 0)
        vg_notify_log(&state->options->observer, VG_LOG_WARNING,
                      "%llu of %llu rows have no features and are left out",
                      (unsigned long long)state->skipped, (unsigned long long)result->selected);
    return VG_OK;
}

static vg_status check_components(const pca_run *state, vg_error *error)
{
    const vg_pca_options *options = state->options;
    if (state->given.pca != NULL) return VG_OK;
    const char *split = options->choices.fit_on;
    uint64_t rows = state->moments != NULL ? vg_moments_count(state->moments) : 0;
    vg_status status = vg_pca_phase_check(rows, options->components, &options->observer, error);
    if (status != VG_OK && split != NULL)
        return vg_fail(error, status, "%llu of %llu rows are of the split \"%s\": a PCA needs two",
                       (unsigned long long)rows, (unsigned long long)state->result->extracted,
                       split);
    if (status != VG_OK) return vg_fail_prefix(error, status, "%s", state->features_address);
    if (options->components <= vg_moments_dims(state->moments)) return VG_OK;
    return vg_fail(error, VG_EINVAL,
                   "%d components of rows with %d features: ask for fewer with -k",
                   options->components, vg_moments_dims(state->moments));
}

/* --- The work ------------------------------------------------------------------------- */

static vg_status reduce(pca_run *state, vg_error *error)
{
    const vg_pca_options *options = state->options;
    vg_run_result *result = state->result;
    vg_pca_phase task = {.output = state->output,
                         .features = &state->features,
                         .moments = state->moments,
                         .given = state->given.pca != NULL ? &state->given : NULL,
                         .rows = result->extracted,
                         .components = options->components,
                         .variance_share = options->variance_share,
                         .choices = options->choices,
                         .parquet = options->parquet,
                         .csv = options->csv,
                         .timestamp = result->timestamp,
                         .uuid = state->uuid,
                         .facts = state->facts,
                         .fact_count = state->fact_count,
                         .threads = result->threads,
                         .start = state->start,
                         .cancel = options->cancel,
                         .observer = &options->observer};
    return vg_pca_phase_run(&task, result, error);
}

static vg_status fit_and_project(pca_run *state, vg_error *error)
{
    vg_run_result *result = state->result;
    vg_status status = take_moments(state, error);
    if (status == VG_OK) status = check_components(state, error);
    if (status == VG_OK && state->options->overwrite)
        status = vg_layout_delete(state->output, pca_tables, PCA_TABLES, result->timestamp, error);
    if (status != VG_OK) return status;
    vg_layout_address(result->pca_folder, state->output, VG_TABLE_PCA,
                      vg_first_format(state->options->parquet), result->timestamp);
    status = reduce(state, error);
    if (status != VG_OK) return status;
    /* A PCA that was given is not written. */
    return vg_latest_add(state->output, pca_tables, PCA_TABLES - (state->given.pca != NULL),
                         state->options->parquet, state->options->csv, result->timestamp, error);
}

vg_status vg_pca_run(const vg_pca_options *options, vg_run_result *result, vg_error *error)
{
    pca_run state = {.options = options, .result = result, .start = vg_seconds()};
    *result = (vg_run_result){.components = options->components};
    vg_status status = prepare(&state, error);
    if (status == VG_OK) status = fit_and_project(&state, error);
    close_pca_run(&state);
    result->seconds = vg_seconds() - state.start;
    return status;
}
