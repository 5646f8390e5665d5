/* Two rounds over the rows, in blocks. First the scores of a block become errors, each thread
 * its own blocks; then each thread sums the gradient of its own columns, a block at a time.
 * A block's sums are float32's, over rows in their order; those of blocks are float64's. */
#include "classify/softmax.h"

#include <stdlib.h>
#include <string.h>

#include "base/elementary.h"
#include "base/error.h"
#include "base/memory.h"

static size_t errors_of_block(const vg_softmax *softmax)
{
    return VG_PICKED_BLOCK * (size_t)softmax->scores.classes;
}

vg_status vg_softmax_open(vg_softmax *softmax, const vg_picked_rows *rows, const int32_t *labels,
                          int classes, const vg_kernels *kernels, vg_team *team, vg_error *error)
{
    *softmax = (vg_softmax){.rows = *rows, .labels = labels, .team = team};
    vg_status status = vg_linear_scores_open(&softmax->scores, kernels, rows->dims, classes, error);
    if (status != VG_OK) return status;
    size_t blocks = vg_picked_blocks(rows), threads = (size_t)vg_team_size(team);
    size_t of_a_panel = (size_t)(classes > VG_PICKED_BLOCK ? classes : VG_PICKED_BLOCK) * 2 *
                        (size_t)kernels->panel * 2;
    size_t of_a_block = vg_linear_scores_room(&softmax->scores) + errors_of_block(softmax);
    softmax->room_size = of_a_panel > of_a_block ? of_a_panel : of_a_block;
    softmax->room_size = (softmax->room_size + 15) / 16 * 16;
    softmax->errors = vg_alloc_aligned(blocks * errors_of_block(softmax), sizeof(float));
    softmax->losses = vg_alloc_aligned(blocks, sizeof(double));
    softmax->biases = vg_alloc_aligned(blocks * (size_t)classes, sizeof(double));
    softmax->room = vg_alloc_aligned(threads * softmax->room_size, sizeof(float));
    if (softmax->errors != NULL && softmax->losses != NULL && softmax->biases != NULL &&
        softmax->room != NULL)
        return VG_OK;
    vg_softmax_close(softmax);
    return vg_fail_memory(error, blocks * errors_of_block(softmax) * sizeof(float));
}

void vg_softmax_close(vg_softmax *softmax)
{
    vg_linear_scores_close(&softmax->scores);
    free(softmax->errors);
    free(softmax->losses);
    free(softmax->biases);
    free(softmax->room);
    *softmax = (vg_softmax){0};
}

/* --- Errors ------------------------------------------------------------------------ */

/* Scores of a row to probabilities, less 1 at its class; the row's loss. */
static double make_errors(float *scores, int classes, int label)
{
    double sum = 0.0, highest = (double)scores[0], own = (double)scores[label];
    for (int c = 1; c < classes; c++)
        if ((double)scores[c] > highest) highest = (double)scores[c];
    for (int c = 0; c < classes; c++) {
        double power = vg_exp_negative((double)scores[c] - highest);
        sum += power;
        scores[c] = (float)power;
    }
    float share = (float)(1.0 / sum);
    for (int c = 0; c < classes; c++) scores[c] *= share;
    scores[label] -= 1.0F;
    return vg_logarithm(sum) + highest - own;
}

/* Rows [m][classes] to panels of rows, and to sums a class. */
static void store_errors(vg_softmax *softmax, size_t block, const float *rows, int m)
{
    int classes = softmax->scores.classes, panel = softmax->scores.kernels->panel;
    float *to = softmax->errors + block * errors_of_block(softmax);
    double *sums = softmax->biases + block * (size_t)classes;
    memset(sums, 0, (size_t)classes * sizeof *sums);
    for (int i = 0; i < m; i++)
        for (int c = 0; c < classes; c++) sums[c] += (double)rows[(ptrdiff_t)i * classes + c];
    for (int p = 0; p < vg_panel_count(m, panel); p++) {
        int width = vg_panel_width(m, panel, p);
        for (int c = 0; c < classes; c++)
            for (int j = 0; j < width; j++) {
                int i = p * panel + j;
                *to++ = i < m ? rows[(ptrdiff_t)i * classes + c] : 0.0F;
            }
    }
}

