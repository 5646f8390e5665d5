/* Products of float32 tensors from products of bytes, at float32's accuracy.
 *
 * A number is fixed point: a whole number of 24 bits times a scale. It is written in three
 * digits of base 256, d2 d1 d0, from -128 to 127 each. Of the nine products of two such
 * numbers' digits the six that matter are summed, each order (the sum of the two digits'
 * places) by itself and as whole numbers. So a sum is exact, and the same on every machine
 * and in any order; only its three parts are put together in float32:
 *
 *   order 4: a2 w2    order 3: a2 w1 + a1 w2    order 2: a2 w0 + a1 w1 + a0 w2
 *   sum = 256 * order4 + (order3 + order2 / 256)    in units of 256^3 * scale(a) * scale(w)
 *
 * Activations have one scale where ReLU6 bounds them (VG_DIGITS_BOUNDED), else one a pixel, a
 * power of two. Weights have one an output. Digits of activations are stored as bytes of
 * digit + 128, for the units that multiply bytes take one factor without a sign (only d2 of
 * bounded activations is stored as it is); what this adds to each sum is known when the
 * weights are packed, and taken off by the value that the sum starts with.
 *
 * Rounding: an activation to 2^-24 of the largest there may be, a weight to 2^-24 of the
 * largest of its output, the products that are left out to about as much. */
#ifndef VG_KERNELS_DIGITS_H
#define VG_KERNELS_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/panels.h"
#include "kernels/pointwise/pointwise.h"

enum {
    VG_DIGITS = 3,          /* of a number; also the orders of products */
    VG_DIGITS_ROW = 64,     /* bytes that are multiplied at once */
    VG_DIGITS_OUTPUTS = 16, /* outputs of a tile of weights */
    VG_DIGITS_TILE = VG_DIGITS_ROW * VG_DIGITS_OUTPUTS, /* bytes */
};

/* What is added to the whole number to make bytes of its digits: of d1 and d0 where there is
 * no sign, else of all. */
#define VG_DIGITS_BOUNDED_OFFSET 0x8080.0p0F
#define VG_DIGITS_OFFSET 0x808080.0p0F

/* ReLU6's outputs, 0 to 6, times this are below 2^24 with the offset. */
#define VG_DIGITS_BOUNDED 2785280.0F

/* --- Activations ----------------------------------------------------------
 *
 * A tensor lies in panels of 64 channels, the last of 64, 32 or 16 (panels.h); or of 32 and
 * 16, where rows of the image are so wide that more would not fit into the cache. Within a
 * panel a pixel has rows of 64 bytes. In a row four bytes stand for channels l, 16 + l,
 * 32 + l, 48 + l of the panel, or those of these that it has, l = 0 .. 15:
 *
 *   64 channels   three rows: d2, d1, d0, each of channels l, 32 + l, 16 + l, 48 + l
 *   32            two: d1 and d2 of l, d1 and d2 of 16 + l; d0 of l, d0 of 16 + l, -, -
 *   16            one: d0, d1, d2 of l, -
 *
 * so that vectors of 16 channels become rows without changing lanes. */

static inline int vg_digits_rows(int width)
{
    return width == 64 ? 3 : width == 32 ? 2 : 1;
}

/* Bytes of a pixel of a panel. */
static inline int vg_digits_bytes(int width)
{
    return vg_digits_rows(width) * VG_DIGITS_ROW;
}

/* What byte `at` of a row stands for: a channel of the panel and one of its digits. Bytes
 * without a meaning, which are 0, have digit -1. */
typedef struct vg_digits_place {
    int channel, digit;
} vg_digits_place;

static inline vg_digits_place vg_digits_place_of(int width, int row, int at)
{
    static const int of_64[4] = {0, 32, 16, 48};
    int lane = at / 4, byte = at % 4;
    if (width == 64) return (vg_digits_place){of_64[byte] + lane, 2 - row};
    if (width == 16) return (vg_digits_place){lane, byte < VG_DIGITS ? byte : -1};
    if (row == 0) return (vg_digits_place){16 * (byte / 2) + lane, 1 + byte % 2};
    return (vg_digits_place){16 * (byte % 2) + lane, byte < 2 ? 0 : -1};
}

/* --- Weights ---------------------------------------------------------------
 *
 * For every 16 outputs the tiles of the first panel of inputs, those of the next, ... A tile
 * is [16 quads of a row's bytes][16 outputs][4 bytes]. */

/* Tiles of weights for a panel of inputs. */
static inline int vg_digits_panel_tiles(int width)
{
    return width == 32 ? 4 : 3;
}

