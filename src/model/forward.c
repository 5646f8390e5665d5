/* The forward pass. A block runs in strips of output rows: expand the input rows the
 * strip needs, depthwise, project, so that the expanded activations stay in the core's
 * own caches. All tensors are in panel layout (kernels.h).
 *
 * A team of threads shares a block by its rows where it takes several strips, else by its
 * panels and then by its pixels. */
#include <string.h>

#include "base/clock.h"
#include "model/workspace.h"

/* --- A block on its way ------------------------------------------------- */

typedef struct block_run {
    const vg_network *network;
    const vg_workspace *workspace;
    const vg_scratch *own;
    int part, parts;
    const vg_block *block;
    const vg_block_plan *plan;
    const vg_packed_layer *layers; /* [VG_BLOCK_LAYERS] */
    const uint8_t *rgb;            /* the input of the stem ... */
    const float *input;            /* ... and of all others */
    float *output;
    const vg_encoded *encoded_input; /* where 1x1 convolutions take digits */
    const vg_encoded *encoded_output;
    float *strip; /* the thread's own, or where panels are shared, that of the first */
} block_run;

/* This thread's part of `count` things lies between share(run, count, 0) and
 * share(run, count, 1). */
static int share(const block_run *run, int count, int end)
{
    return count * (run->part + end) / run->parts;
}

/* Times are those of the first thread. */
static vg_layer_time *times_of(const block_run *run)
{
    return run->part == 0 ? run->workspace->times : NULL;
}

static double begin_layer(const block_run *run)
{
    return times_of(run) != NULL ? vg_seconds() : 0.0;
}

static void end_layer(const block_run *run, int which, double start)
{
    vg_layer_time *times = times_of(run);
    if (times == NULL) return;
    vg_layer_time *layer = &times[run->layers + which - run->network->layers];
    layer->seconds += vg_seconds() - start;
    layer->stretches++;
}

/* --- Strips, bands and their expanded rows ------------------------------ */

typedef struct strip {
    int begin, end; /* output rows */
    int first;      /* expanded rows it needs, those from above included ... */
    int last;       /* ... and the one past them */
    int carried;    /* rows from here on are for the next strip too; `last` where none are */
    int fresh;      /* rows before this one were carried into this strip */
    int set;        /* alternates: which carried rows are its own */
} strip;

/* Of output rows, and of columns. */
static int first_tap(const block_run *run, int output)
{
    int padding = run->block->stride == 1;
    int tap = output * run->block->stride - padding;
    return tap > 0 ? tap : 0;
}

static int past_last_tap(const block_run *run, int output)
{
    int past = output * run->block->stride + 2 + (run->block->stride == 2);
    return past < run->block->in_size ? past : run->block->in_size;
}

/* The strip that begins at a row of those this thread has, begin_rows .. end_rows. */
static strip strip_at(const block_run *run, int begin, int begin_rows, int end_rows, int set)
{
    strip s = {.begin = begin, .end = begin + run->plan->strip_rows, .set = set};
    if (s.end > end_rows) s.end = end_rows;
    s.first = first_tap(run, s.begin);
    s.last = past_last_tap(run, s.end - 1);
    s.fresh = s.begin > begin_rows ? s.first + run->plan->carried_rows : s.first;
    s.carried = s.end < end_rows ? first_tap(run, s.end) : s.last;
    return s;
}

typedef struct band {
    int begin, end;  /* output columns */
    int first, last; /* expanded columns that these need, and the one past them */
} band;

static band band_at(const block_run *run, int begin)
{
    int end = begin + run->plan->band_columns;
    return (band){.begin = begin,
                  .end = end,
                  .first = first_tap(run, begin),
                  .last = past_last_tap(run, end - 1)};
}

static float *carried_row(const block_run *run, int set, int p, int index, int width)
{
    int panel = run->plan->panel;
    ptrdiff_t channels = vg_panel_channels(run->block->expanded_channels, panel);
    ptrdiff_t start = (set * channels + (ptrdiff_t)p * panel) * run->plan->carried_rows;
    return run->own->carried + (start + (ptrdiff_t)index * width) * run->block->in_size;
}

/* Where panel `p` of an expanded row lies, at the band's first column. Rows that are carried
 * are whole, those of the ring are the band's. */
static float *expanded_row(const block_run *run, const strip *s, const band *b, int p, int row)
{
    int width = vg_panel_width(run->block->expanded_channels, run->plan->panel, p);
    ptrdiff_t column = (ptrdiff_t)b->first * width;
    if (row >= s->carried) return carried_row(run, s->set, p, row - s->carried, width) + column;
    if (row < s->fresh) return carried_row(run, !s->set, p, row - s->first, width) + column;
    ptrdiff_t index = row % run->plan->ring_rows;
    return run->own->ring + index * width * run->plan->ring_columns;
}

