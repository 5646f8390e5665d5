/* Weights from a seed, for where no trained ones can be had: to measure and to
 * test with. Uniform numbers, sums, products and a square root only, which IEEE 754
 * rounds alike on every machine; libm's logarithm and cosine it does not. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "model/weights.h"

/* Expand, depthwise, project; the stem counts as the first block's expansion. */
enum { LAYERS_IN_BLOCK = 3 };

/* SplitMix64: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
 * generators". */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* In [-bound, bound). */
static float next_uniform(uint64_t *state, double bound)
{
    double unit = (double)(next_random(state) >> 11) * 0x1p-53;
    return (float)((2.0 * unit - 1.0) * bound);
}

/* He et al. 2015, "Delving deep into rectifiers": a layer keeps the size of its
 * input if the variance of its weights is gain / fan-in, where the gain is 2 for an
 * input that has gone through a ReLU. The projections have no ReLU, so what they
 * feed, expansions and head, takes 1. Where a residual is added, a smaller branch
 * keeps the sum from doubling block by block. */
static double weight_variance(int index)
{
    vg_layer layer = vg_layer_at(index);
    int fan_in = layer.kernel_size * layer.kernel_size;
    if (!layer.is_depthwise) fan_in *= layer.in_channels;

    int is_head = index == VG_LAYER_COUNT - 1;
    int is_projection = !is_head && index % LAYERS_IN_BLOCK == LAYERS_IN_BLOCK - 1;
    double gain = layer.is_depthwise || is_projection ? 2.0 : 1.0;
    if (is_projection && vg_blocks[index / LAYERS_IN_BLOCK].has_residual) gain = 0.5;
    return gain / fan_in;
}

static void fill(vg_tensor *tensor, double bound, uint64_t *state)
{
    size_t count = vg_tensor_count(tensor);
    for (size_t i = 0; i < count; i++) tensor->values[i] = next_uniform(state, bound);
}

vg_status vg_weights_seeded(vg_weights **weights, uint64_t seed, vg_error *error)
{
    const double bias_bound = 0.1;
    uint64_t state = seed;
    vg_status status = vg_weights_open_layers(weights, error);
    if (status != VG_OK) return status;

    snprintf((*weights)->origin, sizeof(*weights)->origin, "drawn from the seed %" PRIu64, seed);
    for (int i = 0; i < VG_LAYER_COUNT; i++) {
        /* A uniform number in [-b, b] has the variance b^2 / 3. */
        fill(&(*weights)->tensors[2 * i], sqrt(3.0 * weight_variance(i)), &state);
        fill(&(*weights)->tensors[2 * i + 1], bias_bound, &state);
    }
    return VG_OK;
}
