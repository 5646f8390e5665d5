/* Any bytes to the reader of classifiers: one that can be asked, or a reason. */
#include <math.h>
#include <string.h>

#include "classify/classifier_file.h"
#include "fuzz/fuzz.h"

static void check(const vg_classifier *classifier, size_t size)
{
    const vg_linear_model *model = &classifier->model;
    size_t classes = (size_t)model->classes, dims = (size_t)model->dims;
    FUZZ_CHECK(model->classes >= 2 && model->dims >= 1);
    FUZZ_CHECK(classes * dims * sizeof *model->weights <= size);
    FUZZ_CHECK(isfinite(model->temperature) && model->temperature > 0.0);
    FUZZ_CHECK(classifier->labels.count == classes);
    for (size_t c = 0; c < classes; c++) {
        FUZZ_CHECK(isfinite(model->bias[c]));
        FUZZ_CHECK(c == 0 || strcmp(classifier->labels.items[c - 1].text,
                                    classifier->labels.items[c].text) < 0);
    }
    for (size_t i = 0; i < classes * dims; i++) FUZZ_CHECK(isfinite(model->weights[i]));
    for (size_t d = 0; d < dims; d++) FUZZ_CHECK(isfinite(model->mean[d]));
    FUZZ_CHECK(strlen(classifier->features_model) < sizeof classifier->features_model);
    FUZZ_CHECK(strlen(classifier->space) < sizeof classifier->space);
    FUZZ_CHECK(strlen(classifier->method) < sizeof classifier->method);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vg_classifier classifier;
    vg_error error = {{0}};
    char *bytes = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(bytes != NULL);
    memcpy(bytes, data, size);
    vg_status status = vg_classifier_parse(&classifier, bytes, size, &error);
    if (status == VG_OK)
        check(&classifier, size);
    else
        FUZZ_CHECK(error.message[0] != '\0');
    vg_classifier_close(&classifier);
    return 0;
}
