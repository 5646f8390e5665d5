/* The forward pass. A block runs in strips of output rows: expand the input rows
 * the strip needs, depthwise, project, so that the expanded activations stay in the
 * core's own caches. All tensors are in panel layout (kernels.h). */
#include "model/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    INPUT_SIZE = VG_IMAGE_SIZE,
    INPUT_ROW = (VG_IMAGE_SIZE + 1) * 3, /* one pixel of padding on the right ... */
    INPUT_ROWS = VG_IMAGE_SIZE + 1,      /* ... and one row below */
    STEM_SIZE = VG_IMAGE_SIZE / 2,
    HEAD_SIZE = VG_IMAGE_SIZE / 32,
    HEAD_PIXELS = HEAD_SIZE * HEAD_SIZE,
};

struct vg_workspace {
    float *input;       /* [INPUT_ROWS][INPUT_ROW], padding stays 0 */
    float *tensors[2];  /* a block's input and output */
    float *ring;        /* expanded rows */
    float *strip;       /* depthwise outputs of a strip */
    float *zeros;       /* a row of padding */
    const float **rows; /* what a depthwise kernel reads */
};

/* --- Network ------------------------------------------------------------ */

static vg_network *network_over(const vg_packed *packed, const vg_kernels *kernels)
{
    vg_network *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return NULL;
    opened->kernels = *kernels;
    opened->packed = *packed;
    vg_packed_layers(packed, kernels->panel, opened->layers);
    /* Half of the cache: the other half is for weights and the block's tensors. */
    size_t cache_bytes = vg_cpu_cache_bytes(2) / 2;
    for (int i = 0; i < VG_BLOCK_COUNT; i++)
        opened->plans[i] = vg_plan_block(&vg_blocks[i], kernels->panel, cache_bytes);
    return opened;
}

/* The network takes what was packed, which goes where there is none. */
static vg_status take_packed(vg_network **network, vg_packed *packed, const vg_kernels *kernels,
                             vg_error *error)
{
    *network = network_over(packed, kernels);
    if (*network != NULL) return VG_OK;
    vg_packed_close(packed);
    return vg_fail_memory(error, sizeof **network);
}

vg_status vg_network_open(vg_network **network, const vg_weights *weights,
                          const vg_kernels *kernels, vg_error *error)
{
    *network = NULL;
    vg_packed packed;
    vg_status status = vg_packed_open(&packed, weights, kernels->panel, error);
    return status == VG_OK ? take_packed(network, &packed, kernels, error) : status;
}

vg_status vg_network_map(vg_network **network, const char *path, const vg_kernels *kernels,
                         vg_error *error)
{
    *network = NULL;
    vg_packed packed;
    vg_status status = vg_packed_map(&packed, path, kernels->panel, error);
    return status == VG_OK ? take_packed(network, &packed, kernels, error) : status;
}

vg_status vg_network_save(const vg_network *network, const char *path, vg_error *error)
{
    return vg_packed_save(&network->packed, path, error);
}

void vg_network_close(vg_network **network)
{
    if (*network == NULL) return;
    vg_packed_close(&(*network)->packed);
    free(*network);
    *network = NULL;
}

