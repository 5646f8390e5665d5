#include "model/workspace.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

/* Floats, or pointers, of each buffer: enough for every block. */
typedef struct sizes {
    size_t tensor, input, ring, carried, strip, rows;
    size_t filtered, digits, scales; /* 0 where there are no digits */
} sizes;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static sizes sizes_for(const vg_network *network)
{
    int panel = network->kernels.panel;
    const vg_block_plan *first = &network->plans[0];
    int input_rows = vg_image_rows(first->strip_rows + first->carried_rows);
    sizes s = {.input = (size_t)input_rows * VG_INPUT_ROW,
               .strip = (size_t)(VG_HEAD_PIXELS * panel)};
    for (int i = 0; i < VG_BLOCK_COUNT; i++) {
        const vg_block *block = &vg_blocks[i];
        const vg_block_plan *plan = &network->plans[i];
        size_t pixels = (size_t)plan->out_size * (size_t)plan->out_size;
        s.tensor = larger(s.tensor, pixels * (size_t)vg_panel_channels(block->out_channels, panel));
        s.ring = larger(s.ring, vg_plan_ring_floats(plan));
        s.carried = larger(s.carried, vg_plan_carried_floats(block, plan));
        s.strip = larger(s.strip, vg_plan_strip_floats(block, plan));
        s.rows = larger(s.rows, (size_t)plan->ring_rows);
        if (!plan->has_digits) continue;
        s.filtered = larger(s.filtered, (size_t)(plan->out_size * plan->panel));
        s.digits =
            larger(s.digits, pixels * (size_t)vg_digits_tensor_floats(block->out_channels, panel));
        s.scales = larger(s.scales, pixels);
    }
    return s;
}

static int open_scratch(vg_scratch *scratch, const sizes *s)
{
    scratch->input = vg_alloc_aligned(s->input, sizeof(float));
    scratch->ring = vg_alloc_aligned(s->ring, sizeof(float));
    scratch->carried = vg_alloc_aligned(s->carried, sizeof(float));
    scratch->strip = vg_alloc_aligned(s->strip, sizeof(float));
    scratch->rows = vg_alloc_aligned(s->rows, sizeof *scratch->rows);
    if (s->filtered > 0) {
        scratch->filtered = vg_alloc_aligned(s->filtered, sizeof(float));
        if (scratch->filtered == NULL) return 0;
    }
    return scratch->input != NULL && scratch->ring != NULL && scratch->carried != NULL &&
           scratch->strip != NULL && scratch->rows != NULL;
}

static int open_buffers(vg_workspace *workspace, const sizes *s, int panel)
{
    int threads = vg_team_size(workspace->team);
    for (int i = 0; i < 2; i++) {
        workspace->tensors[i] = vg_alloc_aligned(s->tensor, sizeof(float));
        if (workspace->tensors[i] == NULL) return 0;
        if (s->digits == 0) continue;
        workspace->encoded[i].digits = vg_alloc_aligned(s->digits, sizeof(float));
        workspace->encoded[i].scales = vg_alloc_aligned(s->scales, sizeof(float));
        if (workspace->encoded[i].digits == NULL || workspace->encoded[i].scales == NULL) return 0;
    }
    workspace->zeros = vg_alloc_aligned((size_t)(VG_STEM_SIZE * panel), sizeof(float));
    workspace->scratch = calloc((size_t)threads, sizeof *workspace->scratch);
    if (workspace->zeros == NULL || workspace->scratch == NULL) return 0;
    for (int i = 0; i < threads; i++)
        if (!open_scratch(&workspace->scratch[i], s)) return 0;
    return 1;
}

vg_status vg_workspace_open(vg_workspace **workspace, const vg_network *network, int threads,
                            vg_error *error)
{
    *workspace = NULL;
    vg_workspace *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    vg_status status = vg_team_open(&opened->team, threads, error);
    if (status == VG_OK) {
        const sizes s = sizes_for(network);
        size_t own = s.input + s.ring + s.carried + s.strip + s.filtered;
        size_t floats = 2 * (s.tensor + s.digits + s.scales) + (size_t)threads * own;
        if (!open_buffers(opened, &s, network->kernels.panel))
            status = vg_fail_memory(error, floats * sizeof(float));
    }
    if (status != VG_OK) {
        vg_workspace_close(&opened);
        return status;
    }
    *workspace = opened;
    return VG_OK;
}

static void close_scratch(vg_scratch *scratch)
{
    free(scratch->input);
    free(scratch->ring);
    free(scratch->carried);
    free(scratch->strip);
    free(scratch->filtered);
    free(scratch->rows);
}

void vg_workspace_close(vg_workspace **workspace)
{
    vg_workspace *closed = *workspace;
    if (closed == NULL) return;
    int threads = closed->team != NULL ? vg_team_size(closed->team) : 0;
    for (int i = 0; closed->scratch != NULL && i < threads; i++) close_scratch(&closed->scratch[i]);
    vg_team_close(&closed->team);
    free(closed->scratch);
    for (int i = 0; i < 2; i++) {
        free(closed->tensors[i]);
        free(closed->encoded[i].digits);
        free(closed->encoded[i].scales);
    }
    free(closed->zeros);
    free(closed);
    *workspace = NULL;
}

void vg_workspace_time_layers(vg_workspace *workspace, vg_layer_time *times)
{
    workspace->times = times;
}
