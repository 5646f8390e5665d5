#include "kernels/kernels.h"

#include <string.h>

#include "base/cpu.h"

typedef struct kernel_set {
    const char *name;
    unsigned needs; /* CPU features */
    void (*init)(vg_kernels *kernels);
} kernel_set;

/* Plainest first: each set overwrites what the ones before it put in the table. */
static const kernel_set sets[] = {
    {"ref", 0, vg_kernels_init_ref},
#if defined(VG_X86)
    {"avx2", VG_CPU_AVX2, vg_kernels_init_avx2},
    {"avx512", VG_CPU_AVX512, vg_kernels_init_avx512},
#endif
};

enum { SET_COUNT = sizeof sets / sizeof sets[0] };

static int allows(unsigned cpu_features, size_t index)
{
    return (cpu_features & sets[index].needs) == sets[index].needs;
}

const char *vg_kernels_name(unsigned cpu_features, size_t index)
{
    return index < SET_COUNT && allows(cpu_features, index) ? sets[index].name : NULL;
}

int vg_kernels_init(vg_kernels *kernels, unsigned cpu_features, const char *name)
{
    for (size_t i = 0; i < SET_COUNT && allows(cpu_features, i); i++) {
        sets[i].init(kernels);
        if (strcmp(sets[i].name, name) == 0) return 1;
    }
    return 0;
}
