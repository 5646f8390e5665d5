#include "classify/classify_job.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/new_file.h"
#include "classify/classifier_file.h"
#include "classify/classify_rows.h"
#include "classify/classify_tables.h"
#include "classify/novelty_trial.h"
#include "classify/trial.h"

static const vg_table evaluation_tables[] = {VG_TABLE_EVALUATION, VG_TABLE_CONFUSION,
                                             VG_TABLE_PREDICTIONS};
static const vg_table prediction_tables[] = {VG_TABLE_PREDICTIONS};

void vg_classify_job_default(vg_classify_job *job)
{
    *job = (vg_classify_job){.target = vg_target_default(),
                             .folds = 5,
                             .methods = {true, true, true},
                             .c = 1.0,
                             .join_weight = 1.0,
                             .shrinkage = -1.0,
                             .k = 10};
}

enum { JOIN_CHARS = 1024, NUMBER_CHARS = 32 }; /* of facts */

typedef struct work {
    const vg_classify_job *job;
    vg_classify_result *result;
    vg_classify_rows rows;
    vg_trial trial;
    vg_verdict verdicts[VG_CLASSIFY_LINES];
    vg_prediction *predictions[VG_CLASSIFY_LINES];
    vg_scored scored[VG_CLASSIFY_LINES];
    size_t verdict_count;
    double *distances; /* of rows that are predicted, from the classes; or NULL */
} work;

static void close_work(work *state)
{
    for (size_t i = 0; i < VG_CLASSIFY_LINES; i++) {
        free(state->predictions[i]);
        vg_scored_close(&state->scored[i]);
    }
    free(state->distances);
    vg_trial_close(&state->trial);
    vg_classify_rows_close(&state->rows);
}

static vg_status open_trial(work *state, vg_error *error)
{
    const vg_classify_job *job = state->job;
    vg_classify_result *result = state->result;
    const vg_trial_options options = {
        .c = job->c, .shrinkage = job->shrinkage, .k = job->k, .observer = &job->target.observer};
    /* Its threads would wait for one another by spinning, beside ours. */
    openblas_set_num_threads(1);
    vg_status status = vg_classify_rows_prepare(&state->rows, job, error);
    if (status == VG_OK)
        status = vg_trial_open(&state->trial, &state->rows.learning, &state->rows.folds,
                               state->rows.train, state->rows.train_count, &options, error);
    result->rows = state->rows.learning.count;
    result->trained = state->rows.train_count;
    result->tested = state->rows.test_count;
    result->classes = state->rows.learning.classes;
    result->folds = state->rows.folds.count;
    result->groups = state->rows.folds.groups;
    if (status == VG_OK && result->groups > 0 && result->folds < job->folds)
        vg_notify_log(&job->target.observer, VG_LOG_INFO,
                      "there are %d groups: each is a fold, instead of %d folds", result->folds,
                      job->folds);
    return status;
}

/* --- Figures ------------------------------------------------------------------------------- */

/* Names of the classes that were left out, as many as fit. */
static void name_left_out(vg_classify_line *line, const work *state, const vg_scored *scored)
{
    int classes = state->rows.learning.classes;
    unsigned char *seen = calloc((size_t)classes, 1);
    for (size_t i = 0; i < scored->count; i++) {
        int32_t label = state->rows.learning.labels[scored->picks[i]];
        if (scored->labels[i] >= 0) continue;
        line->left_out++;
        if (seen != NULL && label >= 0) seen[label] = 1;
    }
    size_t used = 0;
    for (int c = 0; seen != NULL && c < classes; c++) {
        if (!seen[c]) continue;
        const char *name = state->rows.classes.names.items[c].text;
        bool fits = used + strlen(name) + 8 < sizeof line->left_names;
        if (fits)
            used += (size_t)snprintf(line->left_names + used, sizeof line->left_names - used,
                                     "%s%s", line->left_classes > 0 ? ", " : "", name);
        else if (used > 0 && line->left_names[used - 1] != '.')
            used +=
                (size_t)snprintf(line->left_names + used, sizeof line->left_names - used, ", ...");
        line->left_classes++;
    }
    free(seen);
}

