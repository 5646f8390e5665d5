/* Any bytes to vg_moments_deserialize: moments that serialise to the same bytes and
 * can be fitted, or a reason. Tried again with the checksum put right. */
#include <math.h>
#include <string.h>

#include "fuzz/bytes.h"
#include "fuzz/fuzz.h"
#include "verger/verger.h"

/* Fitting takes dims cubed; more is only looked at. */
enum { MAX_FITTED_DIMS = 32 };

static void fit(const vg_moments *moments)
{
    vg_pca *pca = NULL;
    int k = vg_moments_dims(moments);
    if (vg_pca_fit(&pca, moments, k, NULL) == VG_OK) {
        const double *shares = vg_pca_explained_variance(pca);
        for (int i = 0; i < k; i++) FUZZ_CHECK(isfinite(shares[i]) && shares[i] >= 0);
        const double *components = vg_pca_matrix(pca);
        for (int i = 0; i < k * k; i++) FUZZ_CHECK(isfinite(components[i]));
    }
    vg_pca_close(&pca);
}

static void deserialize(const uint8_t *data, size_t size)
{
    vg_moments *moments = NULL;
    vg_error error = {{0}};
    if (vg_moments_deserialize(&moments, data, size, &error) != VG_OK) {
        FUZZ_CHECK(moments == NULL);
        FUZZ_CHECK(error.message[0] != '\0');
        return;
    }
    FUZZ_CHECK(vg_moments_dims(moments) > 0);
    FUZZ_CHECK(vg_moments_serialized_size(moments) == size);
    uint8_t *again = malloc(size);
    FUZZ_CHECK(again != NULL);
    vg_moments_serialize(moments, again);
    FUZZ_CHECK(memcmp(again, data, size) == 0);
    free(again);
    if (vg_moments_dims(moments) <= MAX_FITTED_DIMS) fit(moments);
    vg_moments_close(&moments);
    FUZZ_CHECK(moments == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    deserialize(data, size);
    uint8_t *mended = malloc(size + 1);
    FUZZ_CHECK(mended != NULL);
    memcpy(mended, data, size);
    fuzz_mend_checksum(mended, size);
    deserialize(mended, size);
    free(mended);
    return 0;
}
