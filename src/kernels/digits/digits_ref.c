/* Digits in plain C: what the other forms give, bit for bit. */
#include <math.h>
#include <string.h>

#include "kernels/digits/digits.h"

void vg_digits_begin_ref(void)
{
}

/* --- From numbers to digits ----------------------------------------------- */

/* The rows of a pixel of a panel from its whole numbers with their offsets, below 2^24. */
static void put_pixel(float *to, int width, const uint32_t numbers[VG_DIGITS_PANEL])
{
    uint8_t *bytes = (uint8_t *)to;
    for (int row = 0; row < vg_digits_rows(width); row++)
        for (int at = 0; at < VG_DIGITS_ROW; at++) {
            vg_digits_place place = vg_digits_place_of(width, row, at);
            uint32_t digit = place.digit < 0 ? 0 : numbers[place.channel] >> 8 * place.digit;
            *bytes++ = (uint8_t)(digit & 0xff);
        }
}

/* NaN is none of what may be here, but is still to give a number, and everywhere the same. */
static uint32_t whole(float number)
{
    const float most = 16777215.0F;
    number = number > 0.0F ? number : 0.0F;
    return (uint32_t)lrintf(number < most ? number : most);
}

static float largest_of(const float *values, ptrdiff_t stride, int channels, int pixel)
{
    float largest = 0.0F;
    for (int p = 0; p < vg_panel_count(channels, VG_DIGITS_PANEL); p++) {
        int width = vg_panel_width(channels, VG_DIGITS_PANEL, p);
        for (int c = 0; c < width; c++)
            largest = fmaxf(largest, fabsf(values[p * stride + (ptrdiff_t)pixel * width + c]));
    }
    return largest;
}

void vg_digits_encode_ref(float *digits, ptrdiff_t digits_stride, float *scales,
                          const float *values, ptrdiff_t values_stride, int channels, int first,
                          int m)
{
    for (int i = first; i < first + m; i++) {
        vg_digits_scale scale = vg_digits_scale_of(largest_of(values, values_stride, channels, i));
        scales[i] = scale.unit;
        for (int p = 0; p < vg_panel_count(channels, VG_DIGITS_PANEL); p++) {
            int width = vg_panel_width(channels, VG_DIGITS_PANEL, p);
            const float *from = values + p * values_stride + (ptrdiff_t)i * width;
            uint32_t numbers[VG_DIGITS_PANEL];
            for (int c = 0; c < width; c++)
                numbers[c] = whole(fmaf(from[c], scale.reciprocal, VG_DIGITS_OFFSET));
            put_pixel(digits + p * digits_stride + (ptrdiff_t)i * vg_digits_floats(width), width,
                      numbers);
        }
    }
}

void vg_digits_encode_bounded_ref(float *digits, const float *values, int m, int width)
{
    for (int i = 0; i < m; i++, values += width, digits += vg_digits_floats(width)) {
        uint32_t numbers[VG_DIGITS_PANEL];
        for (int c = 0; c < width; c++)
            numbers[c] = whole(fmaf(values[c], VG_DIGITS_BOUNDED, VG_DIGITS_BOUNDED_OFFSET));
        put_pixel(digits, width, numbers);
    }
}

/* --- Pointwise ------------------------------------------------------------ */

static void add_row(int32_t sums[VG_DIGITS_OUTPUTS], const uint8_t *row, const int8_t *tile)
{
    for (int quad = 0; quad < VG_DIGITS_ROW / 4; quad++, row += 4) {
        for (int j = 0; j < VG_DIGITS_OUTPUTS; j++) {
            const int8_t *weights = tile + (quad * VG_DIGITS_OUTPUTS + j) * 4;
            sums[j] += row[0] * weights[0] + row[1] * weights[1] + row[2] * weights[2] +
                       row[3] * weights[3];
        }
    }
}

static void add_pixel(int32_t sums[VG_DIGITS][VG_DIGITS_OUTPUTS], const vg_pointwise_input *a,
                      int pixel, const int8_t *tiles)
{
    for (int p = 0; p < vg_panel_count(a->channels, a->panel); p++) {
        int width = vg_panel_width(a->channels, a->panel, p);
        const uint8_t *rows = (const uint8_t *)(a->values + p * a->panel_stride +
                                                (ptrdiff_t)pixel * vg_digits_floats(width));
        for (int order = 0; order < VG_DIGITS; order++)
            for (int row = 0; row < vg_digits_rows(width); row++) {
                int tile = vg_digits_tile_of(width, row, order);
                if (tile >= 0)
                    add_row(sums[order], rows + row * VG_DIGITS_ROW, tiles + tile * VG_DIGITS_TILE);
            }
        tiles += vg_digits_panel_tiles(width) * VG_DIGITS_TILE;
    }
}

static float finish(const int32_t sums[VG_DIGITS][VG_DIGITS_OUTPUTS], int j, const float *scale,
                    const vg_digits_outputs *outputs, vg_activation activation)
{
    /* Arithmetic, as all compilers have it. */
    int32_t low = sums[1][j] + (sums[2][j] >> 8);
    float sum = fmaf((float)sums[0][j], 256.0F, (float)low);
    if (scale != NULL) sum *= *scale;
    sum = fmaf(sum, outputs->scale[j], outputs->bias[j]);
    if (activation == VG_LINEAR) return sum;
    sum = sum > 0.0F ? sum : 0.0F;
    return sum < 6.0F ? sum : 6.0F;
}

void vg_digits_pointwise_ref(float *c, const vg_pointwise_input *a, const float *b,
                             const float *bias, const float *residual, int m, int width,
                             vg_activation activation)
{
    const int8_t *tiles = (const int8_t *)b;
    const vg_digits_outputs *outputs = (const vg_digits_outputs *)(const void *)bias;
    const ptrdiff_t size = (ptrdiff_t)vg_digits_tiles(a->channels, a->panel) * VG_DIGITS_TILE;
    for (int n = 0; n < width; n += VG_DIGITS_OUTPUTS, tiles += size, outputs++)
        for (int i = 0; i < m; i++) {
            int32_t sums[VG_DIGITS][VG_DIGITS_OUTPUTS];
            const float *scale = a->scales != NULL ? a->scales + a->first + i : NULL;
            memcpy(sums, outputs->start, sizeof sums);
            add_pixel(sums, a, a->first + i, tiles);
            for (int j = 0; j < VG_DIGITS_OUTPUTS; j++) {
                ptrdiff_t at = (ptrdiff_t)i * width + n + j;
                float sum = finish(sums, j, scale, outputs, activation);
                c[at] = residual != NULL ? sum + residual[at] : sum;
            }
        }
}