/* Predictions of scored rows, and their figures. */
static vg_status judge(work *state, vg_scored *scored, double temperature, const char *method,
                       const char *split, vg_error *error)
{
    int classes = state->rows.learning.classes;
    vg_classify_line *line = &state->result->lines[state->result->line_count++];
    vg_prediction *predictions = malloc((scored->count + 1) * sizeof *predictions);
    double *probabilities = malloc((size_t)classes * sizeof *probabilities);
    vg_tally tally = {0};
    state->predictions[state->verdict_count] = predictions;
    if (predictions == NULL || probabilities == NULL) {
        free(probabilities);
        return vg_fail_memory(error, scored->count * sizeof *predictions);
    }
    for (size_t i = 0; i < scored->count; i++) {
        vg_probabilities(scored->scores + i * (size_t)classes, classes, temperature, probabilities);
        vg_take_top(probabilities, classes, &predictions[i]);
        if (scored->labels[i] >= 0)
            vg_tally_add(&tally, probabilities, classes, &predictions[i], scored->labels[i]);
    }
    free(probabilities);
    *line = (vg_classify_line){.method = method,
                               .split = split,
                               .figures = vg_tally_figures(&tally),
                               .temperature = temperature,
                               .c = scored->c,
                               .shrinkage = scored->shrinkage,
                               .has_probabilities = true};
    name_left_out(line, state, scored);
    state->verdicts[state->verdict_count++] = (vg_verdict){.method = method,
                                                           .split = split,
                                                           .picks = scored->picks,
                                                           .count = scored->count,
                                                           .predictions = predictions,
                                                           .labels = scored->labels};
    return VG_OK;
}

/* The nearest row alone, beside the votes: an accuracy and no more. */
static void judge_firsts(work *state, const vg_scored *scored, const char *split)
{
    const vg_classify_line *votes = &state->result->lines[state->result->line_count - 1];
    vg_classify_line *line = &state->result->lines[state->result->line_count++];
    *line = (vg_classify_line){.method = "1-nn", .split = split, .left_out = votes->left_out};
    for (size_t i = 0; i < scored->count; i++) {
        if (scored->labels[i] < 0) continue;
        line->figures.images++;
        line->figures.correct += scored->firsts[i] == scored->labels[i];
    }
    if (line->figures.images > 0)
        line->figures.accuracy = (double)line->figures.correct / (double)line->figures.images;
}

static vg_status judge_method(work *state, vg_scored *scored, double temperature, vg_method method,
                              const char *split, vg_error *error)
{
    vg_status status = judge(state, scored, temperature, vg_method_name(method), split, error);
    if (status == VG_OK && method == VG_METHOD_KNN) judge_firsts(state, scored, split);
    return status;
}

static const char *fold_split(const work *state)
{
    return state->rows.folds.groups > 0 ? "groups" : "folds";
}

/* --- Evaluation ------------------------------------------------------------------------------ */

static vg_status evaluate(work *state, vg_method method, vg_error *error)
{
    const vg_classify_job *job = state->job;
    double temperature = 1.0, c = job->c > 0.0 ? job->c : 1.0;
    vg_status status = VG_OK;
    if (state->rows.folds.count > 0) {
        vg_scored *scored = &state->scored[state->verdict_count];
        status = vg_trial_run_folds(&state->trial, method, scored, error);
        if (status != VG_OK) return status;
        c = scored->c;
        temperature = method == VG_METHOD_KNN ? 1.0 : scored->temperature;
        status = judge_method(state, scored, temperature, method, fold_split(state), error);
    }
    if (status == VG_OK && state->rows.test_count > 0) {
        vg_scored *scored = &state->scored[state->verdict_count];
        status = vg_trial_run_test(&state->trial, method, c, state->rows.test,
                                   state->rows.test_count, scored, error);
        if (status == VG_OK)
            status = judge_method(state, scored, temperature, method, "test", error);
    }
    return status;
}

/* --- Tables ---------------------------------------------------------------------------------- */

typedef struct destination {
    vg_store *store;
    char uuid[VG_UUID_CHARS];
} destination;

