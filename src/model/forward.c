/* The forward pass. A block runs in strips of output rows: expand the input rows the
 * strip needs, depthwise, project, so that the expanded activations stay in the core's
 * own caches. All tensors are in panel layout (kernels.h). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/network.h"

enum {
    RGB_ROW = VG_IMAGE_SIZE * 3,
    INPUT_ROW = RGB_ROW + 3, /* one pixel of padding on the right */
    STEM_SIZE = VG_IMAGE_SIZE / 2,
    HEAD_SIZE = VG_IMAGE_SIZE / 32,
    HEAD_PIXELS = HEAD_SIZE * HEAD_SIZE,
};

struct vg_workspace {
    float *tensors[2];     /* a block's input and output */
    float *input;          /* normalised rows of the image that a strip needs */
    float *ring;           /* expanded rows of a step */
    float *carried;        /* expanded rows that two strips need */
    float *strip;          /* depthwise outputs of a strip */
    float *zeros;          /* a row of padding */
    const float **rows;    /* what a depthwise kernel reads */
    double *layer_seconds; /* [VG_LAYER_COUNT], or NULL */
};

/* --- Workspace ---------------------------------------------------------- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Rows of the image that `stem_rows` rows of the stem need. */
static int image_rows(int stem_rows)
{
    return 2 * stem_rows + 1;
}

vg_status vg_workspace_open(vg_workspace **workspace, const vg_network *network, vg_error *error)
{
    *workspace = NULL;
    int panel = network->kernels.panel;
    const vg_block_plan *first = &network->plans[0];
    size_t tensor = 0, ring = 0, carried = 0, rows = 0, strip = (size_t)(HEAD_PIXELS * panel);
    size_t input = (size_t)image_rows(first->strip_rows + first->carried_rows) * (size_t)INPUT_ROW;
    for (int i = 0; i < VG_BLOCK_COUNT; i++) {
        const vg_block *block = &vg_blocks[i];
        const vg_block_plan *plan = &network->plans[i];
        size_t pixels = (size_t)plan->out_size * (size_t)plan->out_size;
        tensor = larger(tensor, pixels * (size_t)vg_panel_channels(block->out_channels, panel));
        ring = larger(ring, vg_plan_ring_floats(block, plan, panel));
        carried = larger(carried, vg_plan_carried_floats(block, plan, panel));
        strip = larger(strip, vg_plan_strip_floats(block, plan, panel));
        rows = larger(rows, (size_t)plan->ring_rows);
    }

    vg_workspace *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->input = vg_alloc_aligned(input, sizeof(float));
    opened->tensors[0] = vg_alloc_aligned(tensor, sizeof(float));
    opened->tensors[1] = vg_alloc_aligned(tensor, sizeof(float));
    opened->ring = vg_alloc_aligned(ring, sizeof(float));
    opened->carried = vg_alloc_aligned(carried, sizeof(float));
    opened->strip = vg_alloc_aligned(strip, sizeof(float));
    opened->zeros = vg_alloc_aligned((size_t)(STEM_SIZE * panel), sizeof(float));
    opened->rows = vg_alloc_aligned(rows, sizeof *opened->rows);
    if (opened->input == NULL || opened->tensors[0] == NULL || opened->tensors[1] == NULL ||
        opened->ring == NULL || opened->carried == NULL || opened->strip == NULL ||
        opened->zeros == NULL || opened->rows == NULL) {
        vg_workspace_close(&opened);
        return vg_fail_memory(error, (2 * tensor + ring + carried + strip) * sizeof(float));
    }
    *workspace = opened;
    return VG_OK;
}

void vg_workspace_close(vg_workspace **workspace)
{
    if (*workspace == NULL) return;
    free((*workspace)->input);
    free((*workspace)->tensors[0]);
    free((*workspace)->tensors[1]);
    free((*workspace)->ring);
    free((*workspace)->carried);
    free((*workspace)->strip);
    free((*workspace)->zeros);
    free((*workspace)->rows);
    free(*workspace);
    *workspace = NULL;
}

void vg_workspace_time_layers(vg_workspace *workspace, double *seconds)
{
    workspace->layer_seconds = seconds;
}

/* --- A block on its way ------------------------------------------------- */

/* Its layers follow one another; the first block's expansion is the stem. */
enum { EXPAND, DEPTHWISE, PROJECT, BLOCK_LAYERS };

typedef struct block_run {
    const vg_network *network;
    vg_workspace *workspace;
    const vg_block *block;
    const vg_block_plan *plan;
    const vg_packed_layer *layers; /* [BLOCK_LAYERS] */
    const uint8_t *rgb;            /* the input of the stem ... */
    const float *input;            /* ... and of all others */
    float *output;
} block_run;

static double begin_layer(const block_run *run)
{
    return run->workspace->layer_seconds != NULL ? vg_seconds() : 0.0;
}

static void end_layer(const block_run *run, int which, double start)
{
    if (run->workspace->layer_seconds == NULL) return;
    ptrdiff_t layer = run->layers + which - run->network->layers;
    run->workspace->layer_seconds[layer] += vg_seconds() - start;
}

