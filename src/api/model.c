#include "model/packed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/error.h"

void vg_model_options_default(vg_model_options *options)
{
    *options = (vg_model_options){0};
}

static const char seeded_prefix[] = "seeded:";

int vg_model_is_seeded(const char *source)
{
    return strncmp(source, seeded_prefix, strlen(seeded_prefix)) == 0;
}

static vg_status draw_weights(vg_weights **weights, const char *source, vg_error *error)
{
    const char *digits = source + strlen(seeded_prefix);
    char *end = NULL;
    errno = 0;
    unsigned long long seed = strtoull(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || errno != 0)
        return vg_fail(error, VG_EINVAL,
                       "model \"%s\": the seed must be a whole number, as in \"seeded:7\"", source);
    return vg_weights_seeded(weights, seed, error);
}

static vg_status open_network(vg_network **network, const char *source, const vg_kernels *kernels,
                              vg_error *error)
{
    int is_seeded = vg_model_is_seeded(source);
    if (!is_seeded && vg_packed_is_at(source))
        return vg_network_map(network, source, kernels, error);

    vg_weights *weights = NULL;
    vg_status status = is_seeded ? draw_weights(&weights, source, error)
                                 : vg_weights_read_safetensors(&weights, source, error);
    if (status == VG_OK) status = vg_network_open(network, weights, kernels, error);
    vg_weights_close(&weights);
    return status;
}

vg_status vg_model_open(vg_model **model, const char *source, const vg_model_options *options,
                        vg_error *error)
{
    if (model == NULL) return vg_fail_null(error, "vg_model_open", "model's place");
    *model = NULL;
    if (source == NULL) return vg_fail_null(error, "vg_model_open", "source");
    vg_model_options defaults;
    vg_model_options_default(&defaults);
    if (options == NULL) options = &defaults;
    vg_status status =
        vg_check_reserved(options->reserved, VG_RESERVED_OF(options), "vg_model_options", error);
    if (status != VG_OK) return status;
    vg_model *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);

    status = vg_kernels_choose(&opened->kernels, options->kernels, error);
    if (status == VG_OK) status = open_network(&opened->network, source, &opened->kernels, error);
    if (status != VG_OK) {
        vg_model_close(&opened);
        return status;
    }
    *model = opened;
    return VG_OK;
}

void vg_model_close(vg_model **model)
{
    if (model == NULL || *model == NULL) return;
    vg_network_close(&(*model)->network);
    free(*model);
    *model = NULL;
}

vg_status vg_model_save_packed(const vg_model *model, const char *path, vg_error *error)
{
    if (model == NULL || path == NULL)
        return vg_fail_null(error, "vg_model_save_packed", model == NULL ? "model" : "path");
    return vg_network_save(model->network, path, error);
}

const char *vg_model_kernels(const vg_model *model)
{
    return model != NULL ? model->kernels.name : NULL;
}

const char *vg_model_arithmetic(const vg_model *model)
{
    return vg_kernels_arithmetic(&model->kernels);
}