static vg_status open_destination(destination *to, const vg_classify_job *job,
                                  vg_classify_result *result, const vg_table *tables, size_t count,
                                  vg_error *error)
{
    vg_status status = vg_check_formats(job->target.parquet, job->target.csv, error);
    if (status == VG_OK)
        status = vg_timestamp_choose(result->timestamp, job->target.timestamp, error);
    if (status == VG_OK)
        status = vg_store_open(&to->store, job->target.output, &job->target.store, error);
    if (status == VG_OK)
        status = vg_layout_free_timestamp(result->timestamp, to->store, tables, count,
                                          job->target.timestamp, job->target.overwrite, error);
    if (status == VG_OK) status = vg_layout_uuid(to->uuid, error);
    return status;
}

static void name_folder(const vg_classify_job *job, vg_classify_result *result, vg_table table,
                        const vg_store *store)
{
    vg_layout_address(result->folder, store, table, vg_first_format(job->target.parquet),
                      result->timestamp);
}

static vg_classify_tables describe(const work *state, const destination *to, const vg_fact *facts,
                                   size_t fact_count)
{
    const vg_classify_job *job = state->job;
    return (vg_classify_tables){.target = &job->target,
                                .output = to->store,
                                .timestamp = state->result->timestamp,
                                .uuid = to->uuid,
                                .facts = facts,
                                .fact_count = fact_count,
                                .paths = &state->rows.table.paths,
                                .row_labels = &state->rows.table.labels,
                                .names = &state->rows.classes.names,
                                .labels = state->rows.classes.labels};
}

static vg_status write_evaluation(const work *state, const destination *to, vg_error *error)
{
    const vg_classify_job *job = state->job;
    char columns[JOIN_CHARS], weight[NUMBER_CHARS];
    vg_join_text(&job->join, columns, sizeof columns);
    snprintf(weight, sizeof weight, "%g", job->join_weight);
    const vg_fact facts[] = {{"rows_of", state->rows.table.address},
                             {"join_columns", columns},
                             {"join_weight", weight},
                             {"test", job->test != NULL ? job->test : ""},
                             {"group", job->group != NULL ? job->group : ""},
                             {"verger_version", vg_version()}};
    const vg_classify_tables tables = describe(state, to, facts, sizeof facts / sizeof *facts);
    vg_status status = VG_OK;
    if (job->target.overwrite)
        status = vg_layout_delete(to->store, evaluation_tables,
                                  sizeof evaluation_tables / sizeof *evaluation_tables,
                                  state->result->timestamp, error);
    if (status == VG_OK)
        status = vg_write_predictions(&tables, state->verdicts, state->verdict_count, error);
    if (status == VG_OK)
        status = vg_write_confusion(&tables, state->verdicts, state->verdict_count, error);
    if (status == VG_OK)
        status = vg_write_evaluation(&tables, state->verdicts, state->verdict_count, error);
    return status;
}

vg_status vg_classify_evaluate(const vg_classify_job *job, vg_classify_result *result,
                               vg_error *error)
{
    double start = vg_seconds();
    work state = {.job = job, .result = result};
    destination to = {0};
    *result = (vg_classify_result){0};
    vg_status status =
        open_destination(&to, job, result, evaluation_tables,
                         sizeof evaluation_tables / sizeof *evaluation_tables, error);
    if (status == VG_OK && job->folds == 0 && job->test == NULL)
        status = vg_fail(error, VG_EINVAL,
                         "nothing is set apart to be tested on: give --test, or --folds");
    if (status == VG_OK) status = vg_classify_rows_open(&state.rows, job, true, error);
    if (status == VG_OK) status = vg_layout_check_writable(to.store, error);
    if (status == VG_OK) status = open_trial(&state, error);
    for (int m = 0; m < VG_METHODS && status == VG_OK; m++)
        if (job->methods[m]) status = evaluate(&state, (vg_method)m, error);
    result->fit_seconds = vg_seconds() - start;
    if (status == VG_OK) status = write_evaluation(&state, &to, error);
    if (status == VG_OK) name_folder(job, result, VG_TABLE_EVALUATION, to.store);
    close_work(&state);
    vg_store_close(&to.store);
    result->seconds = vg_seconds() - start;
    return status;
}

