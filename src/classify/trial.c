#include "classify/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/elementary.h"
#include "base/error.h"
#include "base/memory.h"
#include "classify/neighbour_votes.h"
#include "classify/predictions.h"

/* Each begins where the one before it ended. */
static const double cs[] = {0.01, 0.1, 1.0, 10.0, 100.0};
enum { CS = sizeof cs / sizeof *cs };

/* Picks of a trial, by their folds: those of `fold`, or all others. */
typedef struct side {
    size_t *picks, *places; /* [count]; places among the trial's picks */
    size_t count;
} side;

static void close_side(side *one)
{
    free(one->picks);
    free(one->places);
}

static vg_status open_side(side *one, const vg_trial *trial, int fold, bool is_inside,
                           vg_error *error)
{
    *one = (side){.picks = malloc((trial->count + 1) * sizeof(size_t)),
                  .places = malloc((trial->count + 1) * sizeof(size_t))};
    if (one->picks == NULL || one->places == NULL) {
        close_side(one);
        *one = (side){0};
        return vg_fail_memory(error, trial->count * sizeof(size_t));
    }
    for (size_t i = 0; i < trial->count; i++) {
        size_t row = trial->picks[i];
        bool is_of_fold = trial->folds->count > 0 && trial->folds->of_row[row] == fold;
        if (is_of_fold != is_inside) continue;
        one->picks[one->count] = row;
        one->places[one->count++] = i;
    }
    return VG_OK;
}

/* --- Open and close ------------------------------------------------------------------- */

static vg_status add_moments(vg_trial *trial, int index, vg_error *error)
{
    side of_fold = {0};
    vg_status status = open_side(&of_fold, trial, index, trial->folds->count > 0, error);
    if (status == VG_OK)
        status = vg_learning_moments(trial->learning, of_fold.picks, of_fold.count,
                                     &trial->moments[index], error);
    close_side(&of_fold);
    return status;
}

vg_status vg_trial_open(vg_trial *trial, const vg_learning *learning, const vg_folds *folds,
                        const size_t *picks, size_t count, const vg_trial_options *options,
                        vg_error *error)
{
    *trial = (vg_trial){.learning = learning,
                        .folds = folds,
                        .picks = picks,
                        .count = count,
                        .options = *options,
                        .moments_count = folds->count > 0 ? folds->count : 1};
    trial->moments = calloc((size_t)trial->moments_count, sizeof(vg_class_moments *));
    if (trial->moments == NULL) return vg_fail_memory(error, sizeof(vg_class_moments *));
    vg_status status = VG_OK;
    for (int i = 0; i < trial->moments_count && status == VG_OK; i++)
        status = add_moments(trial, i, error);
    if (status != VG_OK) vg_trial_close(trial);
    return status;
}

void vg_trial_close(vg_trial *trial)
{
    for (int i = 0; trial->moments != NULL && i < trial->moments_count; i++)
        vg_class_moments_close(&trial->moments[i]);
    free(trial->moments);
    *trial = (vg_trial){0};
}

vg_status vg_trial_moments(const vg_trial *trial, int without, vg_class_moments **moments,
                           vg_error *error)
{
    const vg_learning *learning = trial->learning;
    vg_status status = vg_class_moments_open(moments, learning->dims, learning->classes, error);
    for (int i = 0; i < trial->moments_count && status == VG_OK; i++)
        if (i != without) status = vg_class_moments_merge(*moments, trial->moments[i], error);
    return status;
}

/* --- Scores ------------------------------------------------------------------------------ */

static vg_status open_scored(vg_scored *scored, const size_t *picks, size_t n, int classes,
                             vg_method method, vg_error *error)
{
    size_t rows = n > 0 ? n : 1;
    *scored = (vg_scored){.count = n, .temperature = 1.0};
    scored->picks = malloc(rows * sizeof *scored->picks);
    scored->labels = malloc(rows * sizeof *scored->labels);
    scored->scores = vg_alloc_aligned(rows * (size_t)classes, sizeof *scored->scores);
    if (method == VG_METHOD_KNN) scored->firsts = malloc(rows * sizeof *scored->firsts);
    if (scored->picks == NULL || scored->labels == NULL || scored->scores == NULL ||
        (method == VG_METHOD_KNN && scored->firsts == NULL)) {
        vg_scored_close(scored);
        return vg_fail_memory(error, rows * (size_t)classes * sizeof(float));
    }
    if (n > 0) memcpy(scored->picks, picks, n * sizeof *picks);
    return VG_OK;
}

void vg_scored_close(vg_scored *scored)
{
    free(scored->picks);
    free(scored->scores);
    free(scored->labels);
    free(scored->firsts);
    *scored = (vg_scored){0};
}

/* A table of `classes` scores a row, and what else is said of rows. */
typedef struct outcome {
    float *scores;   /* [n][classes] */
    int32_t *firsts; /* [n], or NULL */
} outcome;

