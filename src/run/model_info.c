#include "run/model_info.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"

static void put_number(FILE *out, double value)
{
    char text[VG_NUMBER_CHARS];
    vg_format_float64(text, value);
    fputs(isfinite(value) ? text : "null", out);
}

static void put_variances(FILE *out, const char *key, const vg_model_info *info, bool cumulative)
{
    double sum = 0.0;
    fprintf(out, ", \"%s\": [", key);
    for (int i = 0; i < info->components; i++) {
        sum += info->variance[i];
        if (i > 0) fputs(", ", out);
        put_number(out, cumulative ? sum : info->variance[i]);
    }
    fputc(']', out);
}

double vg_total_variance(const double *variance, int components)
{
    double sum = 0.0;
    for (int i = 0; i < components; i++) sum += variance[i];
    return sum;
}

static void put_info(FILE *out, const vg_model_info *info)
{
    fputs("{\"timestamp\": ", out);
    vg_json_write_string(out, info->timestamp);
    fprintf(out, ", \"pca_components\": %d, \"original_dimensions\": %d", info->components,
            info->dims);
    fprintf(out, ", \"reduced_dimensions\": %d, \"total_variance_explained\": ", info->components);
    put_number(out, vg_total_variance(info->variance, info->components));
    put_variances(out, "variance_by_component", info, false);
    put_variances(out, "cumulative_variance", info, true);
    fprintf(out, ", \"num_images_processed\": %llu", (unsigned long long)info->images);
    for (size_t i = 0; i < info->fact_count; i++) {
        fputs(", ", out);
        vg_json_write_string(out, info->facts[i].key);
        fputs(": ", out);
        vg_json_write_string(out, info->facts[i].value);
    }
    fputs(", \"libraries\": ", out);
    vg_json_write_string(out, vg_libraries());
    fprintf(out, ", \"threads\": %d, \"seconds\": ", info->threads);
    put_number(out, info->seconds);
    if (info->images_per_second > 0.0) {
        fputs(", \"images_per_second\": ", out);
        put_number(out, info->images_per_second);
    }
    fputs("}\n", out);
}

vg_status vg_model_info_json(char **json, const vg_model_info *info, vg_error *error)
{
    size_t size = 0;
    *json = NULL;
    FILE *out = open_memstream(json, &size);
    if (out == NULL) return vg_fail_memory(error, 1);
    put_info(out, info);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(*json);
        *json = NULL;
        return vg_fail_memory(error, size);
    }
    return VG_OK;
}