/* --- Training --------------------------------------------------------------------------------- */

static vg_status train(work *state, vg_method method, vg_classifier *classifier, vg_error *error)
{
    const vg_classify_job *job = state->job;
    double temperature = 1.0, c = job->c > 0.0 ? job->c : 1.0, start = vg_seconds();
    vg_status status = VG_OK;
    if (state->rows.folds.count > 0) {
        vg_scored *scored = &state->scored[0];
        status = vg_trial_run_folds(&state->trial, method, scored, error);
        if (status == VG_OK)
            status = judge(state, scored, scored->temperature, vg_method_name(method),
                           fold_split(state), error);
        c = scored->c;
        temperature = scored->temperature;
    }
    if (status == VG_OK)
        status = vg_linear_model_open(&classifier->model, state->rows.learning.dims,
                                      state->rows.learning.classes, error);
    if (status == VG_OK) status = vg_trial_fit(&state->trial, method, c, &classifier->model, error);
    classifier->model.temperature = temperature;
    if (status == VG_OK) status = vg_novelty_of_trial(&classifier->novelty, &state->trial, error);
    state->result->fit = classifier->model.fit;
    state->result->fit_seconds = vg_seconds() - start;
    return status;
}

static vg_status write_classifier(work *state, vg_method method, vg_classifier *classifier,
                                  vg_error *error)
{
    const vg_paths *names = &state->rows.classes.names;
    vg_status status = VG_OK;
    for (size_t c = 0; c < names->count && status == VG_OK; c++)
        status = vg_paths_add(&classifier->labels, names->items[c].text,
                              strlen(names->items[c].text), error);
    snprintf(classifier->features_model, sizeof classifier->features_model, "%s",
             state->rows.origin.model);
    if (state->job->is_pca)
        snprintf(classifier->components, sizeof classifier->components, "%s",
                 state->rows.origin.components);
    classifier->form = state->rows.form;
    classifier->sensors = state->rows.sensors; /* handed over */
    state->rows.sensors = (vg_sensor_columns){0};
    snprintf(classifier->space, sizeof classifier->space, "%s",
             state->job->is_pca ? "pca" : "features");
    snprintf(classifier->method, sizeof classifier->method, "%s", vg_method_name(method));
    if (status == VG_OK)
        status = vg_classifier_write(classifier, state->job->file, state->rows.train_count, error);
    return status;
}

/* Before any work: that the file can be written, and is not there. */
static vg_status check_file(const vg_classify_job *job, vg_error *error)
{
    struct stat facts;
    if (!job->target.overwrite && stat(job->file, &facts) == 0)
        return vg_fail(error, VG_EEXIST, "%s is there already: --overwrite replaces it", job->file);
    return vg_new_file_try(job->file, error);
}

vg_status vg_classify_train(const vg_classify_job *job, vg_classify_result *result, vg_error *error)
{
    double start = vg_seconds();
    work state = {.job = job, .result = result};
    vg_classifier classifier = {0};
    vg_method method = job->methods[VG_METHOD_LOGISTIC] ? VG_METHOD_LOGISTIC : VG_METHOD_LDA;
    *result = (vg_classify_result){0};
    vg_status status = VG_OK;
    if (job->c == 0.0 && job->folds == 0)
        status = vg_fail(error, VG_EINVAL, "C is chosen in folds: give --folds, or a number as C");
    if (status == VG_OK) status = check_file(job, error);
    if (status == VG_OK) status = vg_classify_rows_open(&state.rows, job, true, error);
    if (status == VG_OK) status = open_trial(&state, error);
    if (status == VG_OK) status = train(&state, method, &classifier, error);
    if (status == VG_OK) status = write_classifier(&state, method, &classifier, error);
    if (status == VG_OK) snprintf(result->folder, sizeof result->folder, "%s", job->file);
    vg_classifier_close(&classifier);
    close_work(&state);
    result->seconds = vg_seconds() - start;
    return status;
}

/* --- Prediction ---------------------------------------------------------------------------------
 */