static vg_status vote(const vg_trial *trial, const side *train, const size_t *picks, size_t n,
                      const outcome *to, vg_error *error)
{
    const vg_learning *learning = trial->learning;
    unsigned char *allowed = calloc(learning->count, 1);
    if (allowed == NULL) return vg_fail_memory(error, learning->count);
    for (size_t i = 0; i < train->count; i++) allowed[train->picks[i]] = 1;
    vg_status status = vg_neighbour_votes(learning, allowed, trial->options.k, picks, n, to->scores,
                                          to->firsts, error);
    /* As scores, of which probabilities are made. */
    for (size_t i = 0; i < n * (size_t)learning->classes && status == VG_OK; i++)
        to->scores[i] =
            to->scores[i] > 0.0F ? (float)vg_logarithm((double)to->scores[i]) : -INFINITY;
    free(allowed);
    return status;
}

typedef struct attempt {
    const vg_trial *trial;
    vg_method method;
    const side *train;
    const vg_class_moments *moments; /* of `train` */
    vg_linear_model *model;          /* open, unless the method is KNN */
    double c;
} attempt;

static vg_status fit(const attempt *one, vg_error *error)
{
    const vg_linear_options options = {
        .method = one->method, .c = one->c, .shrinkage = one->trial->options.shrinkage};
    vg_status status = vg_check_cancel(one->trial->learning->cancel, error);
    if (status == VG_OK)
        status = vg_linear_model_fit(one->model, one->trial->learning, one->train->picks,
                                     one->train->count, one->moments, &options, error);
    if (status == VG_OK && one->method == VG_METHOD_LOGISTIC && !one->model->fit.is_converged)
        vg_notify_log(
            one->trial->options.observer, VG_LOG_WARNING,
            "the logistic fit with C %g stopped after %d steps at a slope of %.1e, not yet at "
            "its end: a smaller --c ends sooner",
            one->c, one->model->fit.iterations, one->model->fit.gradient);
    return status;
}

/* Trains, then scores the rows picks [n]. */
static vg_status try_on(const attempt *one, const size_t *picks, size_t n, const outcome *to,
                        vg_error *error)
{
    if (one->method == VG_METHOD_KNN) return vote(one->trial, one->train, picks, n, to, error);
    vg_status status = fit(one, error);
    if (status == VG_OK)
        status =
            vg_linear_model_scores(one->model, one->trial->learning, picks, n, to->scores, error);
    return status;
}

static void take_labels(const vg_learning *learning, const vg_class_moments *moments,
                        const size_t *picks, size_t n, int32_t *labels)
{
    for (size_t i = 0; i < n; i++) {
        int32_t label = learning->labels[picks[i]];
        labels[i] = vg_class_moments_count(moments, label) > 0 ? label : -1;
    }
}

/* --- Folds ----------------------------------------------------------------------------------- */

/* One fold's part of `scored`, by all others. */
static vg_status try_fold(const vg_trial *trial, vg_method method, double c, int fold,
                          vg_linear_model *model, vg_scored *scored, vg_error *error)
{
    const vg_learning *learning = trial->learning;
    size_t classes = (size_t)learning->classes;
    side train = {0}, held = {0};
    vg_class_moments *moments = NULL;
    outcome to = {0};
    vg_status status = open_side(&train, trial, fold, false, error);
    if (status == VG_OK) status = open_side(&held, trial, fold, true, error);
    if (status == VG_OK) status = vg_trial_moments(trial, fold, &moments, error);
    to.scores = vg_alloc_aligned((held.count + 1) * classes, sizeof(float));
    to.firsts = malloc((held.count + 1) * sizeof *to.firsts);
    int32_t *labels = malloc((held.count + 1) * sizeof *labels);
    if (status == VG_OK && (to.scores == NULL || to.firsts == NULL || labels == NULL))
        status = vg_fail_memory(error, held.count * classes * sizeof(float));
    const attempt one = {trial, method, &train, moments, model, c};
    if (status == VG_OK) status = try_on(&one, held.picks, held.count, &to, error);
    if (status == VG_OK) take_labels(learning, moments, held.picks, held.count, labels);
    for (size_t i = 0; i < held.count && status == VG_OK; i++) {
        size_t place = held.places[i];
        memcpy(scored->scores + place * classes, to.scores + i * classes, classes * sizeof(float));
        scored->labels[place] = labels[i];
        if (scored->firsts != NULL) scored->firsts[place] = to.firsts[i];
    }
    if (model != NULL) scored->shrinkage = model->shrinkage;
    free(to.scores);
    free(to.firsts);
    free(labels);
    close_side(&train);
    close_side(&held);
    vg_class_moments_close(&moments);
    return status;
}

/* The mean loss under the temperature that fits best. */
static double calibrate(const vg_trial *trial, vg_scored *scored)
{
    int classes = trial->learning->classes;
    vg_tally tally = {0};
    vg_prediction prediction;
    double *probabilities = malloc((size_t)classes * sizeof *probabilities);
    if (probabilities == NULL) return INFINITY;
    scored->temperature =
        vg_fit_temperature(scored->scores, scored->count, classes, scored->labels);
    for (size_t i = 0; i < scored->count; i++) {
        if (scored->labels[i] < 0) continue;
        vg_probabilities(scored->scores + i * (size_t)classes, classes, scored->temperature,
                         probabilities);
        vg_take_top(probabilities, classes, &prediction);
        vg_tally_add(&tally, probabilities, classes, &prediction, scored->labels[i]);
    }
    free(probabilities);
    return vg_tally_figures(&tally).log_loss;
}

