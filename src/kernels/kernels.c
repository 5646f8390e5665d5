#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"

typedef struct kernel_set {
    const char *name;
    unsigned needs; /* CPU features */
    void (*init)(vg_kernels *kernels);
    int is_of_digits;                        /* so that its bits are not those of the others */
    unsigned extra;                          /* what some CPUs of the set have ... */
    void (*init_extra)(vg_kernels *kernels); /* ... and what that does better */
} kernel_set;

/* Plainest first: each set overwrites what the ones before it put in the table. */
static const kernel_set sets[] = {
    {"ref", 0, vg_kernels_init_ref, 0, 0, NULL},
#if defined(VG_X86)
    {"avx2", VG_CPU_AVX2, vg_kernels_init_avx2, 0, 0, NULL},
    {"avx512", VG_CPU_AVX512, vg_kernels_init_avx512, 0, VG_CPU_VNNI, vg_kernels_init_vnni},
#elif defined(VG_ARM)
    {"neon", VG_CPU_NEON, vg_kernels_init_neon, 0, 0, NULL},
#endif
    {"amx-ref", 0, vg_kernels_init_amx_ref, 1, 0, NULL},
#if defined(VG_X86)
    {"amx", VG_CPU_AVX512 | VG_CPU_AMX, vg_kernels_init_amx, 1, 0, NULL},
#endif
};

enum { SET_COUNT = sizeof sets / sizeof sets[0] };

static int allows(unsigned cpu_features, size_t index)
{
    return (cpu_features & sets[index].needs) == sets[index].needs;
}

static const char *name_of(unsigned cpu_features, size_t index, int is_of_digits)
{
    for (size_t i = 0; i < SET_COUNT; i++)
        if (sets[i].is_of_digits == is_of_digits && allows(cpu_features, i) && index-- == 0)
            return sets[i].name;
    return NULL;
}

const char *vg_kernels_name(unsigned cpu_features, size_t index)
{
    return name_of(cpu_features, index, 0);
}

const char *vg_kernels_of_digits_name(unsigned cpu_features, size_t index)
{
    return name_of(cpu_features, index, 1);
}

static const kernel_set *find_set(const char *name)
{
    for (size_t i = 0; i < SET_COUNT; i++)
        if (strcmp(sets[i].name, name) == 0) return &sets[i];
    return NULL;
}

const char *vg_kernels_arithmetic(const vg_kernels *kernels)
{
    return kernels->encode != NULL ? "amx" : "float32";
}

static void add_set(vg_kernels *kernels, unsigned cpu_features, const kernel_set *set)
{
    set->init(kernels);
    if (set->extra != 0 && (cpu_features & set->extra) == set->extra) set->init_extra(kernels);
}

int vg_kernels_init(vg_kernels *kernels, unsigned cpu_features, const char *name)
{
    const kernel_set *wanted = find_set(name);
    if (wanted == NULL || !allows(cpu_features, (size_t)(wanted - sets))) return 0;
    const int is_plain = wanted->is_of_digits && wanted->needs == 0;
    for (size_t i = 0; &sets[i] < wanted; i++) {
        int is_below = !sets[i].is_of_digits && allows(cpu_features, i);
        if (is_below && (!is_plain || sets[i].needs == 0)) add_set(kernels, cpu_features, &sets[i]);
    }
    add_set(kernels, cpu_features, wanted);
    return 1;
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
    if (!vg_kernels_init(kernels, features, name))
        return vg_fail(error, VG_EUNSUPPORTED,
                       "no kernel set \"%s\" on this CPU: VERGER_CPU takes one of those that "
                       "'verger --version' lists; the best is \"%s\"",
                       name, best_kernels(features));
    if (find_set(name)->needs & VG_CPU_AMX && !vg_cpu_allow_amx())
        return vg_fail(error, VG_EUNSUPPORTED,
                       "the operating system does not let this process use AMX, as in some "
                       "containers: choose the kernel set \"%s\"",
                       best_kernels(features));
    return VG_OK;
}