/* Where both are known. */
static bool are_others(const char *name, const char *wanted)
{
    return name[0] != '\0' && wanted[0] != '\0' && strcmp(name, wanted) != 0;
}

/* Rows of the network, and of the kind, that the classifier was trained on. */
static vg_status check_rows(const vg_classifier *classifier, const work *state, vg_error *error)
{
    const vg_classify_rows *rows = &state->rows;
    const char *file = state->job->file;
    if (classifier->model.dims != rows->learning.dims)
        return vg_fail(error, VG_EINVAL, "%s has %d numbers a row, the classifier %s is of %d",
                       rows->table.address, rows->learning.dims, file, classifier->model.dims);
    if (rows->form.normalize != classifier->form.normalize)
        return vg_fail(error, VG_EINVAL,
                       "%s has features %s --normalize, the classifier %s is of features %s it",
                       rows->table.address, rows->form.normalize ? "of" : "without", file,
                       classifier->form.normalize ? "of" : "without");
    if (are_others(rows->origin.components, classifier->components))
        return vg_fail(error, VG_EINVAL,
                       "%s has components of another PCA than the classifier %s was trained on: "
                       "project with \"verger pca --apply\" and the pca.safetensors of that",
                       rows->table.address, file);
    if (!are_others(rows->origin.model, classifier->features_model)) return VG_OK;
    return vg_fail(error, VG_EINVAL,
                   "%s has features of the weights %.12s, the classifier %s is of %.12s: another "
                   "network",
                   rows->table.address, rows->origin.model, file, classifier->features_model);
}

/* A classifier that knows columns needs a table of them, and another has no use for one. */
static vg_status check_join(const vg_classifier *classifier, const vg_classify_job *job,
                            vg_error *error)
{
    size_t count = classifier->sensors.count;
    if (count > 0 && job->join.file == NULL)
        return vg_fail(error, VG_EINVAL,
                       "%s was trained with columns of another table, %s%s: give one that has them "
                       "with --join",
                       job->file, classifier->sensors.items[0].name, count > 1 ? ", ..." : "");
    if (count == 0 && job->join.file != NULL)
        return vg_fail(error, VG_EINVAL,
                       "%s was trained on features alone: leave --join out, or train with it",
                       job->file);
    return VG_OK;
}

/* The columns that the classifier was trained with, as they were scaled then. */
static vg_status join_known(work *state, const vg_classifier *classifier, vg_error *error)
{
    const vg_sensor_columns *sensors = &classifier->sensors;
    vg_join join = state->job->join;
    if (sensors->count == 0) return VG_OK;
    const char **names = malloc(sensors->count * sizeof *names);
    if (names == NULL) return vg_fail_memory(error, sensors->count * sizeof *names);
    for (size_t c = 0; c < sensors->count; c++) names[c] = sensors->items[c].name;
    join.columns = (vg_texts){.items = names, .count = sensors->count};
    vg_status status =
        vg_join_to_rows(&state->rows.table, &join, &state->job->target.observer, error);
    if (status == VG_OK)
        status = vg_sensor_columns_widen(sensors, &state->rows.table, &state->job->target.observer,
                                         error);
    vg_classify_rows_take_values(&state->rows);
    free(names);
    return status;
}

static vg_status predict(work *state, const vg_classifier *classifier, vg_error *error)
{
    vg_classify_rows *rows = &state->rows;
    size_t count = rows->learning.count, classes = (size_t)classifier->model.classes;
    vg_scored *scored = &state->scored[0];
    vg_status status = check_rows(classifier, state, error);
    if (status != VG_OK) return status;
    /* From here on classes are the classifier's. */
    rows->learning.classes = classifier->model.classes;
    free(rows->classes.labels);
    status = vg_class_names_match(&rows->classes.labels, &classifier->labels, &rows->table.labels,
                                  error);
    rows->learning.labels = rows->classes.labels;
    scored->count = count;
    scored->picks = malloc(count * sizeof *scored->picks);
    scored->labels = malloc(count * sizeof *scored->labels);
    scored->scores = vg_alloc_aligned(count * classes, sizeof *scored->scores);
    if (status == VG_OK &&
        (scored->picks == NULL || scored->labels == NULL || scored->scores == NULL))
        status = vg_fail_memory(error, count * classes * sizeof *scored->scores);
    if (status != VG_OK) return status;
    for (size_t i = 0; i < count; i++) scored->picks[i] = i;
    memcpy(scored->labels, rows->classes.labels, count * sizeof *scored->labels);
    return vg_linear_model_scores(&classifier->model, &rows->learning, scored->picks, count,
                                  scored->scores, error);
}

