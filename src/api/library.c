/* What the library says of itself. */
#include <stdio.h>

#include <jpeglib.h>
#include <openblas_config.h>
#include <png.h>

#include "base/cpu.h"
#include "kernels/kernels.h"
#include "verger/verger.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *vg_status_name(vg_status status)
{
    switch (status) {
    case VG_OK: return "ok";
    case VG_EINVAL: return "invalid argument";
    case VG_ENOMEM: return "out of memory";
    case VG_EIO: return "input/output error";
    case VG_ESTORE: return "store failed";
    case VG_EFORMAT: return "bad data";
    case VG_ELIMIT: return "limit exceeded";
    case VG_ENOTFOUND: return "not found";
    case VG_EEXIST: return "exists already";
    case VG_EUNSUPPORTED: return "not supported";
    case VG_ECANCELLED: return "cancelled";
    }
    return "unknown status";
}

const char *vg_version(void)
{
    return TEXT(VG_VERSION_MAJOR) "." TEXT(VG_VERSION_MINOR) "." TEXT(VG_VERSION_PATCH);
}

const char *vg_libraries(void)
{
    return "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION) ", libpng " PNG_LIBPNG_VER_STRING
                                                        "," OPENBLAS_VERSION "with LAPACKE";
}

int vg_abi_version(void)
{
    return VG_ABI_VERSION;
}

const char *vg_named_kernel_set(size_t index)
{
    unsigned features = vg_cpu_features();
    if (!vg_cpu_allow_amx()) features &= ~(unsigned)VG_CPU_AMX;
    return vg_kernels_of_digits_name(features, index);
}

const char *vg_kernel_set(size_t index)
{
    return vg_kernels_name(vg_cpu_features(), index);
}
