/* Any bytes to vg_class_moments_deserialize: class moments that serialise to the same bytes and can
 * be merged and fitted, or a reason. Tried again with the checksums put right, that of the moments
 * within too. */
#include <string.h>

#include "fuzz/bytes.h"
#include "fuzz/fuzz.h"
#include "verger/verger.h"

/* Fitting takes dims cubed; more is only looked at. */
enum { MAX_FITTED_DIMS = 32, MAX_FITTED_CLASSES = 64, HEADER_BYTES = 24, CHECKSUM_BYTES = 8 };

static void fit(vg_class_moments *moments)
{
    int dims = vg_class_moments_dims(moments), classes = vg_class_moments_classes(moments);
    double *weights = malloc((size_t)dims * (size_t)classes * sizeof *weights);
    double *bias = malloc((size_t)classes * sizeof *bias), shrinkage = 0.0;
    FUZZ_CHECK(weights != NULL && bias != NULL);
    if (vg_class_moments_shrinkage_of(moments, 1.0, &shrinkage, NULL) == VG_OK)
        (void)!vg_lda_fit(moments, 0.1, weights, bias, NULL);
    FUZZ_CHECK(vg_class_moments_merge(moments, moments, NULL) == VG_OK);
    free(weights);
    free(bias);
}

static void deserialize(const uint8_t *data, size_t size)
{
    vg_class_moments *moments = NULL;
    vg_error error = {{0}};
    if (vg_class_moments_deserialize(&moments, data, size, &error) != VG_OK) {
        FUZZ_CHECK(moments == NULL);
        FUZZ_CHECK(error.message[0] != '\0');
        return;
    }
    FUZZ_CHECK(vg_class_moments_dims(moments) > 0);
    FUZZ_CHECK(vg_class_moments_serialized_size(moments) == size);
    uint8_t *again = malloc(size);
    FUZZ_CHECK(again != NULL);
    vg_class_moments_serialize(moments, again);
    FUZZ_CHECK(memcmp(again, data, size) == 0);
    free(again);
    if (vg_class_moments_dims(moments) <= MAX_FITTED_DIMS &&
        vg_class_moments_classes(moments) <= MAX_FITTED_CLASSES)
        fit(moments);
    vg_class_moments_close(&moments);
    FUZZ_CHECK(moments == NULL);
}

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* The moments of all rows lie behind the classes' counts and means. */
static void mend(uint8_t *bytes, size_t size)
{
    if (size >= HEADER_BYTES + CHECKSUM_BYTES) {
        uint64_t dims = number_at(bytes + 12), classes = number_at(bytes + 16);
        uint64_t left = size - HEADER_BYTES - CHECKSUM_BYTES;
        if (dims < 1 << 16 && classes < 1 << 16 && 8 * classes * (1 + dims) < left) {
            size_t first = HEADER_BYTES + (size_t)(8 * classes * (1 + dims));
            fuzz_mend_checksum(bytes + first, size - CHECKSUM_BYTES - first);
        }
    }
    fuzz_mend_checksum(bytes, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    deserialize(data, size);
    uint8_t *mended = malloc(size + 1);
    FUZZ_CHECK(mended != NULL);
    memcpy(mended, data, size);
    mend(mended, size);
    deserialize(mended, size);
    free(mended);
    return 0;
}