/* How many of the rows begin .. end, all of them fresh, lie side by side. */
static int adjacent_rows(const block_run *run, const strip *s, int begin, int end)
{
    if (run->plan->ring_columns < run->block->in_size) return 1;
    int count = end - begin;
    if (begin >= s->carried) return count;
    int to_wrap = run->plan->ring_rows - begin % run->plan->ring_rows;
    int to_carried = s->carried - begin;
    if (count > to_wrap) count = to_wrap;
    return count < to_carried ? count : to_carried;
}

/* --- Layers ------------------------------------------------------------- */

static const float *weights_of(const vg_packed_layer *layer, int p)
{
    return layer->weights + p * layer->panel_weights;
}

static const float *bias_of(const vg_packed_layer *layer, int p)
{
    return layer->bias + p * layer->panel_bias;
}

static vg_pointwise_fn *pointwise_of(const block_run *run, const vg_packed_layer *layer)
{
    const vg_kernels *kernels = &run->network->kernels;
    return layer->is_of_digits ? kernels->pointwise_digits
                               : vg_kernels_pointwise(kernels, layer->products, layer->channels);
}

/* The block's input, or the head's, as that of a 1x1 convolution. */
static vg_pointwise_input input_of(const block_run *run, const vg_packed_layer *layer, int pixels)
{
    int panel = run->network->kernels.panel;
    if (layer->is_of_digits)
        return (vg_pointwise_input){.values = run->encoded_input->digits,
                                    .panel_stride = (ptrdiff_t)vg_digits_floats(panel) * pixels,
                                    .channels = layer->products,
                                    .panel = panel,
                                    .scales = run->encoded_input->scales};
    return (vg_pointwise_input){.values = run->input,
                                .panel_stride = (ptrdiff_t)panel * pixels,
                                .channels = layer->products};
}

/* Floats from pixel to pixel of a panel of the strip. */
static int strip_floats(const block_run *run, int width)
{
    return run->plan->has_digits ? vg_digits_floats(width) : width;
}

static ptrdiff_t strip_stride(const block_run *run)
{
    int pixels = run->plan->strip_rows * run->plan->out_size;
    return (ptrdiff_t)strip_floats(run, run->plan->panel) * pixels;
}

/* The rows of the image that a strip of the stem's rows needs: part of that layer. */
static void normalise_rows(const block_run *run, const strip *s)
{
    double start = begin_layer(run);
    float *to = run->own->input;
    int first = 2 * s->fresh;
    for (int row = first; row < first + vg_image_rows(s->last - s->fresh); row++) {
        if (row < VG_IMAGE_SIZE)
            run->network->kernels.normalise(to, run->rgb + (ptrdiff_t)row * VG_RGB_ROW, VG_RGB_ROW);
        else
            memset(to, 0, VG_RGB_ROW * sizeof *to);
        to += VG_INPUT_ROW;
    }
    end_layer(run, VG_EXPAND, start);
}

static void run_stem(const block_run *run, const strip *s, const band *b, int p, int begin, int end)
{
    const vg_packed_layer *layer = &run->layers[VG_EXPAND];
    const float *input = run->own->input + b->first * VG_STEM_PIXEL_STRIDE;
    for (int row = begin; row < end; row++)
        run->network->kernels.stem(
            expanded_row(run, s, b, p, row), input + (ptrdiff_t)(row - s->fresh) * 2 * VG_INPUT_ROW,
            VG_INPUT_ROW, weights_of(layer, p), bias_of(layer, p), b->last - b->first,
            vg_panel_width(layer->channels, layer->panel, p));
}

static void run_pointwise(const block_run *run, const strip *s, const band *b, int p, int begin,
                          int end)
{
    const vg_packed_layer *layer = &run->layers[VG_EXPAND];
    int in_size = run->block->in_size;
    vg_pointwise_input input = input_of(run, layer, in_size * in_size);
    for (int row = begin, count; row < end; row += count) {
        count = adjacent_rows(run, s, row, end);
        input.first = row * in_size + b->first;
        pointwise_of(run, layer)(expanded_row(run, s, b, p, row), &input, weights_of(layer, p),
                                 bias_of(layer, p), NULL, count * (b->last - b->first),
                                 vg_panel_width(layer->channels, layer->panel, p), VG_RELU6);
    }
}

