/* Strip heights: as tall as the cache allows. */
#include "model/network.h"

enum { TAPS = 3 };

static int input_rows(const vg_block *block, int output_rows)
{
    return (output_rows - 1) * block->stride + TAPS;
}

static size_t plan_bytes(const vg_block *block, const vg_block_plan *plan, int panel)
{
    return sizeof(float) *
           (vg_plan_ring_floats(block, plan, panel) + vg_plan_strip_floats(block, plan, panel));
}

vg_block_plan vg_plan_block(const vg_block *block, int panel, size_t cache_bytes)
{
    int out_size = block->in_size / block->stride;
    vg_block_plan plan = {out_size, out_size, block->in_size, 1};
    if (plan_bytes(block, &plan, panel) <= cache_bytes) return plan;

    plan.is_whole = 0;
    for (int strips = 2; strips <= out_size; strips++) {
        plan.strip_rows = (out_size + strips - 1) / strips;
        plan.ring_rows = input_rows(block, plan.strip_rows);
        if (plan_bytes(block, &plan, panel) <= cache_bytes) break;
    }
    return plan;
}

size_t vg_plan_ring_floats(const vg_block *block, const vg_block_plan *plan, int panel)
{
    size_t row = (size_t)block->in_size * (size_t)plan->ring_rows;
    if (plan->is_whole) return row * (size_t)panel;
    return row * (size_t)vg_panel_channels(block->expanded_channels, panel);
}

size_t vg_plan_strip_floats(const vg_block *block, const vg_block_plan *plan, int panel)
{
    return (size_t)plan->out_size * (size_t)plan->strip_rows *
           (size_t)vg_panel_channels(block->expanded_channels, panel);
}
