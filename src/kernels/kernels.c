#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"

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
#elif defined(VG_ARM)
    {"neon", VG_CPU_NEON, vg_kernels_init_neon},
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

static const char *best_kernels(unsigned features)
{
    const char *best = NULL, *name;
    for (size_t i = 0; (name = vg_kernels_name(features, i)) != NULL; i++) best = name;
    return best;
}

vg_status vg_kernels_choose(vg_kernels *kernels, const char *name, vg_error *error)
{
    unsigned features = vg_cpu_features();
    if (name == NULL) name = getenv("VERGER_CPU");
    if (name == NULL || name[0] == '\0') name = best_kernels(features);
    if (vg_kernels_init(kernels, features, name)) return VG_OK;
    return vg_fail(error, VG_EUNSUPPORTED,
                   "no kernel set \"%s\" on this CPU: VERGER_CPU takes one of those that "
                   "'verger --version' lists, up to \"%s\"",
                   name, best_kernels(features));
}