/* --- Strips and their expanded rows ------------------------------------- */

typedef struct strip {
    int begin, end; /* output rows */
    int first;      /* expanded rows it needs, those from above included ... */
    int last;       /* ... and the one past them */
    int carried;    /* rows from here on are for the next strip too; `last` where none are */
    int fresh;      /* rows before this one were carried into this strip */
    int set;        /* alternates: which carried rows are its own */
} strip;

static int first_tap(const block_run *run, int row)
{
    int padding = run->block->stride == 1;
    int tap = row * run->block->stride - padding;
    return tap > 0 ? tap : 0;
}

static int past_last_tap(const block_run *run, int row)
{
    int past = row * run->block->stride + 2 + (run->block->stride == 2);
    return past < run->block->in_size ? past : run->block->in_size;
}

static strip strip_at(const block_run *run, int begin, int set)
{
    strip s = {.begin = begin, .end = begin + run->plan->strip_rows, .set = set};
    int is_last = s.end >= run->plan->out_size;
    if (is_last) s.end = run->plan->out_size;
    s.first = first_tap(run, begin);
    s.last = past_last_tap(run, s.end - 1);
    s.fresh = begin > 0 ? s.first + run->plan->carried_rows : s.first;
    s.carried = is_last ? s.last : first_tap(run, s.end);
    return s;
}

static float *carried_row(const block_run *run, int set, int p, int index, int width)
{
    int panel = run->network->kernels.panel;
    ptrdiff_t channels = vg_panel_channels(run->block->expanded_channels, panel);
    ptrdiff_t start = (set * channels + (ptrdiff_t)p * panel) * run->plan->carried_rows;
    return run->workspace->carried + (start + (ptrdiff_t)index * width) * run->block->in_size;
}

/* Where panel `p` of an expanded row lies. */
static float *expanded_row(const block_run *run, const strip *s, int p, int row)
{
    int width = vg_panel_width(run->block->expanded_channels, run->network->kernels.panel, p);
    if (row >= s->carried) return carried_row(run, s->set, p, row - s->carried, width);
    if (row < s->fresh) return carried_row(run, !s->set, p, row - s->first, width);
    ptrdiff_t index = row % run->plan->ring_rows;
    return run->workspace->ring + index * width * run->block->in_size;
}

/* How many of the rows begin .. end, all of them fresh, lie side by side. */
static int adjacent_rows(const block_run *run, const strip *s, int begin, int end)
{
    int count = end - begin;
    if (begin >= s->carried) return count;
    int to_wrap = run->plan->ring_rows - begin % run->plan->ring_rows;
    int to_carried = s->carried - begin;
    if (count > to_wrap) count = to_wrap;
    return count < to_carried ? count : to_carried;
}

/* --- Layers ------------------------------------------------------------- */

static const float *panel_weights(const vg_packed_layer *layer, int panel, int p)
{
    return layer->weights + (ptrdiff_t)p * panel * layer->products;
}

/* The rows of the image that a strip of the stem's rows needs. */
static void normalise_rows(const block_run *run, const strip *s)
{
    float *to = run->workspace->input;
    int first = 2 * s->fresh;
    for (int row = first; row < first + image_rows(s->last - s->fresh); row++) {
        if (row < VG_IMAGE_SIZE)
            run->network->kernels.normalise(to, run->rgb + (ptrdiff_t)row * RGB_ROW, RGB_ROW);
        else
            memset(to, 0, RGB_ROW * sizeof *to);
        to += INPUT_ROW;
    }
}

static void run_stem(const block_run *run, const strip *s, int p, int begin, int end)
{
    const vg_packed_layer *layer = &run->layers[EXPAND];
    int panel = run->network->kernels.panel;
    for (int row = begin; row < end; row++)
        run->network->kernels.stem(
            expanded_row(run, s, p, row),
            run->workspace->input + (ptrdiff_t)(row - s->fresh) * 2 * INPUT_ROW, INPUT_ROW,
            panel_weights(layer, panel, p), layer->bias + p * panel, STEM_SIZE,
            vg_panel_width(layer->channels, panel, p));
}

static void run_pointwise(const block_run *run, const strip *s, int p, int begin, int end)
{
    const vg_packed_layer *layer = &run->layers[EXPAND];
    int panel = run->network->kernels.panel, in_size = run->block->in_size;
    vg_pointwise_input input = {run->input, (ptrdiff_t)in_size * in_size * panel, layer->products,
                                0};
    for (int row = begin, count; row < end; row += count) {
        count = adjacent_rows(run, s, row, end);
        input.first = row * in_size;
        run->network->kernels.pointwise(expanded_row(run, s, p, row), &input,
                                        panel_weights(layer, panel, p), layer->bias + p * panel,
                                        NULL, count * in_size,
                                        vg_panel_width(layer->channels, panel, p), VG_RELU6);
    }
}

