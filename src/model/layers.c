/* MobileNetV2 1.0 at 224 pixels as tables. Source: Sandler et al. 2018,
 * "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2; the names are
 * those of keras.applications.MobileNetV2. */
#include <stdio.h>

#include "model/model.h"

/* name, in, expanded and out channels, stride, input size, residual */
const vg_block vg_blocks[VG_BLOCK_COUNT] = {
    {"expanded_conv", 32, 32, 16, 1, 112, 0}, {"block_1", 16, 96, 24, 2, 112, 0},
    {"block_2", 24, 144, 24, 1, 56, 1},       {"block_3", 24, 144, 32, 2, 56, 0},
    {"block_4", 32, 192, 32, 1, 28, 1},       {"block_5", 32, 192, 32, 1, 28, 1},
    {"block_6", 32, 192, 64, 2, 28, 0},       {"block_7", 64, 384, 64, 1, 14, 1},
    {"block_8", 64, 384, 64, 1, 14, 1},       {"block_9", 64, 384, 64, 1, 14, 1},
    {"block_10", 64, 384, 96, 1, 14, 0},      {"block_11", 96, 576, 96, 1, 14, 1},
    {"block_12", 96, 576, 96, 1, 14, 1},      {"block_13", 96, 576, 160, 2, 14, 0},
    {"block_14", 160, 960, 160, 1, 7, 1},     {"block_15", 160, 960, 160, 1, 7, 1},
    {"block_16", 160, 960, 320, 1, 7, 0},
};

static vg_layer layer(const char *name, const char *suffix, int is_depthwise, int kernel_size,
                      int in_channels, int out_channels)
{
    vg_layer result = {.is_depthwise = is_depthwise,
                       .kernel_size = kernel_size,
                       .in_channels = in_channels,
                       .out_channels = out_channels};
    snprintf(result.name, sizeof result.name, "%s%s", name, suffix);
    return result;
}

vg_layer vg_layer_at(int index)
{
    if (index == 0) return layer("Conv1", "", 0, 3, 3, VG_STEM_CHANNELS);
    if (index == VG_LAYER_COUNT - 1)
        return layer("Conv_1", "", 0, 1, VG_HEAD_CHANNELS, VG_FEATURE_COUNT);

    const vg_block *block = &vg_blocks[index / VG_BLOCK_LAYERS];
    int expanded = block->expanded_channels;
    switch (index % VG_BLOCK_LAYERS) {
    case VG_EXPAND: return layer(block->name, "_expand", 0, 1, block->in_channels, expanded);
    case VG_DEPTHWISE: return layer(block->name, "_depthwise", 1, 3, expanded, expanded);
    default: return layer(block->name, "_project", 0, 1, expanded, block->out_channels);
    }
}