/* How far the rows are from the classes, where the classifier knows. */
static vg_status measure(work *state, const vg_classifier *classifier, vg_error *error)
{
    const vg_scored *scored = &state->scored[0];
    const vg_novelty *novelty = &classifier->novelty;
    vg_verdict *verdict = &state->verdicts[0];
    if (novelty->classes == 0) return VG_OK;
    state->distances = malloc((scored->count + 1) * sizeof *state->distances);
    if (state->distances == NULL)
        return vg_fail_memory(error, scored->count * sizeof *state->distances);
    vg_status status = vg_novelty_distances(novelty, &state->rows.learning, classifier->model.mean,
                                            scored->picks, scored->count, state->distances, error);
    if (status != VG_OK) return status;
    verdict->distances = state->distances;
    verdict->unknown_above = novelty->limit;
    state->result->knows_unknown = true;
    for (size_t i = 0; i < scored->count; i++)
        state->result->unknown += vg_is_unknown(state->distances[i], novelty->limit);
    return VG_OK;
}

static vg_status write_predictions(work *state, const destination *to,
                                   const vg_classifier *classifier, vg_error *error)
{
    char unknown_above[NUMBER_CHARS];
    snprintf(unknown_above, sizeof unknown_above, "%.17g", classifier->novelty.limit);
    const vg_fact facts[] = {{"rows_of", state->rows.table.address},
                             {"classifier", state->job->file},
                             {"verger_version", vg_version()},
                             {"unknown_above", unknown_above}};
    size_t fact_count = sizeof facts / sizeof *facts - (classifier->novelty.classes > 0 ? 0 : 1);
    vg_classify_tables tables = describe(state, to, facts, fact_count);
    tables.names = &classifier->labels;
    vg_status status = VG_OK;
    if (state->job->target.overwrite)
        status = vg_layout_delete(to->store, prediction_tables, 1, state->result->timestamp, error);
    if (status == VG_OK) status = vg_write_predictions(&tables, state->verdicts, 1, error);
    return status;
}

vg_status vg_classify_predict(const vg_classify_job *job, vg_classify_result *result,
                              vg_error *error)
{
    double start = vg_seconds();
    work state = {.job = job, .result = result};
    vg_classifier classifier = {0};
    destination to = {0};
    *result = (vg_classify_result){0};
    vg_status status = vg_classifier_read(&classifier, job->file, error);
    vg_classify_job own = *job;
    own.is_pca = strcmp(classifier.space, "pca") == 0;
    if (status == VG_OK) status = check_join(&classifier, job, error);
    if (status == VG_OK) status = open_destination(&to, job, result, prediction_tables, 1, error);
    if (status == VG_OK) status = vg_classify_rows_open(&state.rows, &own, false, error);
    if (status == VG_OK) status = join_known(&state, &classifier, error);
    if (status == VG_OK) status = vg_layout_check_writable(to.store, error);
    result->rows = state.rows.learning.count;
    if (status == VG_OK) status = predict(&state, &classifier, error);
    result->classes = classifier.model.classes;
    if (status == VG_OK)
        status = judge(&state, &state.scored[0], classifier.model.temperature, classifier.method,
                       "all", error);
    if (status == VG_OK) status = measure(&state, &classifier, error);
    if (status == VG_OK) status = write_predictions(&state, &to, &classifier, error);
    if (status == VG_OK) name_folder(job, result, VG_TABLE_PREDICTIONS, to.store);
    close_work(&state);
    vg_classifier_close(&classifier);
    vg_store_close(&to.store);
    result->seconds = vg_seconds() - start;
    return status;
}
