/* Numbers in half precision, binary16 of IEEE 754: 1 bit of sign, 5 of exponent, 10 of fraction.
 * Whole-number arithmetic, so the same bits whatever a CPU has for it. */
#ifndef VG_BASE_HALF_H
#define VG_BASE_HALF_H

#include <stdint.h>

/* The nearest, of two equally near the one whose last bit is 0; infinity where the number is too
 * large, a quiet NaN for a NaN. */
uint16_t vg_half_from_float(float number);
float vg_half_to_float(uint16_t half);

#endif