static void run_expand(const block_run *run, const strip *s, const band *b, int p, int begin,
                       int end)
{
    double start = begin_layer(run);
    if (run->rgb != NULL)
        run_stem(run, s, b, p, begin, end);
    else
        run_pointwise(run, s, b, p, begin, end);
    end_layer(run, VG_EXPAND, start);
}

/* `height` rows of the band's outputs from the rows that `own` lists. */
static void filter_rows(const block_run *run, float *to, const band *b, int p, int height,
                        int width)
{
    const vg_kernels *kernels = &run->network->kernels;
    const vg_packed_layer *layer = &run->layers[VG_DEPTHWISE];
    const float *const *rows = run->own->rows;
    int stride = run->block->stride, out_size = run->plan->out_size, columns = b->end - b->begin;
    int borders = (b->begin == 0 ? VG_BORDER_LEFT : 0) | (b->end == out_size ? VG_BORDER_RIGHT : 0);
    vg_depthwise_fn *depthwise =
        stride == 1 ? kernels->depthwise_stride1 : kernels->depthwise_stride2;
    if (!run->plan->has_digits) {
        depthwise(to, (ptrdiff_t)out_size * width, rows, weights_of(layer, p), bias_of(layer, p),
                  height, columns, width, borders);
        return;
    }
    for (int y = 0; y < height; y++, rows += stride) {
        depthwise(run->own->filtered, columns * width, rows, weights_of(layer, p),
                  bias_of(layer, p), 1, columns, width, borders);
        kernels->encode_bounded(to, run->own->filtered, columns, width);
        to += out_size * vg_digits_floats(width);
    }
}

/* Output rows begin .. end of one panel's band into the strip. */
static void run_depthwise(const block_run *run, const strip *s, const band *b, int p, int begin,
                          int end)
{
    double start = begin_layer(run);
    const vg_packed_layer *layer = &run->layers[VG_DEPTHWISE];
    int stride = run->block->stride, out_size = run->plan->out_size;
    int width = vg_panel_width(layer->channels, layer->panel, p);
    int padding_above = stride == 1;
    const float **rows = run->own->rows;
    for (int i = 0; i < (end - begin - 1) * stride + 3; i++) {
        int row = begin * stride - padding_above + i;
        rows[i] = row >= 0 && row < run->block->in_size ? expanded_row(run, s, b, p, row)
                                                        : run->workspace->zeros;
    }
    ptrdiff_t pixel = (ptrdiff_t)(begin - s->begin) * out_size + b->begin;
    float *to = run->strip + p * strip_stride(run) + pixel * strip_floats(run, width);
    filter_rows(run, to, b, p, end - begin, width);
    end_layer(run, VG_DEPTHWISE, start);
}

/* Pixels begin .. end of the block's output as digits for the next. */
static void encode_output(const block_run *run, int begin, int end)
{
    ptrdiff_t pixels = (ptrdiff_t)run->plan->out_size * run->plan->out_size;
    int panel = run->network->kernels.panel;
    run->network->kernels.encode(run->encoded_output->digits, vg_digits_floats(panel) * pixels,
                                 run->encoded_output->scales, run->output, panel * pixels,
                                 run->block->out_channels, begin, end - begin);
}

/* Pixels begin .. end of the block's output, from a strip whose first is `strip_begin`. */
static void run_project(const block_run *run, int strip_begin, int begin, int end)
{
    double start = begin_layer(run);
    const vg_packed_layer *layer = &run->layers[VG_PROJECT];
    int panel = run->network->kernels.panel, out_size = run->plan->out_size;
    vg_pointwise_input input = {.values = run->strip,
                                .panel_stride = strip_stride(run),
                                .channels = layer->products,
                                .first = begin - strip_begin,
                                .panel = run->plan->panel};
    for (int p = 0; p < vg_panel_count(layer->channels, panel); p++) {
        int width = vg_panel_width(layer->channels, panel, p);
        ptrdiff_t at = (ptrdiff_t)p * panel * out_size * out_size + (ptrdiff_t)begin * width;
        pointwise_of(run, layer)(run->output + at, &input, weights_of(layer, p), bias_of(layer, p),
                                 run->block->has_residual ? run->input + at : NULL, end - begin,
                                 width, VG_LINEAR);
    }
    if (run->layers[VG_BLOCK_LAYERS].is_of_digits) encode_output(run, begin, end);
    end_layer(run, VG_PROJECT, start);
}

/* --- Blocks ------------------------------------------------------------- */

/* One band of a panel of a strip, in steps: expanded rows are read while they are in the
 * level 1 cache. */
