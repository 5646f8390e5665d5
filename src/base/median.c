#include "base/median.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double vg_quantile(double *values, size_t count, double share)
{
    if (count == 0) return 0.0;
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)(share * (double)(count - 1))];
}

double vg_median(double *values, size_t count)
{
    return vg_quantile(values, count, 0.5);
}
