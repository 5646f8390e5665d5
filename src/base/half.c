#include "base/half.h"

#include <math.h>
#include <string.h>

uint16_t vg_half_from_float(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
    if (rest > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    int exponent = (int)(rest >> 23) - 127 + 15; /* the half's */
    uint32_t fraction = (rest & 0x7fffffu) | (rest >= 0x800000u ? 0x800000u : 0);
    if (exponent >= 31) return (uint16_t)(sign | 0x7c00u);
    /* 13 bits go, and more of a number that is smaller than the smallest normal one. */
    int gone = exponent > 0 ? 13 : 14 - exponent;
    if (gone > 25) return (uint16_t)sign;
    uint32_t kept = fraction >> gone, cut = fraction & ((1u << gone) - 1), half = 1u << (gone - 1);
    if (cut > half || (cut == half && (kept & 1) != 0)) kept++;
    /* A carry out of the fraction is the next exponent, that of the largest infinity. */
    return (uint16_t)(sign + (exponent > 0 ? ((uint32_t)(exponent - 1) << 10) : 0) + kept);
}

float vg_half_to_float(uint16_t half)
{
    int exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
    float number;
    if (exponent == 0)
        number = ldexpf((float)fraction, -24);
    else if (exponent < 31)
        number = ldexpf((float)(fraction | 0x400), exponent - 25);
    else
        number = fraction == 0 ? INFINITY : NAN;
    return (half & 0x8000) != 0 ? -number : number;
}
