/* Gram matrices of every set: doubles of their own, no panels of channels here. */
#include <string.h>

#include "operation.h"

static int gram_agrees(const vg_kernels *kernels, const vg_kernels *reference)
{
    enum { TILE = VG_GRAM_PANEL * VG_GRAM_PANEL, DOUBLE = sizeof(double) / sizeof(float) };
    int m = random_int(0, 300);
    size_t count = (size_t)m * VG_GRAM_PANEL;
    guarded a = guarded_open(count * DOUBLE), b = guarded_open(count * DOUBLE);
    guarded got = guarded_open(TILE * DOUBLE);
    double expected[TILE], *left = (double *)(void *)a.values, *right = (double *)(void *)b.values;
    for (size_t i = 0; i < count; i++) {
        left[i] = (double)random_float() / 3.0;
        right[i] = (double)random_float() / 3.0;
    }
    case_begin("%s gram, %d rows", kernels->name, m);
    kernels->gram((double *)(void *)got.values, left, right, m);
    reference->gram(expected, left, right, m);
    int is_same = memcmp(got.values, expected, sizeof expected) == 0;
    int is_intact = guarded_is_intact(&a) && guarded_is_intact(&b) && guarded_is_intact(&got);
    guarded_close(&a);
    guarded_close(&b);
    guarded_close(&got);
    return case_passes(is_same, is_intact);
}

int check_gram(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    int failures = 0;
    for (int round = 0; round < rounds; round++) failures += !gram_agrees(kernels, reference);
    return failures;
}