static void score_blocks(void *argument, int part)
{
    vg_softmax *softmax = argument;
    const vg_picked_rows *rows = &softmax->rows;
    int classes = softmax->scores.classes;
    float *room = softmax->room + (size_t)part * softmax->room_size;
    float *scores = room + vg_linear_scores_room(&softmax->scores);
    size_t blocks = vg_picked_blocks(rows), threads = (size_t)vg_team_size(softmax->team);
    for (size_t block = (size_t)part; block < blocks; block += threads) {
        int m = (int)vg_picked_block_size(rows, block);
        double loss = 0.0;
        vg_linear_scores_block(&softmax->scores, rows, block, room, scores);
        for (int i = 0; i < m; i++) {
            size_t row = rows->picks[block * VG_PICKED_BLOCK + (size_t)i];
            loss += make_errors(scores + (ptrdiff_t)i * classes, classes, softmax->labels[row]);
        }
        softmax->losses[block] = loss;
        store_errors(softmax, block, scores, m);
    }
}

/* --- Gradient -------------------------------------------------------------------------- */

static void add_panel(vg_softmax *softmax, size_t block, int p, float *room, const float *zeros)
{
    const vg_picked_rows *rows = &softmax->rows;
    int classes = softmax->scores.classes, panel = softmax->scores.kernels->panel;
    int m = (int)vg_picked_block_size(rows, block), width = vg_panel_width(rows->dims, panel, p);
    int left = rows->dims - p * panel, count = left < width ? left : width;
    float *values = room, *sums = room + VG_PICKED_BLOCK * (ptrdiff_t)width;
    const vg_pointwise_input input = {.values = softmax->errors + block * errors_of_block(softmax),
                                      .panel_stride = (ptrdiff_t)panel * classes,
                                      .channels = m};
    vg_picked_rows_panel(rows, block, panel, p, values);
    softmax->scores.kernels->pointwise(sums, &input, values, zeros, NULL, classes, width,
                                       VG_LINEAR);
    for (int c = 0; c < classes; c++) {
        double *to = softmax->weights_gradient + (ptrdiff_t)c * rows->dims + p * panel;
        for (int j = 0; j < count; j++) to[j] += (double)sums[(ptrdiff_t)c * width + j];
    }
}

static void sum_columns(void *argument, int part)
{
    static const float zeros[2 * 64] = {0};
    vg_softmax *softmax = argument;
    const vg_picked_rows *rows = &softmax->rows;
    int threads = vg_team_size(softmax->team), panel = softmax->scores.kernels->panel;
    int panels = vg_panel_count(rows->dims, panel);
    float *room = softmax->room + (size_t)part * softmax->room_size;
    for (size_t block = 0; block < vg_picked_blocks(rows); block++)
        for (int p = panels * part / threads; p < panels * (part + 1) / threads; p++)
            add_panel(softmax, block, p, room, zeros);
}

double vg_softmax_evaluate(vg_softmax *softmax, const double *weights, const double *bias,
                           double *weights_gradient, double *bias_gradient)
{
    size_t classes = (size_t)softmax->scores.classes, dims = (size_t)softmax->rows.dims;
    double loss = 0.0, count = (double)softmax->rows.count;
    vg_linear_scores_set(&softmax->scores, weights, bias);
    softmax->weights_gradient = weights_gradient;
    softmax->bias_gradient = bias_gradient;
    memset(weights_gradient, 0, classes * dims * sizeof *weights_gradient);
    memset(bias_gradient, 0, classes * sizeof *bias_gradient);
    vg_team_run(softmax->team, score_blocks, softmax);
    vg_team_run(softmax->team, sum_columns, softmax);
    for (size_t block = 0; block < vg_picked_blocks(&softmax->rows); block++) {
        loss += softmax->losses[block];
        for (size_t c = 0; c < classes; c++)
            bias_gradient[c] += softmax->biases[block * classes + c];
    }
    for (size_t i = 0; i < classes * dims; i++) weights_gradient[i] /= count;
    for (size_t c = 0; c < classes; c++) bias_gradient[c] /= count;
    return loss / count;
}
