/* Class moments as bytes, all numbers little-endian:
 *   char[8] "VGCLASSM", uint32 version, uint32 dims, uint32 classes, uint32 zero,
 *   uint64 counts[classes], float64 means[classes][dims],
 *   the moments of all rows as vg_moments_serialize has them,
 *   uint64 checksum of all bytes before it. */
#include <math.h>
#include <stdbool.h>

#include "base/contract.h"
#include "base/error.h"
#include "learn/class_moments.h"
#include "pca/moments.h"
#include "pca/moments_bytes.h"

static const char magic[8] = {'V', 'G', 'C', 'L', 'A', 'S', 'S', 'M'};

enum { FORMAT_VERSION = 1, HEADER_BYTES = 24 };

/* All but the moments of all rows. */
static size_t own_size(size_t dims, size_t classes)
{
    return HEADER_BYTES + classes * (1 + dims) * sizeof(double) + VG_CHECKSUM_BYTES;
}

size_t vg_class_moments_serialized_size(const vg_class_moments *moments)
{
    if (moments == NULL) return 0;
    return own_size((size_t)moments->dims, (size_t)moments->classes) +
           vg_moments_serialized_size(moments->all);
}

void vg_class_moments_serialize(const vg_class_moments *moments, void *buffer)
{
    if (moments == NULL || buffer == NULL) return;
    size_t classes = (size_t)moments->classes;
    uint8_t *start = buffer, *to = start;
    memcpy(to, magic, sizeof magic);
    to = vg_put_number(to + sizeof magic, FORMAT_VERSION, 4);
    to = vg_put_number(to, (uint64_t)moments->dims, 4);
    to = vg_put_number(to, classes, 4);
    to = vg_put_number(to, 0, 4);
    for (size_t c = 0; c < classes; c++) to = vg_put_number(to, moments->counts[c], 8);
    to = vg_put_doubles(to, moments->means, classes * (size_t)moments->dims);
    vg_moments_serialize(moments->all, to);
    to += vg_moments_serialized_size(moments->all);
    vg_put_number(to, vg_bytes_checksum(start, (size_t)(to - start)), VG_CHECKSUM_BYTES);
}

/* Sizes and checksum, before anything is allocated. */
static vg_status check_bytes(const uint8_t *bytes, size_t size, int *dims, int *classes,
                             vg_error *error)
{
    if (size < HEADER_BYTES + VG_CHECKSUM_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
        return vg_fail(error, VG_EFORMAT,
                       "class moments: not what vg_class_moments_serialize writes");
    const uint8_t *from = bytes + sizeof magic;
    unsigned version = (unsigned)vg_get_number(&from, 4);
    if (version != FORMAT_VERSION)
        return vg_fail(error, VG_EFORMAT, "class moments: format version %u, this library reads %d",
                       version, FORMAT_VERSION);
    uint64_t columns = vg_get_number(&from, 4), count = vg_get_number(&from, 4);
    if (columns < 1 || columns > VG_MOMENTS_MAX_DIMS || count < 1 || count > VG_MOST_CLASSES ||
        vg_get_number(&from, 4) != 0)
        return vg_fail(error, VG_EFORMAT, "class moments: %llu classes of %llu dimensions",
                       (unsigned long long)count, (unsigned long long)columns);
    if (size < own_size(columns, count))
        return vg_fail(error, VG_EFORMAT, "class moments: %zu bytes are cut short", size);
    from = bytes + size - VG_CHECKSUM_BYTES;
    if (vg_get_number(&from, VG_CHECKSUM_BYTES) !=
        vg_bytes_checksum(bytes, size - VG_CHECKSUM_BYTES))
        return vg_fail(error, VG_EFORMAT, "class moments: damaged, the checksum does not match");
    *dims = (int)columns;
    *classes = (int)count;
    return VG_OK;
}

/* Whether the classes can be parts of the rows. */
static vg_status check_values(const vg_class_moments *moments, vg_error *error)
{
    uint64_t rows = 0;
    bool possible = vg_moments_dims(moments->all) == moments->dims;
    for (int c = 0; c < moments->classes; c++) {
        const double *mean = vg_class_mean(moments, c);
        rows += moments->counts[c];
        for (int d = 0; d < moments->dims; d++)
            possible &= moments->counts[c] > 0 ? isfinite(mean[d]) : mean[d] == 0.0;
    }
    if (possible && rows == vg_moments_count(moments->all)) return VG_OK;
    return vg_fail(error, VG_EFORMAT, "class moments: no rows have such counts and means");
}

vg_status vg_class_moments_deserialize(vg_class_moments **moments, const void *buffer, size_t size,
                                       vg_error *error)
{
    if (moments == NULL)
        return vg_fail_null(error, "vg_class_moments_deserialize", "moments' place");
    *moments = NULL;
    if (buffer == NULL) return vg_fail_null(error, "vg_class_moments_deserialize", "buffer");
    int dims = 0, classes = 0;
    vg_status status = check_bytes(buffer, size, &dims, &classes, error);
    if (status != VG_OK) return status;

    vg_class_moments *opened;
    status = vg_class_moments_open(&opened, dims, classes, error);
    if (status != VG_OK) return status;
    const uint8_t *from = (const uint8_t *)buffer + HEADER_BYTES;
    for (int c = 0; c < classes; c++) opened->counts[c] = vg_get_number(&from, 8);
    vg_get_doubles(&from, opened->means, (size_t)classes * (size_t)dims);
    vg_moments_close(&opened->all);
    status = vg_moments_deserialize(&opened->all, from,
                                    size - own_size((size_t)dims, (size_t)classes), error);
    if (status == VG_OK) status = check_values(opened, error);
    if (status != VG_OK) vg_class_moments_close(&opened);
    *moments = opened;
    return status;
}
