#include "classify/linear_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/observer.h"
#include "classify/row_span.h"
#include "learn/class_moments.h"
#include "pca/moments.h"

enum { PART = 2048, MOST_ITERATIONS = 1000 };

/* The largest slope of the mean loss: a thirtieth of what scikit-learn ends at. Of few rows sums in
 * float32 do not tell a step from none so near the end; then scikit-learn's is as good. */
static const double gradient_tolerance = 3e-6, gradient_enough = 1e-4;

const char *vg_method_name(vg_method method)
{
    static const char *const names[VG_METHODS] = {"logistic", "lda", "knn"};
    return names[method];
}

vg_status vg_linear_model_open(vg_linear_model *model, int dims, int classes, vg_error *error)
{
    size_t count = (size_t)classes * (size_t)dims;
    *model = (vg_linear_model){.dims = dims, .classes = classes, .temperature = 1.0};
    model->weights = vg_alloc_aligned(count, sizeof(double));
    model->bias = vg_alloc_aligned((size_t)classes, sizeof(double));
    model->mean = vg_alloc_aligned((size_t)dims, sizeof(float));
    if (model->weights != NULL && model->bias != NULL && model->mean != NULL) return VG_OK;
    vg_linear_model_close(model);
    return vg_fail_memory(error, count * sizeof(double));
}

void vg_linear_model_close(vg_linear_model *model)
{
    free(model->weights);
    free(model->bias);
    free(model->mean);
    *model = (vg_linear_model){0};
}

/* --- Moments ---------------------------------------------------------------------------- */

/* As many parts at once as there are threads; they are merged in their order. */
typedef struct moments_work {
    const vg_learning *learning;
    const size_t *picks;
    size_t n, first_part;
    vg_class_moments **parts; /* [threads] */
    struct outcome {
        vg_status status;
        vg_error error;
    } * outcomes; /* [threads] */
} moments_work;

static void add_part(void *argument, int thread)
{
    moments_work *work = argument;
    const vg_learning *learning = work->learning;
    struct outcome *outcome = &work->outcomes[thread];
    size_t first = (work->first_part + (size_t)thread) * PART;
    size_t end = first + PART < work->n ? first + PART : work->n;
    outcome->status = VG_OK;
    if (first >= work->n) return;
    outcome->status = vg_class_moments_open(&work->parts[thread], learning->dims, learning->classes,
                                            &outcome->error);
    for (size_t i = first; i < end && outcome->status == VG_OK; i++) {
        size_t row = work->picks[i];
        outcome->status = vg_class_moments_add(work->parts[thread], 1,
                                               learning->rows + row * (size_t)learning->dims,
                                               &learning->labels[row], &outcome->error);
    }
}

static vg_status merge_parts(const moments_work *work, int threads, vg_class_moments *into,
                             vg_error *error)
{
    vg_status status = VG_OK;
    for (int t = 0; t < threads; t++) {
        if (status == VG_OK && work->outcomes[t].status != VG_OK)
            status =
                vg_fail(error, work->outcomes[t].status, "%s", work->outcomes[t].error.message);
        if (status == VG_OK && work->parts[t] != NULL)
            status = vg_class_moments_merge(into, work->parts[t], error);
        vg_class_moments_close(&work->parts[t]);
    }
    return status;
}

vg_status vg_learning_moments(const vg_learning *learning, const size_t *picks, size_t n,
                              vg_class_moments **moments, vg_error *error)
{
    int threads = vg_team_size(learning->team);
    moments_work work = {.learning = learning, .picks = picks, .n = n};
    vg_status status = vg_class_moments_open(moments, learning->dims, learning->classes, error);
    if (status != VG_OK) return status;
    work.parts = calloc((size_t)threads, sizeof(vg_class_moments *));
    work.outcomes = calloc((size_t)threads, sizeof *work.outcomes);
    if (work.parts == NULL || work.outcomes == NULL)
        status = vg_fail_memory(error, (size_t)threads * sizeof *work.outcomes);
    for (; work.first_part * PART < n && status == VG_OK; work.first_part += (size_t)threads) {
        status = vg_check_cancel(learning->cancel, error);
        if (status != VG_OK) break;
        vg_team_run(learning->team, add_part, &work);
        status = merge_parts(&work, threads, *moments, error);
    }
    free(work.parts);
    free(work.outcomes);
    if (status != VG_OK) vg_class_moments_close(moments);
    return status;
}

/* --- Fits ----------------------------------------------------------------------------------- */

static int is_cancelled(void *context, int iteration)
{
    const vg_learning *learning = context;
    (void)iteration;
    return vg_check_cancel(learning->cancel, NULL) != VG_OK;
}

/* Weights with a penalty on their squares lie in the span of the rows, so the fit among few rows
 * may stay there: the same least sum, of far fewer variables. */
static vg_status fit_in_span(vg_linear_model *model, const vg_learning *learning,
                             const vg_picked_rows *rows, const vg_logistic_options *options,
                             vg_error *error)
{
    size_t count = rows->count, size = (size_t)model->classes * count;
    vg_row_span span = {0};
    vg_moments *moments = NULL;
    double *coordinates = vg_alloc_aligned(size, sizeof *coordinates);
    int32_t *labels = malloc(count * sizeof *labels);
    vg_status status = VG_OK;
    if (coordinates == NULL || labels == NULL)
        status = vg_fail_memory(error, size * sizeof *coordinates);
    for (size_t i = 0; i < count && labels != NULL; i++)
        labels[i] = learning->labels[rows->picks[i]];
    if (status == VG_OK) status = vg_row_span_open(&span, rows, &learning->kernels, error);
    if (status == VG_OK)
        status = vg_row_span_enter(&span, model->weights, model->classes, coordinates, error);
    if (status == VG_OK) status = vg_moments_open(&moments, (int)count, error);
    if (status == VG_OK) status = vg_moments_add(moments, count, span.values, error);
    if (status == VG_OK) {
        vg_moments_settle(moments);
        status = vg_logistic_fit(&span.rows, labels, model->classes, moments, options,
                                 &learning->kernels, learning->team, coordinates, model->bias,
                                 &model->fit, error);
    }
    if (status == VG_OK)
        status = vg_row_span_leave(&span, coordinates, model->classes, model->weights, error);
    vg_moments_close(&moments);
    vg_row_span_close(&span);
    free(coordinates);
    free(labels);
    return status;
}

