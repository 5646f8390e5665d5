/* In coordinates in which the loss is about as steep in every direction. Its Hessian is at most
 * half the covariance of the rows (Boehning 1992, "Multinomial logistic regression algorithm"),
 * and much less where classes are told apart, as they are at the end: so the rows' covariance,
 * scaled down, and the penalty make the matrix whose Cholesky factor changes the coordinates. */
#include "classify/logistic.h"

#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "classify/softmax.h"
#include "learn/cholesky.h"
#include "pca/moments.h"

enum { PANEL = VG_GRAM_PANEL, MEMORY = 10, CONVERGED = 1, CANCELLED = 2 };

/* The share of the covariance: fewest iterations on features of 114 kinds of fruit. */
static const double steepness = 0.0005;

typedef struct fit {
    const vg_logistic_options *options;
    vg_logistic_result *result;
    vg_softmax softmax;
    vg_cholesky factor;
    vg_team *team;
    int dims, classes, panels;
    double penalty;
    double *weights, *bias;             /* the caller's */
    double *weights_slope, *bias_slope; /* [classes][dims], [classes] */
    const double *point;                /* of the call that runs: the optimiser's coordinates */
    double *slope;
} fit;

static size_t panel_size(const fit *state)
{
    return (size_t)state->factor.padded * PANEL;
}

/* Panels of classes, the biases, and what liblbfgs asks for: a multiple of 16. */
static int variables(const fit *state)
{
    size_t count = (size_t)state->panels * (panel_size(state) + PANEL);
    return (int)count;
}

/* The bias has no penalty, and the rows, being centred, leave it alone. */
static double bias_scale(void)
{
    return 1.0 / sqrt(steepness);
}

static void load_panel(const fit *state, const double *rows, int q, double *panel)
{
    size_t dims = (size_t)state->dims;
    memset(panel, 0, panel_size(state) * sizeof *panel);
    for (int c = q * PANEL; c < state->classes && c < (q + 1) * PANEL; c++)
        for (size_t d = 0; d < dims; d++)
            panel[d * PANEL + (size_t)(c - q * PANEL)] = rows[(size_t)c * dims + d];
}

static void store_panel(const fit *state, const double *panel, int q, double *rows)
{
    size_t dims = (size_t)state->dims;
    for (int c = q * PANEL; c < state->classes && c < (q + 1) * PANEL; c++)
        for (size_t d = 0; d < dims; d++)
            rows[(size_t)c * dims + d] = panel[d * PANEL + (size_t)(c - q * PANEL)];
}

/* Weights from coordinates: w = U^-1 v. */
static void to_weights(void *argument, int part)
{
    fit *state = argument;
    int threads = vg_team_size(state->team);
    for (int q = part; q < state->panels; q += threads) {
        double *panel = state->slope + (size_t)q * panel_size(state); /* free until the slope is */
        memcpy(panel, state->point + (size_t)q * panel_size(state),
               panel_size(state) * sizeof *panel);
        vg_cholesky_solve_upper(&state->factor, panel);
        store_panel(state, panel, q, state->weights);
    }
}

/* The slope in coordinates: U'^-1 of that in weights. */
static void to_slope(void *argument, int part)
{
    fit *state = argument;
    int threads = vg_team_size(state->team);
    for (int q = part; q < state->panels; q += threads) {
        double *panel = state->slope + (size_t)q * panel_size(state);
        load_panel(state, state->weights_slope, q, panel);
        vg_cholesky_solve_lower(&state->factor, panel);
    }
}

/* Coordinates of the weights to start from: v = U w, by the factor's panels. */
static void start_panel(const fit *state, int q, double *panel, double *to)
{
    int padded = state->factor.padded;
    load_panel(state, state->weights, q, panel);
    for (int i = 0; i < padded; i++)
        for (int c = 0; c < PANEL; c++) {
            double sum = 0.0;
            for (int j = i; j < padded; j++)
                sum +=
                    state->factor.upper[((size_t)(j / PANEL) * (size_t)padded + (size_t)i) * PANEL +
                                        (size_t)(j % PANEL)] *
                    panel[(size_t)j * PANEL + (size_t)c];
            to[(size_t)i * PANEL + (size_t)c] = sum;
        }
}

