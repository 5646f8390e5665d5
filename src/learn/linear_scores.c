#include "learn/linear_scores.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

vg_status vg_linear_scores_open(vg_linear_scores *scores, const vg_kernels *kernels, int dims,
                                int classes, vg_error *error)
{
    *scores = (vg_linear_scores){.kernels = kernels, .dims = dims, .classes = classes};
    scores->channels = (size_t)vg_panel_channels(classes, kernels->panel);
    scores->weights = vg_alloc_aligned(scores->channels * (size_t)dims, sizeof(float));
    scores->bias = vg_alloc_aligned(scores->channels, sizeof(float));
    if (scores->weights != NULL && scores->bias != NULL) return VG_OK;
    vg_linear_scores_close(scores);
    return vg_fail_memory(error, scores->channels * (size_t)dims * sizeof(float));
}

void vg_linear_scores_close(vg_linear_scores *scores)
{
    free(scores->weights);
    free(scores->bias);
    scores->weights = scores->bias = NULL;
}

void vg_linear_scores_set(vg_linear_scores *scores, const double *weights, const double *bias)
{
    size_t dims = (size_t)scores->dims;
    int panel = scores->kernels->panel;
    for (int c = 0; c < scores->classes; c++) {
        int p = vg_panel_of(scores->classes, panel, c), first = p * panel;
        size_t width = (size_t)vg_panel_width(scores->classes, panel, p);
        float *to = scores->weights + (size_t)first * dims + (size_t)(c - first);
        for (size_t d = 0; d < dims; d++) to[d * width] = (float)weights[(size_t)c * dims + d];
        scores->bias[c] = (float)bias[c];
    }
}

static size_t input_channels(const vg_linear_scores *scores)
{
    return (size_t)vg_panel_channels(scores->dims, scores->kernels->panel);
}

size_t vg_linear_scores_room(const vg_linear_scores *scores)
{
    size_t widest = 2 * (size_t)scores->kernels->panel;
    return VG_PICKED_BLOCK * (input_channels(scores) + widest);
}

void vg_linear_scores_block(const vg_linear_scores *scores, const vg_picked_rows *rows,
                            size_t block, float *room, float *to)
{
    int panel = scores->kernels->panel, m = (int)vg_picked_block_size(rows, block);
    float *sums = room + VG_PICKED_BLOCK * input_channels(scores);
    vg_picked_rows_panels(rows, block, panel, room);
    const vg_pointwise_input input = {
        .values = room, .panel_stride = (ptrdiff_t)panel * m, .channels = scores->dims};
    for (int p = 0; p < vg_panel_count(scores->classes, panel); p++) {
        int width = vg_panel_width(scores->classes, panel, p), first = p * panel;
        int left = scores->classes - first, count = left < width ? left : width;
        scores->kernels->pointwise(sums, &input,
                                   scores->weights + (size_t)first * (size_t)scores->dims,
                                   scores->bias + first, NULL, m, width, VG_LINEAR);
        for (int i = 0; i < m; i++)
            memcpy(to + (ptrdiff_t)i * scores->classes + first, sums + (ptrdiff_t)i * width,
                   (size_t)count * sizeof *to);
    }
}