static vg_status fit_logistic(vg_linear_model *model, const vg_learning *learning,
                              const size_t *picks, size_t n, const vg_class_moments *moments,
                              double c, vg_error *error)
{
    const vg_picked_rows rows = {.values = learning->rows,
                                 .picks = picks,
                                 .count = n,
                                 .dims = learning->dims,
                                 .mean = model->mean};
    const vg_logistic_options options = {.c = c,
                                         .tolerance = gradient_tolerance,
                                         .enough = gradient_enough,
                                         .max_iterations = MOST_ITERATIONS,
                                         .progress = is_cancelled,
                                         .context = (void *)learning};
    model->c = c;
    if (n < (size_t)learning->dims) return fit_in_span(model, learning, &rows, &options, error);
    vg_moments_settle(moments->all);
    return vg_logistic_fit(&rows, learning->labels, learning->classes, moments->all, &options,
                           &learning->kernels, learning->team, model->weights, model->bias,
                           &model->fit, error);
}

/* What all weights and biases have in common adds the same to all scores, and float32's sums of it
 * lose digits of what differs. Classes that were not trained on have none. */
static void take_off_common(vg_linear_model *model)
{
    size_t dims = (size_t)model->dims;
    double present = 0.0;
    for (int c = 0; c < model->classes; c++) present += isfinite(model->bias[c]) ? 1.0 : 0.0;
    for (size_t d = 0; d <= dims; d++) {
        double *first = d < dims ? model->weights + d : model->bias, sum = 0.0;
        size_t stride = d < dims ? dims : 1;
        for (size_t c = 0; c < (size_t)model->classes; c++)
            if (isfinite(model->bias[c])) sum += first[c * stride];
        for (size_t c = 0; c < (size_t)model->classes; c++)
            if (isfinite(model->bias[c])) first[c * stride] -= sum / present;
    }
}

static vg_status fit_lda(vg_linear_model *model, const vg_learning *learning, const size_t *picks,
                         size_t n, const vg_class_moments *moments, double shrinkage,
                         vg_error *error)
{
    size_t dims = (size_t)learning->dims;
    vg_status status = VG_OK;
    model->shrinkage = shrinkage;
    if (shrinkage < 0.0) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i++)
            sum += vg_class_moments_fourth_power(moments, learning->rows + picks[i] * dims,
                                                 learning->labels[picks[i]]);
        status = vg_class_moments_shrinkage_of(moments, sum, &model->shrinkage, error);
    }
    if (status == VG_OK)
        status = vg_lda_fit(moments, model->shrinkage, model->weights, model->bias, error);
    for (int c = 0; c < learning->classes && status == VG_OK; c++)
        for (size_t d = 0; d < dims; d++)
            model->bias[c] += model->weights[(size_t)c * dims + d] * (double)model->mean[d];
    if (status == VG_OK) take_off_common(model);
    return status;
}

vg_status vg_linear_model_fit(vg_linear_model *model, const vg_learning *learning,
                              const size_t *picks, size_t n, const vg_class_moments *moments,
                              const vg_linear_options *options, vg_error *error)
{
    const double *mean = vg_moments_mean(moments->all);
    for (int d = 0; d < learning->dims; d++) model->mean[d] = (float)mean[d];
    return options->method == VG_METHOD_LDA
               ? fit_lda(model, learning, picks, n, moments, options->shrinkage, error)
               : fit_logistic(model, learning, picks, n, moments, options->c, error);
}

/* --- Scores ----------------------------------------------------------------------------------- */

typedef struct scoring {
    vg_picked_rows rows;
    vg_linear_scores scores;
    int threads;
    float *room, *to;
} scoring;

static void score_share(void *argument, int part)
{
    scoring *work = argument;
    float *room = work->room + (size_t)part * vg_linear_scores_room(&work->scores);
    for (size_t block = (size_t)part; block < vg_picked_blocks(&work->rows);
         block += (size_t)work->threads)
        vg_linear_scores_block(&work->scores, &work->rows, block, room,
                               work->to + block * VG_PICKED_BLOCK * (size_t)work->scores.classes);
}

vg_status vg_linear_model_scores(const vg_linear_model *model, const vg_learning *learning,
                                 const size_t *picks, size_t n, float *scores, vg_error *error)
{
    scoring work = {.rows = {.values = learning->rows,
                             .picks = picks,
                             .count = n,
                             .dims = model->dims,
                             .mean = model->mean},
                    .threads = vg_team_size(learning->team),
                    .to = scores};
    vg_status status =
        vg_linear_scores_open(&work.scores, &learning->kernels, model->dims, model->classes, error);
    if (status != VG_OK) return status;
    size_t room = vg_linear_scores_room(&work.scores) * (size_t)work.threads;
    work.room = vg_alloc_aligned(room, sizeof(float));
    if (work.room == NULL) {
        status = vg_fail_memory(error, room * sizeof(float));
    } else {
        vg_linear_scores_set(&work.scores, model->weights, model->bias);
        vg_team_run(learning->team, score_share, &work);
    }
    free(work.room);
    vg_linear_scores_close(&work.scores);
    return status;
}