static double add_penalty(fit *state)
{
    double square = 0.0, largest = 0.0;
    size_t count = (size_t)state->classes * (size_t)state->dims;
    for (size_t i = 0; i < count; i++) {
        square += state->weights[i] * state->weights[i];
        state->weights_slope[i] += state->penalty * state->weights[i];
        largest = fmax(largest, fabs(state->weights_slope[i]));
    }
    for (int c = 0; c < state->classes; c++) largest = fmax(largest, fabs(state->bias_slope[c]));
    state->result->gradient = largest;
    return 0.5 * state->penalty * square;
}

static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *x, lbfgsfloatval_t *g,
                                const int n, const lbfgsfloatval_t step)
{
    fit *state = instance;
    (void)step;
    const double *biases = x + (size_t)state->panels * panel_size(state);
    double *bias_slopes = g + (size_t)state->panels * panel_size(state);
    state->point = x;
    state->slope = g;
    vg_team_run(state->team, to_weights, state);
    for (int c = 0; c < state->classes; c++)
        if (isfinite(state->bias[c])) state->bias[c] = biases[c] * bias_scale();
    double loss = vg_softmax_evaluate(&state->softmax, state->weights, state->bias,
                                      state->weights_slope, state->bias_slope);
    loss += add_penalty(state);
    vg_team_run(state->team, to_slope, state);
    memset(bias_slopes, 0, (size_t)(n - (int)(bias_slopes - g)) * sizeof *bias_slopes);
    for (int c = 0; c < state->classes; c++) bias_slopes[c] = state->bias_slope[c] * bias_scale();
    return loss;
}

static int tell(void *instance, const lbfgsfloatval_t *x, const lbfgsfloatval_t *g,
                const lbfgsfloatval_t fx, const lbfgsfloatval_t xnorm, const lbfgsfloatval_t gnorm,
                const lbfgsfloatval_t step, int n, int k, int ls)
{
    fit *state = instance;
    (void)x, (void)g, (void)xnorm, (void)gnorm, (void)step, (void)n, (void)ls;
    state->result->iterations = k;
    state->result->objective = fx;
    if (state->options->progress != NULL &&
        state->options->progress(state->options->context, k) != 0)
        return CANCELLED;
    return state->result->gradient <= state->options->tolerance ? CONVERGED : 0;
}

static vg_status minimise(fit *state, vg_error *error)
{
    int n = variables(state);
    lbfgs_parameter_t parameters;
    lbfgs_parameter_init(&parameters);
    parameters.m = MEMORY;
    parameters.epsilon = 0.0; /* `tell` decides */
    parameters.max_iterations = state->options->max_iterations;
    double *point = lbfgs_malloc(n), *slope = lbfgs_malloc(n);
    if (point == NULL || slope == NULL) {
        lbfgs_free(point);
        lbfgs_free(slope);
        return vg_fail_memory(error, (size_t)n * sizeof *point);
    }
    memset(point, 0, (size_t)n * sizeof *point);
    double *biases = point + (size_t)state->panels * panel_size(state), objective;
    for (int q = 0; q < state->panels; q++)
        start_panel(state, q, slope, point + (size_t)q * panel_size(state));
    for (int c = 0; c < state->classes; c++)
        biases[c] = isfinite(state->bias[c]) ? state->bias[c] / bias_scale() : 0.0;
    int code = lbfgs(n, point, &objective, evaluate, tell, state, &parameters);
    /* The line search ends where float32's sums say no more: that is where it is best. The
     * point is its last. */
    if (code != CANCELLED && code != LBFGSERR_OUTOFMEMORY)
        objective = evaluate(state, point, slope, n, 0.0);
    lbfgs_free(point);
    lbfgs_free(slope);
    if (code == CANCELLED) return vg_fail(error, VG_ECANCELLED, "cancelled");
    if (code == LBFGSERR_OUTOFMEMORY) return vg_fail_memory(error, (size_t)n * MEMORY * 2 * 8);
    state->result->objective = objective;
    state->result->is_converged = code == CONVERGED || code == LBFGS_SUCCESS ||
                                  state->result->gradient <= state->options->enough;
    return VG_OK;
}