/* The tile that a row of activations is multiplied by for an order, 0 being the highest;
 * -1 where there is none. */
static inline int vg_digits_tile_of(int width, int row, int order)
{
    if (width == 64) return row <= order ? order - row : -1;
    if (row == 0) return order;
    return order == 2 ? 3 : -1;
}

/* Tiles of weights for 16 outputs, of inputs in such panels. */
static inline int vg_digits_tiles(int channels, int panel)
{
    int last = vg_panel_count(channels, panel) - 1;
    return last * vg_digits_panel_tiles(panel) +
           vg_digits_panel_tiles(vg_panel_width(channels, panel, last));
}

/* What 16 outputs have beside their weights. */
typedef struct vg_digits_outputs {
    float bias[VG_DIGITS_OUTPUTS];
    float scale[VG_DIGITS_OUTPUTS];
    int32_t start[VG_DIGITS][VG_DIGITS_OUTPUTS]; /* of the sums of each order */
} vg_digits_outputs;

/* Packs 16 outputs, of which `filled` are there: weights [channels][stride], the first
 * output first; bias [filled]. tiles: vg_digits_tiles(channels, panel) of them. */
void vg_digits_pack(int8_t *tiles, vg_digits_outputs *outputs, const float *weights,
                    const float *bias, int channels, int panel, int stride, int filled,
                    int is_bounded);

/* --- Operations ------------------------------------------------------------
 *
 * Digits lie in buffers of floats, as all tensors do: 16 floats hold a row. */

enum { VG_DIGITS_ROW_FLOATS = VG_DIGITS_ROW / (int)sizeof(float) };

/* Floats of a pixel of a panel. */
static inline int vg_digits_floats(int width)
{
    return vg_digits_rows(width) * VG_DIGITS_ROW_FLOATS;
}

/* Floats of a pixel of a tensor. */
static inline int vg_digits_tensor_floats(int channels, int panel)
{
    int last = vg_panel_count(channels, panel) - 1;
    return last * vg_digits_floats(panel) + vg_digits_floats(vg_panel_width(channels, panel, last));
}

/* The scale of a pixel whose largest value has this size, a power of two, and what values
 * are multiplied by. */
typedef struct vg_digits_scale {
    float unit, reciprocal;
} vg_digits_scale;

static inline vg_digits_scale vg_digits_scale_of(float largest)
{
    /* So that the whole number with its offset is less than 2^24; and two bounds within which
     * both powers are normal numbers. */
    const float headroom = 1.0F + 1.0F / 128.0F;
    enum { SMALLEST = 32, BIAS = 127, BITS = 23 };
    uint32_t bits, unit_bits, reciprocal_bits;
    vg_digits_scale scale;
    largest *= headroom;
    memcpy(&bits, &largest, sizeof bits);
    uint32_t exponent = bits >> BITS; /* largest < 2^(exponent - BIAS + 1) */
    if (exponent < SMALLEST) exponent = SMALLEST;
    unit_bits = (exponent + 1 - BITS) << BITS;
    reciprocal_bits = (2 * BIAS - 1 + BITS - exponent) << BITS;
    memcpy(&scale.unit, &unit_bits, sizeof unit_bits);
    memcpy(&scale.reciprocal, &reciprocal_bits, sizeof reciprocal_bits);
    return scale;
}

/* Pixels first .. first + m of a float tensor in panels to digits, with a scale each.
 * digits, scales, values: of the tensor's first pixel; strides in floats from panel to panel. */
typedef void vg_digits_encode_fn(float *digits, ptrdiff_t digits_stride, float *scales,
                                 const float *values, ptrdiff_t values_stride, int channels,
                                 int first, int m);

/* m pixels of one panel of values from 0 to 6. values: [m][width]. */
typedef void vg_digits_encode_bounded_fn(float *digits, const float *values, int m, int width);

typedef void vg_digits_begin_fn(void);

vg_digits_begin_fn vg_digits_begin_amx, vg_digits_end_amx, vg_digits_begin_ref;
vg_digits_encode_fn vg_digits_encode_ref, vg_digits_encode_avx512;
vg_digits_encode_bounded_fn vg_digits_encode_bounded_ref, vg_digits_encode_bounded_avx512;

/* As pointwise.h says, with digits as inputs, tiles as weights and vg_digits_outputs, one for
 * 16 outputs, in the place of the bias. width: 16, 32 or 64. */
vg_pointwise_fn vg_digits_pointwise_ref, vg_digits_pointwise_amx;

#endif
