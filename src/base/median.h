/* The middle of measurements: on a shared machine a few of them are far off. */
#ifndef VG_BASE_MEDIAN_H
#define VG_BASE_MEDIAN_H

#include <stddef.h>

/* Sorts the values; the one that `share` of them, 0 to 1, do not exceed. 0 where there are
 * none. */
double vg_quantile(double *values, size_t count, double share);

/* Of an even number the lower of the middle two. */
double vg_median(double *values, size_t count);

#endif