/* --- Set up -------------------------------------------------------------------------- */

static vg_status factorise(fit *state, const vg_moments *moments, double rows,
                           const vg_kernels *kernels, vg_error *error)
{
    const double *scatter = moments->scatter;
    size_t stride = moments->stride, dims = (size_t)state->dims;
    double trace = 0.0;
    double *matrix = vg_alloc_aligned(dims * dims, sizeof *matrix);
    if (matrix == NULL) return vg_fail_memory(error, dims * dims * sizeof *matrix);
    for (size_t i = 0; i < dims; i++) {
        trace += scatter[i * stride + i];
        for (size_t j = i; j < dims; j++)
            matrix[i * dims + j] = scatter[i * stride + j] * steepness / rows;
    }
    /* A penalty that is lost beside the scatter would leave the matrix singular. */
    double least = 1e-9 * trace * steepness / rows / (double)dims;
    for (size_t i = 0; i < dims; i++)
        matrix[i * dims + i] += fmax(state->penalty, fmax(least, 1e-300));
    vg_status status = vg_cholesky_open(&state->factor, matrix, state->dims, kernels, error);
    free(matrix);
    return status;
}

static vg_status allocate(fit *state, vg_error *error)
{
    size_t count = (size_t)state->classes * (size_t)state->dims;
    state->weights_slope = vg_alloc_aligned(count, sizeof(double));
    state->bias_slope = vg_alloc_aligned((size_t)state->classes, sizeof(double));
    if (state->weights_slope == NULL || state->bias_slope == NULL)
        return vg_fail_memory(error, count * sizeof(double));
    return VG_OK;
}

/* How many classes have rows; the others' biases become minus infinity. */
static int mark_absent(const vg_picked_rows *rows, const int32_t *labels, int classes, double *bias)
{
    int present = 0;
    for (int c = 0; c < classes; c++) bias[c] = isfinite(bias[c]) ? bias[c] : 0.0;
    unsigned char *seen = calloc((size_t)classes, 1);
    if (seen == NULL) return -1;
    for (size_t i = 0; i < rows->count; i++) seen[labels[rows->picks[i]]] = 1;
    for (int c = 0; c < classes; c++) {
        if (seen[c])
            present++;
        else
            bias[c] = -INFINITY;
    }
    free(seen);
    return present;
}

vg_status vg_logistic_fit(const vg_picked_rows *rows, const int32_t *labels, int classes,
                          const vg_moments *moments, const vg_logistic_options *options,
                          const vg_kernels *kernels, vg_team *team, double *weights, double *bias,
                          vg_logistic_result *result, vg_error *error)
{
    *result = (vg_logistic_result){0};
    int present = mark_absent(rows, labels, classes, bias);
    if (present < 0) return vg_fail_memory(error, (size_t)classes);
    if (present < 2)
        return vg_fail(error, VG_EINVAL, "there is one class alone: nothing to tell apart");
    fit state = {.options = options,
                 .result = result,
                 .team = team,
                 .dims = rows->dims,
                 .classes = classes,
                 .panels = (classes + PANEL - 1) / PANEL,
                 .weights = weights,
                 .bias = bias};
    /* Two classes share the weights that a binary loss has, half to each side. */
    state.penalty = (present == 2 ? 2.0 : 1.0) / (options->c * (double)rows->count);
    vg_status status = allocate(&state, error);
    if (status == VG_OK) status = factorise(&state, moments, (double)rows->count, kernels, error);
    if (status == VG_OK)
        status = vg_softmax_open(&state.softmax, rows, labels, classes, kernels, team, error);
    if (status == VG_OK) status = minimise(&state, error);
    vg_softmax_close(&state.softmax);
    vg_cholesky_close(&state.factor);
    free(state.weights_slope);
    free(state.bias_slope);
    return status;
}
