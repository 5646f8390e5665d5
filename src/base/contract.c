#include "base/contract.h"

#include "base/error.h"

vg_status vg_fail_null(vg_error *error, const char *function, const char *what)
{
    return vg_fail(error, VG_EINVAL, "%s: the %s is NULL", function, what);
}

vg_status vg_check_reserved(const uint64_t *reserved, size_t count, const char *options,
                            vg_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (reserved[i] != 0)
            return vg_fail(error, VG_EINVAL,
                           "%s: what is reserved is not zero: begin with %s_default, and use the "
                           "header of this version (%d.%d.%d)",
                           options, options, VG_VERSION_MAJOR, VG_VERSION_MINOR, VG_VERSION_PATCH);
    return VG_OK;
}