static void run_band(const block_run *run, const strip *s, const band *b, int p)
{
    int expanded = s->fresh;
    for (int begin = s->begin, end; begin < s->end; begin = end) {
        end = begin + run->plan->step_rows;
        if (end > s->end) end = s->end;
        int needed = past_last_tap(run, end - 1);
        run_expand(run, s, b, p, expanded, needed);
        expanded = needed;
        run_depthwise(run, s, b, p, begin, end);
    }
}

static void run_panel(const block_run *run, const strip *s, int p)
{
    for (int begin = 0; begin < run->plan->out_size; begin += run->plan->band_columns) {
        band b = band_at(run, begin);
        run_band(run, s, &b, p);
    }
}

static int panel_count(const block_run *run)
{
    return vg_panel_count(run->block->expanded_channels, run->plan->panel);
}

/* In one strip, of which every thread takes some panels. */
static void run_whole(const block_run *run)
{
    int out_size = run->plan->out_size, pixels = out_size * out_size;
    strip s = strip_at(run, 0, 0, out_size, 0);
    if (run->rgb != NULL) normalise_rows(run, &s);
    for (int p = share(run, panel_count(run), 0); p < share(run, panel_count(run), 1); p++)
        run_panel(run, &s, p);
    vg_team_meet(run->workspace->team);
    run_project(run, 0, share(run, pixels, 0), share(run, pixels, 1));
}

/* In several strips, of which every thread has its own. */
static void run_strips(const block_run *run)
{
    int out_size = run->plan->out_size;
    int begin = share(run, out_size, 0), end = share(run, out_size, 1), set = 0;
    for (int row = begin; row < end; row += run->plan->strip_rows, set = !set) {
        strip s = strip_at(run, row, begin, end, set);
        if (run->rgb != NULL) normalise_rows(run, &s);
        for (int p = 0; p < panel_count(run); p++) run_panel(run, &s, p);
        run_project(run, s.begin * out_size, s.begin * out_size, s.end * out_size);
    }
}

static void run_block(block_run *run)
{
    if (vg_plan_is_whole(run->plan)) {
        run->strip = run->workspace->scratch[0].strip;
        run_whole(run);
    } else {
        run->strip = run->own->strip;
        run_strips(run);
    }
    vg_team_meet(run->workspace->team);
}

/* The last convolution, and the mean of each of its channels. */
static void run_head(const block_run *run, float *features)
{
    double start = begin_layer(run);
    const vg_kernels *kernels = &run->network->kernels;
    const vg_packed_layer *layer = run->layers;
    int panel = kernels->panel, panels = vg_panel_count(layer->channels, panel);
    float *pixels = run->own->strip;
    vg_pointwise_input input = input_of(run, layer, VG_HEAD_PIXELS);
    for (int p = share(run, panels, 0); p < share(run, panels, 1); p++) {
        int width = vg_panel_width(layer->channels, panel, p);
        pointwise_of(run, layer)(pixels, &input, weights_of(layer, p), bias_of(layer, p), NULL,
                                 VG_HEAD_PIXELS, width, VG_RELU6);
        kernels->average(features + p * panel, pixels, VG_HEAD_PIXELS, width);
    }
    end_layer(run, 0, start);
}

/* --- The network -------------------------------------------------------- */

typedef struct image_run {
    const vg_network *network;
    const vg_workspace *workspace;
    const uint8_t *rgb;
    float *features;
} image_run;

static void run_part(void *argument, int part)
{
    const image_run *image = argument;
    const vg_network *network = image->network;
    const vg_workspace *workspace = image->workspace;
    block_run run = {.network = network,
                     .workspace = workspace,
                     .own = &workspace->scratch[part],
                     .part = part,
                     .parts = vg_team_size(workspace->team),
                     .layers = network->layers};
    if (network->kernels.begin_digits != NULL) network->kernels.begin_digits();
    for (int i = 0; i < VG_BLOCK_COUNT; i++) {
        run.block = &vg_blocks[i];
        run.plan = &network->plans[i];
        run.rgb = i == 0 ? image->rgb : NULL;
        run.output = workspace->tensors[i % 2];
        run.encoded_output = &workspace->encoded[i % 2];
        run_block(&run);
        run.input = run.output;
        run.encoded_input = run.encoded_output;
        run.layers += VG_BLOCK_LAYERS;
    }
    run_head(&run, image->features);
    if (network->kernels.end_digits != NULL) network->kernels.end_digits();
}

void vg_network_forward(const vg_network *network, vg_workspace *workspace, const uint8_t *rgb,
                        float *features)
{
    image_run image = {network, workspace, rgb, features};
    vg_team_run(workspace->team, run_part, &image);
}