/* --- Workspace ---------------------------------------------------------- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

vg_status vg_workspace_open(vg_workspace **workspace, const vg_network *network, vg_error *error)
{
    *workspace = NULL;
    int panel = network->kernels.panel;
    size_t tensor = 0, ring = 0, strip = (size_t)(HEAD_PIXELS * panel), rows = 0;
    for (int i = 0; i < VG_BLOCK_COUNT; i++) {
        const vg_block *block = &vg_blocks[i];
        const vg_block_plan *plan = &network->plans[i];
        size_t pixels = (size_t)plan->out_size * (size_t)plan->out_size;
        tensor = larger(tensor, pixels * (size_t)vg_panel_channels(block->out_channels, panel));
        ring = larger(ring, vg_plan_ring_floats(block, plan, panel));
        strip = larger(strip, vg_plan_strip_floats(block, plan, panel));
        rows = larger(rows, (size_t)(plan->ring_rows + 2));
    }

    vg_workspace *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->input = vg_alloc_aligned((size_t)INPUT_ROWS * INPUT_ROW, sizeof(float));
    opened->tensors[0] = vg_alloc_aligned(tensor, sizeof(float));
    opened->tensors[1] = vg_alloc_aligned(tensor, sizeof(float));
    opened->ring = vg_alloc_aligned(ring, sizeof(float));
    opened->strip = vg_alloc_aligned(strip, sizeof(float));
    opened->zeros = vg_alloc_aligned((size_t)(STEM_SIZE * panel), sizeof(float));
    opened->rows = vg_alloc_aligned(rows, sizeof *opened->rows);
    if (opened->input == NULL || opened->tensors[0] == NULL || opened->tensors[1] == NULL ||
        opened->ring == NULL || opened->strip == NULL || opened->zeros == NULL ||
        opened->rows == NULL) {
        vg_workspace_close(&opened);
        return vg_fail_memory(error, (2 * tensor + ring + strip) * sizeof(float));
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
    free((*workspace)->strip);
    free((*workspace)->zeros);
    free((*workspace)->rows);
    free(*workspace);
    *workspace = NULL;
}

/* --- Forward pass ------------------------------------------------------- */

/* A block on its way through one image. */
typedef struct block_run {
    const vg_network *network;
    vg_workspace *workspace;
    const vg_block *block;
    const vg_block_plan *plan;
    const vg_packed_layer *expand, *depthwise, *project;
    const float *input; /* the image where the expansion is the stem */
    float *output;
} block_run;

static float *ring_row(const block_run *run, int p, int row)
{
    int panel = run->network->kernels.panel;
    int width = vg_panel_width(run->block->expanded_channels, panel, p);
    ptrdiff_t panel_start = run->plan->is_whole ? 0 : (ptrdiff_t)p * panel * run->plan->ring_rows;
    ptrdiff_t row_start = (ptrdiff_t)(row % run->plan->ring_rows) * width;
    return run->workspace->ring + (panel_start + row_start) * run->block->in_size;
}

static void run_stem(const block_run *run, int p, int begin, int end)
{
    int panel = run->network->kernels.panel;
    int width = vg_panel_width(run->expand->channels, panel, p);
    const float *weights = run->expand->weights + (ptrdiff_t)p * panel * run->expand->products;
    for (int row = begin; row < end; row++)
        run->network->kernels.stem(ring_row(run, p, row),
                                   run->input + (ptrdiff_t)row * 2 * INPUT_ROW, INPUT_ROW, weights,
                                   run->expand->bias + p * panel, STEM_SIZE, width);
}

static void run_expand(const block_run *run, int p, int begin, int end)
{
    int panel = run->network->kernels.panel;
    int in_size = run->block->in_size;
    int width = vg_panel_width(run->expand->channels, panel, p);
    const float *weights = run->expand->weights + (ptrdiff_t)p * panel * run->expand->products;
    vg_pointwise_input input = {run->input, (ptrdiff_t)in_size * in_size * panel,
                                run->expand->products, 0};
    for (int row = begin, count; row < end; row += count) {
        /* As many rows as lie side by side in the ring. */
        count = run->plan->ring_rows - row % run->plan->ring_rows;
        if (count > end - row) count = end - row;
        input.first = row * in_size;
        run->network->kernels.pointwise(ring_row(run, p, row), &input, weights,
                                        run->expand->bias + p * panel, NULL, count * in_size, width,
                                        VG_RELU6);
    }
}

/* Output rows begin .. end of one panel into the strip. */
static void run_depthwise(const block_run *run, int p, int begin, int end)
{
    const vg_kernels *kernels = &run->network->kernels;
    int panel = kernels->panel, stride = run->block->stride;
    int width = vg_panel_width(run->depthwise->channels, panel, p);
    int padding_above = stride == 1;
    int first = begin * stride - padding_above;
    int count = (end - begin - 1) * stride + 3;
    const float **rows = run->workspace->rows;
    for (int i = 0; i < count; i++) {
        int row = first + i;
        rows[i] =
            row >= 0 && row < run->block->in_size ? ring_row(run, p, row) : run->workspace->zeros;
    }
    ptrdiff_t strip_pixels = (ptrdiff_t)run->plan->strip_rows * run->plan->out_size;
    vg_depthwise_fn *depthwise =
        stride == 1 ? kernels->depthwise_stride1 : kernels->depthwise_stride2;
    depthwise(run->workspace->strip + p * panel * strip_pixels, rows,
              run->depthwise->weights + (ptrdiff_t)p * panel * run->depthwise->products,
              run->depthwise->bias + p * panel, end - begin, run->plan->out_size, width);
}

