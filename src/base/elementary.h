/* Exponential and logarithm with the same bits everywhere: C libraries differ in the last bit of
 * theirs. Both are within some units of the last place. */
#ifndef VG_BASE_ELEMENTARY_H
#define VG_BASE_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static const double vg_ln2_high = 0x1.62e42fefa0000p-1, vg_ln2_low = 0x1.cf79abc9e3b3ap-40;

/* e^x for x <= 0; 0 below -700. The series of e^r for |r| <= ln(2)/2 ends below 1e-17. */
static inline double vg_exp_negative(double x)
{
    const double round = 0x1.8p52; /* its last bit is worth 1 */
    if (!(x > -700.0)) return 0.0;
    double shifted = x * 1.4426950408889634 + round, n = shifted - round;
    double r = (x - n * vg_ln2_high) - n * vg_ln2_low;
    double sum = 1.0 / 6227020800.0;
    sum = sum * r + 1.0 / 479001600.0;
    sum = sum * r + 1.0 / 39916800.0;
    sum = sum * r + 1.0 / 3628800.0;
    sum = sum * r + 1.0 / 362880.0;
    sum = sum * r + 1.0 / 40320.0;
    sum = sum * r + 1.0 / 5040.0;
    sum = sum * r + 1.0 / 720.0;
    sum = sum * r + 1.0 / 120.0;
    sum = sum * r + 1.0 / 24.0;
    sum = sum * r + 1.0 / 6.0;
    sum = sum * r + 0.5;
    sum = sum * r + 1.0;
    sum = sum * r + 1.0;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 52) + ((uint64_t)1023 << 52); /* of 2^n */
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

/* ln(x) for a positive normal x, by the series of artanh in s = (m - 1) / (m + 1), where m is
 * between the roots of 1/2 and of 2: it ends below 1e-17. */
static inline double vg_logarithm(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2.0;
        exponent--;
    }
    double s = (m - 1.0) / (m + 1.0), square = s * s, sum = 0.0;
    for (int i = 23; i >= 1; i -= 2) sum = sum * square + 1.0 / i;
    double n = exponent;
    return n * vg_ln2_high + (2.0 * s * sum + n * vg_ln2_low);
}

#endif
