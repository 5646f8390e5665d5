/* Heights of strips and steps and widths of bands: as large as the caches allow. */
#include "model/network.h"

enum {
    TAPS = 3,
    /* A shorter strip would carry rows over that were carried into it. */
    LEAST_STRIP_ROWS = 2,
    /* A tile of the depthwise kernels. */
    LEAST_BAND_COLUMNS = 7,
    /* Rows carried into a strip and those out of it. */
    CARRIED_SETS = 2,
};

/* Expanded rows, or columns, that so many of the outputs need. */
static int inputs_of(const vg_block *block, int outputs)
{
    return (outputs - 1) * block->stride + TAPS;
}

static void take_steps(vg_block_plan *plan, const vg_block *block, int rows)
{
    plan->step_rows = rows;
    plan->ring_rows = inputs_of(block, rows);
}

static void take_bands(vg_block_plan *plan, const vg_block *block, int columns)
{
    plan->band_columns = columns;
    plan->ring_columns = inputs_of(block, columns);
    if (plan->ring_columns > block->in_size) plan->ring_columns = block->in_size;
}

static size_t ring_bytes(const vg_block_plan *plan)
{
    return sizeof(float) * vg_plan_ring_floats(plan);
}

/* Bands expand a column or two that their neighbours expand too: so there are several only
 * where steps of one row would nearly fill level 1. */
static void choose_bands(vg_block_plan *plan, const vg_block *block, size_t level1)
{
    take_steps(plan, block, 1);
    take_bands(plan, block, plan->out_size);
    if (ring_bytes(plan) <= level1 / 4 * 3) return;
    while (ring_bytes(plan) > level1 / 2 && plan->band_columns % (2 * LEAST_BAND_COLUMNS) == 0)
        take_bands(plan, block, plan->band_columns / 2);
}

static void take_strips(vg_block_plan *plan, int strips)
{
    plan->strip_rows = (plan->out_size + strips - 1) / strips;
    if (plan->strip_rows < LEAST_STRIP_ROWS) plan->strip_rows = LEAST_STRIP_ROWS;
}

static size_t strip_bytes(const vg_block *block, const vg_block_plan *plan)
{
    return sizeof(float) *
           (vg_plan_strip_floats(block, plan) + vg_plan_carried_floats(block, plan));
}

/* An output's three sums cost as much as some fifty multiply-adds of float32, and tiles are of
 * 32 outputs: so layers of fewer inputs, or of few outputs, are as fast in float32. */
int vg_expands_digits(const vg_block *block, int panel)
{
    enum { LEAST_INPUTS = 64 };
    return panel == VG_DIGITS_PANEL && block->in_channels >= LEAST_INPUTS;
}

int vg_projects_digits(const vg_block *block, int panel)
{
    enum { LEAST_OUTPUTS = 24 };
    return panel == VG_DIGITS_PANEL && block->out_channels >= LEAST_OUTPUTS;
}

int vg_block_panel(const vg_block *block, int panel)
{
    if (panel != VG_DIGITS_PANEL || vg_expands_digits(block, panel)) return panel;
    return VG_DIGITS_PANEL / 2; /* the panel of AVX-512 */
}

/* One strip where it fits into half of level 2; of several, each into a quarter, for what came
 * before it is still there. */
static void choose_strips(vg_block_plan *plan, const vg_block *block, size_t level2)
{
    take_strips(plan, 1);
    if (strip_bytes(block, plan) <= level2 / 2) return;
    for (int strips = 2; strip_bytes(block, plan) > level2 / 4; strips++) {
        if (plan->strip_rows == LEAST_STRIP_ROWS) break;
        take_strips(plan, strips);
    }
}

vg_block_plan vg_plan_block(const vg_block *block, int panel, const vg_caches *caches)
{
    vg_block_plan plan = {.panel = vg_block_panel(block, panel),
                          .has_digits = vg_projects_digits(block, panel),
                          .out_size = block->in_size / block->stride,
                          .carried_rows = TAPS - block->stride};
    choose_strips(&plan, block, caches->level2);
    choose_bands(&plan, block, caches->level1);
    int rows = plan.strip_rows;
    take_steps(&plan, block, rows);
    /* A matrix unit that did nothing for 0.3 us takes 0.2 us to wake: longer steps pay. */
    size_t most = vg_expands_digits(block, panel) ? 2 * caches->level1 : caches->level1 / 2;
    while (rows > 1 && ring_bytes(&plan) > most) take_steps(&plan, block, --rows);
    return plan;
}

size_t vg_plan_ring_floats(const vg_block_plan *plan)
{
    return (size_t)plan->ring_columns * (size_t)plan->ring_rows * (size_t)plan->panel;
}

size_t vg_plan_carried_floats(const vg_block *block, const vg_block_plan *plan)
{
    if (vg_plan_is_whole(plan)) return 0;
    return CARRIED_SETS * (size_t)block->in_size * (size_t)plan->carried_rows *
           (size_t)vg_panel_channels(block->expanded_channels, plan->panel);
}

size_t vg_plan_strip_floats(const vg_block *block, const vg_block_plan *plan)
{
    int floats = plan->has_digits ? vg_digits_tensor_floats(block->expanded_channels, plan->panel)
                                  : vg_panel_channels(block->expanded_channels, plan->panel);
    return (size_t)plan->out_size * (size_t)plan->strip_rows * (size_t)floats;
}
