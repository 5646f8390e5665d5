#define _DEFAULT_SOURCE /* syscall */

#include "base/cpu.h"

#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>

/* XCR0 tells which register states the operating system saves: bits 1 and 2 are
 * XMM and YMM, 5 to 7 the AVX-512 masks and ZMM, 17 and 18 the shapes and contents of
 * AMX's tiles (Intel SDM vol. 1, 13.3). */
static unsigned saved_register_states(void)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

unsigned vg_cpu_features(void)
{
    unsigned features = 0, eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return 0;
    if (!(ecx & bit_OSXSAVE) || !(ecx & bit_FMA) || !(ecx & bit_AVX)) return 0;
    unsigned states = saved_register_states();
    if ((states & 0x06) != 0x06) return 0;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 0;
    if (!(ebx & bit_AVX2)) return 0;
    features |= VG_CPU_AVX2;
    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if ((states & 0xe6) == 0xe6 && (ebx & avx512) == avx512) features |= VG_CPU_AVX512;
    if (features & VG_CPU_AVX512 && ecx & bit_AVX512VNNI) features |= VG_CPU_VNNI;
    /* Intel SDM vol. 2A, CPUID: AMX-TILE and AMX-INT8. */
    const unsigned amx = 1U << 24 | 1U << 25;
    if ((states & 0x60000) == 0x60000 && (edx & amx) == amx) features |= VG_CPU_AMX;
    return features;
}

/* The tiles' contents are 8 KB a thread, so Linux saves them only for processes that ask
 * (Documentation/arch/x86/xstate.rst). */
int vg_cpu_allow_amx(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    if (!(vg_cpu_features() & VG_CPU_AMX)) return 0;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

/* The kernel says what the CPU has and what of it is saved. */
unsigned vg_cpu_features(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_ASIMD) != 0 ? VG_CPU_NEON : 0;
}

int vg_cpu_allow_amx(void)
{
    return 0;
}
#else
unsigned vg_cpu_features(void)
{
    return 0;
}

int vg_cpu_allow_amx(void)
{
    return 0;
}
#endif

size_t vg_cpu_cache_bytes(int level)
{
    long bytes = sysconf(level == 1 ? _SC_LEVEL1_DCACHE_SIZE : _SC_LEVEL2_CACHE_SIZE);
    if (bytes > 0) return (size_t)bytes;
    return level == 1 ? 32 * 1024 : 512 * 1024;
}