static vg_status try_c(const vg_trial *trial, vg_method method, double c, vg_linear_model *models,
                       vg_scored *scored, vg_error *error)
{
    vg_status status =
        open_scored(scored, trial->picks, trial->count, trial->learning->classes, method, error);
    scored->c = c;
    double start = vg_seconds();
    for (int fold = 0; fold < trial->folds->count && status == VG_OK; fold++) {
        status =
            try_fold(trial, method, c, fold, models != NULL ? &models[fold] : NULL, scored, error);
        vg_notify_progress(trial->options.observer, VG_PHASE_FIT, (uint64_t)fold + 1,
                           (uint64_t)trial->folds->count, 0, start);
    }
    return status;
}

/* The c with the least loss in the folds. */
static vg_status choose_c(const vg_trial *trial, vg_linear_model *models, vg_scored *best,
                          vg_error *error)
{
    double least = INFINITY;
    vg_status status = VG_OK;
    for (size_t i = 0; i < CS && status == VG_OK; i++) {
        vg_scored scored = {0};
        status = try_c(trial, VG_METHOD_LOGISTIC, cs[i], models, &scored, error);
        double loss = status == VG_OK ? calibrate(trial, &scored) : INFINITY;
        if (status == VG_OK && (i == 0 || loss < least)) {
            vg_scored_close(best);
            *best = scored;
            least = loss;
        } else {
            vg_scored_close(&scored);
        }
        if (status == VG_OK)
            vg_notify_log(trial->options.observer, VG_LOG_INFO, "C %g: log loss %.4f in the folds",
                          cs[i], loss);
    }
    return status;
}

vg_status vg_trial_run_folds(const vg_trial *trial, vg_method method, vg_scored *scored,
                             vg_error *error)
{
    const vg_learning *learning = trial->learning;
    size_t folds = (size_t)trial->folds->count;
    vg_status status = VG_OK;
    if (method == VG_METHOD_KNN) return try_c(trial, method, 0.0, NULL, scored, error);
    vg_linear_model *models = calloc(folds, sizeof *models);
    if (models == NULL) return vg_fail_memory(error, folds * sizeof *models);
    for (size_t i = 0; i < folds && status == VG_OK; i++)
        status = vg_linear_model_open(&models[i], learning->dims, learning->classes, error);
    if (status == VG_OK && method == VG_METHOD_LOGISTIC && trial->options.c == 0.0) {
        status = choose_c(trial, models, scored, error);
    } else if (status == VG_OK) {
        status = try_c(trial, method, trial->options.c, models, scored, error);
        if (status == VG_OK) calibrate(trial, scored);
    }
    for (size_t i = 0; i < folds; i++) vg_linear_model_close(&models[i]);
    free(models);
    if (status != VG_OK) vg_scored_close(scored);
    return status;
}

/* --- All rows ----------------------------------------------------------------------------------
 */

vg_status vg_trial_fit(const vg_trial *trial, vg_method method, double c, vg_linear_model *model,
                       vg_error *error)
{
    side train = {0};
    vg_class_moments *moments = NULL;
    vg_status status = open_side(&train, trial, -1, false, error);
    if (status == VG_OK) status = vg_trial_moments(trial, -1, &moments, error);
    const attempt one = {trial, method, &train, moments, model, c};
    if (status == VG_OK) status = fit(&one, error);
    close_side(&train);
    vg_class_moments_close(&moments);
    return status;
}

vg_status vg_trial_run_test(const vg_trial *trial, vg_method method, double c, const size_t *picks,
                            size_t n, vg_scored *scored, vg_error *error)
{
    const vg_learning *learning = trial->learning;
    side train = {0};
    vg_class_moments *moments = NULL;
    vg_linear_model model = {0};
    vg_status status = open_scored(scored, picks, n, learning->classes, method, error);
    if (status == VG_OK) status = open_side(&train, trial, -1, false, error);
    if (status == VG_OK) status = vg_trial_moments(trial, -1, &moments, error);
    if (status == VG_OK && method != VG_METHOD_KNN)
        status = vg_linear_model_open(&model, learning->dims, learning->classes, error);
    const outcome to = {scored->scores, scored->firsts};
    const attempt one = {trial, method, &train, moments, &model, c};
    if (status == VG_OK) status = try_on(&one, picks, n, &to, error);
    if (status == VG_OK) take_labels(learning, moments, picks, n, scored->labels);
    scored->c = c;
    scored->shrinkage = model.shrinkage;
    vg_linear_model_close(&model);
    close_side(&train);
    vg_class_moments_close(&moments);
    if (status != VG_OK) vg_scored_close(scored);
    return status;
}
