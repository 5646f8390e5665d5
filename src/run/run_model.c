#include "run/run_model.h"

#include <assert.h>

#include "base/error.h"
#include "digest/sha256.h"

static void add_fact(vg_run_model *opened, const char *key, const char *value)
{
    assert(opened->fact_count < VG_MODEL_FACTS);
    opened->facts[opened->fact_count++] = (vg_fact){.key = key, .value = value};
}

vg_status vg_run_model_open(vg_run_model *opened, const vg_run_options *options, const char *name,
                            vg_error *error)
{
    const char *source = options->model_source;
    const vg_model_options model_options = {.kernels = options->kernels};
    vg_status status = vg_model_open(&opened->model, source, &model_options, error);
    if (status != VG_OK) return status;
    add_fact(opened, "model", name);
    if (!vg_model_is_seeded(source)) {
        status = vg_file_sha256(source, opened->sha256, error);
        add_fact(opened, "model_sha256", opened->sha256);
    }
    add_fact(opened, "kernels", vg_model_kernels(opened->model));
    if (options->form.normalize) add_fact(opened, "normalize", "true");
    if (options->form.float16) add_fact(opened, "dtype", "float16");
    add_fact(opened, "verger_version", vg_version());
    return status;
}

void vg_run_model_close(vg_run_model *opened)
{
    vg_model_close(&opened->model);
    opened->fact_count = 0;
}

const char *vg_run_model_identity(const vg_run_model *opened, const vg_run_options *options)
{
    return opened->sha256[0] == '\0' ? options->model_source : opened->sha256;
}