static void run_expand(const block_run *run, const strip *s, int p, int begin, int end)
{
    double start = begin_layer(run);
    if (run->rgb != NULL)
        run_stem(run, s, p, begin, end);
    else
        run_pointwise(run, s, p, begin, end);
    end_layer(run, EXPAND, start);
}

/* Output rows begin .. end of one panel into the strip. */
static void run_depthwise(const block_run *run, const strip *s, int p, int begin, int end)
{
    double start = begin_layer(run);
    const vg_kernels *kernels = &run->network->kernels;
    const vg_packed_layer *layer = &run->layers[DEPTHWISE];
    int panel = kernels->panel, stride = run->block->stride, out_size = run->plan->out_size;
    int width = vg_panel_width(layer->channels, panel, p);
    int padding_above = stride == 1;
    const float **rows = run->workspace->rows;
    for (int i = 0; i < (end - begin - 1) * stride + 3; i++) {
        int row = begin * stride - padding_above + i;
        rows[i] = row >= 0 && row < run->block->in_size ? expanded_row(run, s, p, row)
                                                        : run->workspace->zeros;
    }
    ptrdiff_t strip_start = (ptrdiff_t)p * panel * run->plan->strip_rows * out_size;
    vg_depthwise_fn *depthwise =
        stride == 1 ? kernels->depthwise_stride1 : kernels->depthwise_stride2;
    depthwise(run->workspace->strip + strip_start +
                  (ptrdiff_t)(begin - s->begin) * out_size * width,
              rows, panel_weights(layer, panel, p), layer->bias + p * panel, end - begin, out_size,
              width);
    end_layer(run, DEPTHWISE, start);
}

static void run_project(const block_run *run, const strip *s)
{
    double begin = begin_layer(run);
    const vg_packed_layer *layer = &run->layers[PROJECT];
    int panel = run->network->kernels.panel, out_size = run->plan->out_size;
    vg_pointwise_input input = {run->workspace->strip,
                                (ptrdiff_t)run->plan->strip_rows * out_size * panel,
                                layer->products, 0};
    for (int p = 0; p < vg_panel_count(layer->channels, panel); p++) {
        int width = vg_panel_width(layer->channels, panel, p);
        ptrdiff_t start =
            ((ptrdiff_t)p * panel * out_size + (ptrdiff_t)s->begin * width) * out_size;
        run->network->kernels.pointwise(run->output + start, &input, panel_weights(layer, panel, p),
                                        layer->bias + p * panel,
                                        run->block->has_residual ? run->input + start : NULL,
                                        (s->end - s->begin) * out_size, width, VG_LINEAR);
    }
    end_layer(run, PROJECT, begin);
}

/* One panel of a strip, in steps: expanded rows are read while they are in the level 1
 * cache. */
static void run_panel(const block_run *run, const strip *s, int p)
{
    int expanded = s->fresh;
    for (int begin = s->begin, end; begin < s->end; begin = end) {
        end = begin + run->plan->step_rows;
        if (end > s->end) end = s->end;
        int needed = past_last_tap(run, end - 1);
        run_expand(run, s, p, expanded, needed);
        expanded = needed;
        run_depthwise(run, s, p, begin, end);
    }
}

static void run_block(const block_run *run)
{
    int panels = vg_panel_count(run->block->expanded_channels, run->network->kernels.panel);
    int set = 0;
    for (int begin = 0; begin < run->plan->out_size; begin += run->plan->strip_rows, set = !set) {
        strip s = strip_at(run, begin, set);
        if (run->rgb != NULL) normalise_rows(run, &s);
        for (int p = 0; p < panels; p++) run_panel(run, &s, p);
        run_project(run, &s);
    }
}

/* --- The network -------------------------------------------------------- */

/* The last convolution, and the mean of each of its channels. */
static void run_head(const block_run *run, float *features)
{
    double start = begin_layer(run);
    const vg_kernels *kernels = &run->network->kernels;
    const vg_packed_layer *layer = run->layers;
    int panel = kernels->panel;
    vg_pointwise_input input = {run->input, (ptrdiff_t)HEAD_PIXELS * panel, layer->products, 0};
    for (int p = 0; p < vg_panel_count(layer->channels, panel); p++) {
        int width = vg_panel_width(layer->channels, panel, p);
        kernels->pointwise(run->workspace->strip, &input, panel_weights(layer, panel, p),
                           layer->bias + p * panel, NULL, HEAD_PIXELS, width, VG_RELU6);
        kernels->average(features + p * panel, run->workspace->strip, HEAD_PIXELS, width);
    }
    end_layer(run, 0, start);
}

void vg_network_forward(const vg_network *network, vg_workspace *workspace, const uint8_t *rgb,
                        float *features)
{
    block_run run = {.network = network, .workspace = workspace, .layers = network->layers};
    for (int i = 0; i < VG_BLOCK_COUNT; i++) {
        run.block = &vg_blocks[i];
        run.plan = &network->plans[i];
        run.rgb = i == 0 ? rgb : NULL;
        run.output = workspace->tensors[i % 2];
        run_block(&run);
        run.input = run.output;
        run.layers += BLOCK_LAYERS;
    }
    run_head(&run, features);
}