static void run_project(const block_run *run, int begin, int end)
{
    int panel = run->network->kernels.panel, out_size = run->plan->out_size;
    int channels = run->project->channels;
    vg_pointwise_input input = {run->workspace->strip,
                                (ptrdiff_t)run->plan->strip_rows * out_size * panel,
                                run->project->products, 0};
    for (int p = 0; p < vg_panel_count(channels, panel); p++) {
        int width = vg_panel_width(channels, panel, p);
        ptrdiff_t start =
            (ptrdiff_t)p * panel * out_size * out_size + (ptrdiff_t)begin * out_size * width;
        run->network->kernels.pointwise(
            run->output + start, &input,
            run->project->weights + (ptrdiff_t)p * panel * run->project->products,
            run->project->bias + p * panel, run->block->has_residual ? run->input + start : NULL,
            (end - begin) * out_size, width, VG_LINEAR);
    }
}

static void run_block(const block_run *run, int is_first)
{
    int panel = run->network->kernels.panel;
    int panels = vg_panel_count(run->block->expanded_channels, panel);
    int stride = run->block->stride, in_size = run->block->in_size;
    int expanded = 0; /* rows in the ring so far */
    for (int begin = 0; begin < run->plan->out_size; begin += run->plan->strip_rows) {
        int end = begin + run->plan->strip_rows;
        if (end > run->plan->out_size) end = run->plan->out_size;
        int needed = end * stride + 1;
        if (needed > in_size) needed = in_size;
        for (int p = 0; p < panels; p++) {
            if (is_first)
                run_stem(run, p, expanded, needed);
            else
                run_expand(run, p, expanded, needed);
            run_depthwise(run, p, begin, end);
        }
        run_project(run, begin, end);
        expanded = needed;
    }
}

/* The last convolution, and the mean of each of its channels. */
static void run_head(const vg_network *network, vg_workspace *workspace, const float *input,
                     float *features)
{
    const vg_kernels *kernels = &network->kernels;
    const vg_packed_layer *head = &network->layers[VG_LAYER_COUNT - 1];
    int panel = kernels->panel;
    vg_pointwise_input a = {input, (ptrdiff_t)HEAD_PIXELS * panel, head->products, 0};
    for (int p = 0; p < vg_panel_count(head->channels, panel); p++) {
        int width = vg_panel_width(head->channels, panel, p);
        kernels->pointwise(workspace->strip, &a,
                           head->weights + (ptrdiff_t)p * panel * head->products,
                           head->bias + p * panel, NULL, HEAD_PIXELS, width, VG_RELU6);
        kernels->average(features + p * panel, workspace->strip, HEAD_PIXELS, width);
    }
}

void vg_network_forward(const vg_network *network, vg_workspace *workspace, const uint8_t *rgb,
                        float *features)
{
    for (int y = 0; y < VG_IMAGE_SIZE; y++)
        network->kernels.normalise(workspace->input + (ptrdiff_t)y * INPUT_ROW,
                                   rgb + (ptrdiff_t)y * VG_IMAGE_SIZE * 3, VG_IMAGE_SIZE * 3);

    const float *input = workspace->input;
    const vg_packed_layer *layer = network->layers;
    for (int i = 0; i < VG_BLOCK_COUNT; i++, layer += 3) {
        block_run run = {network,   workspace, &vg_blocks[i], &network->plans[i],       layer,
                         layer + 1, layer + 2, input,         workspace->tensors[i % 2]};
        run_block(&run, i == 0);
        input = run.output;
    }
    run_head(network, workspace, input, features);
}
