/* Moments as bytes, all numbers little-endian:
 *   char[8] "VGMOMENT", uint32 version, uint32 dims, uint64 count,
 *   float64 mean[dims], float64 upper triangle of the scatter matrix by rows,
 *   uint64 checksum of all bytes before it. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/contract.h"
#include "base/error.h"
#include "pca/moments.h"
#include "pca/moments_bytes.h"

static const char magic[8] = {'V', 'G', 'M', 'O', 'M', 'E', 'N', 'T'};

enum { FORMAT_VERSION = 1, HEADER_BYTES = 24 };

static size_t serialized_size(int dims)
{
    size_t columns = (size_t)dims;
    size_t triangle = columns * (columns + 1) / 2;
    return HEADER_BYTES + (columns + triangle) * sizeof(double) + VG_CHECKSUM_BYTES;
}

size_t vg_moments_serialized_size(const vg_moments *moments)
{
    return moments != NULL ? serialized_size(moments->dims) : 0;
}

void vg_moments_serialize(const vg_moments *moments, void *buffer)
{
    if (moments == NULL || buffer == NULL) return;
    vg_moments_settle(moments);
    size_t columns = (size_t)moments->dims;
    uint8_t *start = buffer, *to = start;
    memcpy(to, magic, sizeof magic);
    to = vg_put_number(to + sizeof magic, FORMAT_VERSION, 4);
    to = vg_put_number(to, (uint64_t)moments->dims, 4);
    to = vg_put_number(to, moments->count, 8);
    to = vg_put_doubles(to, moments->mean, columns);
    for (size_t i = 0; i < columns; i++)
        to = vg_put_doubles(to, moments->scatter + i * moments->stride + i, columns - i);
    vg_put_number(to, vg_bytes_checksum(start, (size_t)(to - start)), VG_CHECKSUM_BYTES);
}

/* Sizes and checksum, before anything is allocated. */
static vg_status check_bytes(const uint8_t *bytes, size_t size, int *dims, uint64_t *count,
                             vg_error *error)
{
    if (size < HEADER_BYTES + VG_CHECKSUM_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
        return vg_fail(error, VG_EFORMAT, "moments: not what vg_moments_serialize writes");
    const uint8_t *from = bytes + sizeof magic;
    unsigned version = (unsigned)vg_get_number(&from, 4);
    if (version != FORMAT_VERSION)
        return vg_fail(error, VG_EFORMAT, "moments: format version %u, this library reads %d",
                       version, FORMAT_VERSION);
    uint64_t columns = vg_get_number(&from, 4);
    if (columns < 1 || columns > VG_MOMENTS_MAX_DIMS)
        return vg_fail(error, VG_EFORMAT, "moments: %llu dimensions, must be 1 to %d",
                       (unsigned long long)columns, VG_MOMENTS_MAX_DIMS);
    *dims = (int)columns;
    *count = vg_get_number(&from, 8);
    if (size != serialized_size(*dims))
        return vg_fail(error, VG_EFORMAT, "moments: %zu bytes, %d dimensions need %zu", size, *dims,
                       serialized_size(*dims));
    from = bytes + size - VG_CHECKSUM_BYTES;
    if (vg_get_number(&from, VG_CHECKSUM_BYTES) !=
        vg_bytes_checksum(bytes, size - VG_CHECKSUM_BYTES))
        return vg_fail(error, VG_EFORMAT, "moments: damaged, the checksum does not match");
    return VG_OK;
}

/* Whether any rows at all could have given these numbers: each entry is bounded by
 * its two variances (the Cauchy-Schwarz inequality) but for rounding. */
static vg_status check_values(const vg_moments *moments, vg_error *error)
{
    const double rounding = 1 + 1e-6;
    size_t columns = (size_t)moments->dims;
    bool possible = true;
    for (size_t i = 0; i < columns; i++) {
        const double *row = moments->scatter + i * moments->stride;
        double deviation = sqrt(row[i]) * rounding;
        possible &= isfinite(moments->mean[i]) && row[i] >= 0 && isfinite(row[i]);
        if (moments->count == 0) possible &= moments->mean[i] == 0;
        if (moments->count < 2) possible &= row[i] == 0;
        for (size_t j = i + 1; j < columns; j++)
            possible &= fabs(row[j]) <= deviation * sqrt(moments->scatter[j * moments->stride + j]);
    }
    if (!possible)
        return vg_fail(error, VG_EFORMAT, "moments: no rows have such a mean and scatter matrix");
    return VG_OK;
}

vg_status vg_moments_deserialize(vg_moments **moments, const void *buffer, size_t size,
                                 vg_error *error)
{
    if (moments == NULL) return vg_fail_null(error, "vg_moments_deserialize", "moments' place");
    *moments = NULL;
    if (buffer == NULL) return vg_fail_null(error, "vg_moments_deserialize", "buffer");
    int dims = 0;
    uint64_t count = 0;
    vg_status status = check_bytes(buffer, size, &dims, &count, error);
    if (status != VG_OK) return status;

    vg_moments *opened;
    status = vg_moments_open(&opened, dims, error);
    if (status != VG_OK) return status;
    size_t columns = (size_t)dims;
    const uint8_t *from = (const uint8_t *)buffer + HEADER_BYTES;
    opened->count = count;
    vg_get_doubles(&from, opened->mean, columns);
    for (size_t i = 0; i < columns; i++)
        vg_get_doubles(&from, opened->scatter + i * opened->stride + i, columns - i);
    status = check_values(opened, error);
    if (status != VG_OK) {
        vg_moments_close(&opened);
        return status;
    }
    *moments = opened;
    return VG_OK;
}
