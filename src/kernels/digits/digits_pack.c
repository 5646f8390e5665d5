/* Weights to digits. */
#include <math.h>
#include <string.h>

#include "kernels/digits/digits.h"

enum {
    BASE = 256,
    HALF = BASE / 2,
    /* The largest number of three digits, each at most 127. */
    LARGEST = 127 * (BASE * BASE + BASE + 1),
};

/* The whole number as digits from -128 to 127. */
static void split(int number, int digits[VG_DIGITS])
{
    for (int d = 0; d < VG_DIGITS; d++) {
        digits[d] = ((number + HALF) & (BASE - 1)) - HALF;
        number = (number - digits[d]) / BASE;
    }
}

static float largest_of(const float *weights, int channels, int stride)
{
    float largest = 0.0F;
    for (int k = 0; k < channels; k++) {
        float size = fabsf(weights[(ptrdiff_t)k * stride]);
        if (!(size <= largest)) largest = size; /* NaN stays */
    }
    return largest;
}

/* The digits of a panel of weights. */
typedef int8_t panel_digits[VG_DIGITS_PANEL][VG_DIGITS][VG_DIGITS_OUTPUTS];

/* Puts weights wherever their channels' digits are multiplied. */
static void put_panel(int8_t *tiles, int width, const panel_digits digits)
{
    for (int row = 0; row < vg_digits_rows(width); row++)
        for (int at = 0; at < VG_DIGITS_ROW; at++) {
            const vg_digits_place place = vg_digits_place_of(width, row, at);
            for (int order = 0; place.digit >= 0 && order < VG_DIGITS; order++) {
                int tile = vg_digits_tile_of(width, row, order);
                int digit = 2 * (VG_DIGITS - 1) - order - place.digit;
                if (tile < 0 || digit < 0 || digit >= VG_DIGITS) continue;
                int8_t *to = tiles + tile * VG_DIGITS_TILE + at / 4 * VG_DIGITS_ROW + at % 4;
                for (int j = 0; j < VG_DIGITS_OUTPUTS; j++)
                    to[4 * j] = digits[place.channel][digit][j];
            }
        }
}

/* What the sums start with: off goes what the bytes' offsets add, and half of what the last
 * shift cuts off comes on top. */
static void put_start(vg_digits_outputs *outputs, int output, const int sums[VG_DIGITS],
                      int is_bounded)
{
    for (int order = 0; order < VG_DIGITS; order++) {
        int added = is_bounded ? 0 : sums[VG_DIGITS - 1 - order];
        for (int digit = 0; digit < VG_DIGITS - 1; digit++) {
            int other = 2 * (VG_DIGITS - 1) - order - digit;
            if (other < VG_DIGITS) added += sums[other];
        }
        outputs->start[order][output] = -HALF * added + (order == VG_DIGITS - 1 ? HALF : 0);
    }
}

/* The unit of an output's weights; 0 where there is no number for it. */
static double unit_of(const float *weights, int channels, int stride)
{
    double unit = largest_of(weights, channels, stride) / (double)LARGEST;
    return isfinite(unit) ? unit : 0.0;
}

void vg_digits_pack(int8_t *tiles, vg_digits_outputs *outputs, const float *weights,
                    const float *bias, int channels, int panel, int stride, int filled,
                    int is_bounded)
{
    const double in_unit = is_bounded ? 1.0 / VG_DIGITS_BOUNDED : 1.0;
    double units[VG_DIGITS_OUTPUTS] = {0};
    int sums[VG_DIGITS_OUTPUTS][VG_DIGITS] = {{0}};
    memset(tiles, 0, (size_t)vg_digits_tiles(channels, panel) * VG_DIGITS_TILE);
    memset(outputs, 0, sizeof *outputs);
    for (int j = 0; j < filled; j++) {
        units[j] = unit_of(weights + j, channels, stride);
        outputs->bias[j] = bias[j];
        outputs->scale[j] = (float)(units[j] * in_unit * BASE * BASE * BASE);
    }
    for (int p = 0, k = 0; p < vg_panel_count(channels, panel); p++) {
        const int width = vg_panel_width(channels, panel, p);
        panel_digits digits = {{{0}}};
        for (int c = 0; c < width && k < channels; c++, k++)
            for (int j = 0; j < filled; j++) {
                int parts[VG_DIGITS];
                double weight = weights[(ptrdiff_t)k * stride + j];
                split(units[j] > 0.0 ? (int)rint(weight / units[j]) : 0, parts);
                for (int d = 0; d < VG_DIGITS; d++) {
                    digits[c][d][j] = (int8_t)parts[d];
                    sums[j][d] += parts[d];
                }
            }
        put_panel(tiles, width, (const int8_t(*)[VG_DIGITS][VG_DIGITS_OUTPUTS])digits);
        tiles += vg_digits_panel_tiles(width) * VG_DIGITS_TILE;
    }
    for (int j = 0; j < filled; j++) put_start(outputs, j, sums[j], is_bounded);
}
