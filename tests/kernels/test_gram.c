/* Gram matrices of every set: doubles of their own, no panels of channels here. */
#include <string.h>

#include "operation.h"

/* Sums are added to what is there, in rows that may be longer than the tile's. */
static int gram_agrees(const vg_kernels *kernels, const vg_kernels *reference)
{
    enum { DOUBLE = sizeof(double) / sizeof(float) };
    int m = random_int(0, 300), stride = VG_GRAM_PANEL + random_int(0, 1) * random_int(1, 40);
    size_t count = (size_t)m * VG_GRAM_PANEL, ending = (size_t)(VG_GRAM_PANEL - 1) * (size_t)stride;
    size_t sums = ending + VG_GRAM_PANEL;
    guarded a = guarded_open(count * DOUBLE), b = guarded_open(count * DOUBLE);
    guarded c = guarded_open(sums * DOUBLE), d = guarded_open(sums * DOUBLE);
    double *left = (double *)(void *)a.values, *right = (double *)(void *)b.values;
    double *got = (double *)(void *)c.values, *expected = (double *)(void *)d.values;
    for (size_t i = 0; i < count; i++) {
        left[i] = (double)random_float() / 3.0;
        right[i] = (double)random_float() / 3.0;
    }
    for (size_t i = 0; i < sums; i++) got[i] = expected[i] = (double)random_float() / 3.0;
    case_begin("%s gram, %d rows, stride %d", kernels->name, m, stride);
    kernels->gram(got, stride, left, right, m);
    reference->gram(expected, stride, left, right, m);
    int is_same = memcmp(got, expected, sums * sizeof *got) == 0;
    int is_intact = guarded_is_intact(&a) && guarded_is_intact(&b) && guarded_is_intact(&c) &&
                    guarded_is_intact(&d);
    guarded_close(&a);
    guarded_close(&b);
    guarded_close(&c);
    guarded_close(&d);
    return case_passes(is_same, is_intact);
}

int check_gram(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    int failures = 0;
    for (int round = 0; round < rounds; round++) failures += !gram_agrees(kernels, reference);
    return failures;
}
