/* Bytes to the network's range in every set. */
#include <string.h>

#include "operation.h"

static int normalise_agrees(const vg_kernels *kernels, const vg_kernels *reference)
{
    enum { MOST = 300 };
    size_t n = (size_t)random_int(0, MOST);
    guarded from = open_bytes(n), to = guarded_open(n);
    float expected[MOST];
    uint8_t *bytes = bytes_of(&from, n);
    for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)random_int(0, 255);
    case_begin("%s normalise, %zu", kernels->name, n);
    kernels->normalise(to.values, bytes, n);
    reference->normalise(expected, bytes, n);
    int is_same = memcmp(to.values, expected, n * sizeof(float)) == 0;
    int is_intact = guarded_is_intact(&to);
    guarded_close(&from);
    guarded_close(&to);
    return case_passes(is_same, is_intact);
}

/* 51 / 127.5 is the float nearest 0.4, and 1 less is exact. */
static int has_known_values(const vg_kernels *kernels)
{
    const uint8_t bytes[] = {0, 51, 255};
    const float expected[] = {-1.0F, 0.4F - 1.0F, 1.0F};
    float values[3];
    case_begin("%s normalise, known values", kernels->name);
    kernels->normalise(values, bytes, 3);
    return case_passes(memcmp(values, expected, sizeof expected) == 0, 1);
}

int check_normalise(const vg_kernels *kernels, const vg_kernels *reference, int rounds)
{
    int failures = !has_known_values(kernels);
    for (int round = 0; round < 6 * rounds; round++)
        failures += !normalise_agrees(kernels, reference);
    return failures;
}
