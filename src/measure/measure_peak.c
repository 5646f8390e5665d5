#include <string.h>

#include "base/clock.h"
#include "measure/measure.h"
#include "measure/peak.h"

/* Plainest first, as the sets of kernels.c. */
static const struct {
    const char *set;
    vg_peak_fn *run;
} peaks[] = {
    {"ref", vg_peak_ref},
#if defined(VG_X86)
    {"avx2", vg_peak_avx2},
    {"avx512", vg_peak_avx512},
#elif defined(VG_ARM)
    {"neon", vg_peak_neon},
#endif
};

/* A set that is not listed is held against the most capable vectors. */
static vg_peak_fn *peak_of(const char *set)
{
    size_t i = 0, last = sizeof peaks / sizeof peaks[0] - 1;
    while (i < last && strcmp(peaks[i].set, set) != 0) i++;
    return peaks[i].run;
}

vg_status vg_measure_peak(const char *kernels, double seconds, double *gflops, vg_error *error)
{
    vg_kernels table;
    vg_status status = vg_kernels_choose(&table, kernels, error);
    if (status != VG_OK) return status;
    vg_peak_fn *run = peak_of(table.name);

    /* The best of many short stretches: whatever else the machine does can only
     * make one slower. */
    enum { ROUNDS = 100000 };
    double start = vg_seconds(), now = start, best = 0.0;
    do {
        double operations = run(ROUNDS);
        double end = vg_seconds();
        double rate = operations / (end - now) * 1e-9;
        if (rate > best) best = rate;
        now = end;
    } while (now - start < seconds);
    *gflops = best;
    return VG_OK;
}
