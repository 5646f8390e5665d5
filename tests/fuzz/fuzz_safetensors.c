/* Any bytes to the safetensors reader: tensors that can be read whole, or a reason. */
#include <math.h>

#include "fuzz/fuzz.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vg_weights *weights = NULL;
    vg_error error = {{0}};
    vg_status status = vg_weights_parse_safetensors(&weights, data, size, &error);
    if (status != VG_OK) {
        FUZZ_CHECK(weights == NULL);
        FUZZ_CHECK(error.message[0] != '\0');
        return 0;
    }
    for (size_t t = 0; t < weights->count; t++) {
        const vg_tensor *tensor = &weights->tensors[t];
        FUZZ_CHECK(tensor->rank >= 0 && tensor->rank <= VG_MAX_RANK);
        size_t count = 1;
        for (int d = 0; d < tensor->rank; d++) count *= (size_t)tensor->shape[d];
        FUZZ_CHECK(count * sizeof *tensor->values <= size);
        for (size_t i = 0; i < count; i++) FUZZ_CHECK(isfinite(tensor->values[i]));
    }
    vg_weights_close(&weights);
    FUZZ_CHECK(weights == NULL);
    return 0;
}
