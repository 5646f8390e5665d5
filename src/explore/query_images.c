#include "explore/query_images.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "explore/features_model.h"
#include "output/feature_form.h"

struct vg_query_images {
    vg_query_images_options options;
    vg_model *model;
    vg_extractor *extractor;
    vg_feature_form form; /* of the rows */
    vg_bytes content;
};

/* --- The model of the rows ------------------------------------------------------------ */

static bool holds(const vg_bytes *text, const char *part)
{
    size_t size = strlen(part);
    for (size_t i = 0; i + size <= text->size; i++)
        if (memcmp(text->bytes + i, part, size) == 0) return true;
    return false;
}

/* The form of the rows, as the plan of their run says; of others' rows it is the network's. */
static vg_status find_form(vg_feature_form *form, const vg_query_images_options *options,
                           vg_error *error)
{
    enum { LARGEST_PLAN = 1 << 16 };
    char folder[VG_FOLDER_CHARS], file[VG_FILE_CHARS];
    vg_bytes plan = {0};
    const char *address = options->rows->address;
    size_t size = strlen(address), timestamp = VG_TIMESTAMP_CHARS - 1;
    if (size < timestamp) return VG_OK;
    vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, address + size - timestamp);
    snprintf(file, sizeof file, "%s/run.json", folder);
    vg_status status =
        vg_store_read(options->store, file, VG_SIZE_UNKNOWN, LARGEST_PLAN, &plan, error);
    if (status == VG_OK) {
        form->normalize = holds(&plan, "\"normalize\": \"true\"");
        form->float16 = holds(&plan, "\"dtype\": \"float16\"");
    }
    free(plan.bytes);
    return status == VG_ENOTFOUND ? VG_OK : status;
}

/* Rows of others, who keep no model_info, are taken on trust. */
static vg_status check_model(const vg_query_images_options *options, vg_error *error)
{
    char of_rows[VG_MODEL_NAME_CHARS], given[VG_MODEL_NAME_CHARS];
    vg_status status = vg_features_model(of_rows, options->store, options->rows, error);
    if (status != VG_OK || of_rows[0] == '\0') return status;
    status = vg_source_model(given, options->model_source, error);
    if (status != VG_OK || strcmp(given, of_rows) == 0) return status;
    return vg_fail(error, VG_EINVAL,
                   "%s does not come from the weights %s: give those that model_info names "
                   "with --model",
                   options->rows->address, options->model_source);
}

/* --- Open and close ---------------------------------------------------------------------- */

vg_status vg_query_images_open(vg_query_images **images, const vg_query_images_options *options,
                               vg_error *error)
{
    *images = NULL;
    if (options->rows->values.dims != VG_FEATURE_COUNT)
        return vg_fail(error, VG_EINVAL,
                       "%s has rows of %d numbers, an image gives %d: ask for rows with --path",
                       options->rows->address, options->rows->values.dims, VG_FEATURE_COUNT);
    if (options->model_source == NULL)
        return vg_fail(
            error, VG_ENOTFOUND,
            "there are no weights here to read images with: fetch them with 'verger model "
            "fetch', or give them with --model");
    vg_status status = check_model(options, error);
    if (status != VG_OK) return status;
    vg_query_images *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->options = *options;
    status = find_form(&opened->form, options, error);
    if (status == VG_OK) status = vg_model_open(&opened->model, options->model_source, NULL, error);
    vg_extractor_options extractor_options;
    vg_extractor_options_default(&extractor_options);
    extractor_options.threads = options->threads;
    if (status == VG_OK)
        status = vg_extractor_open(&opened->extractor, opened->model, &extractor_options, error);
    if (status != VG_OK) vg_query_images_close(&opened);
    *images = opened;
    return status;
}

void vg_query_images_close(vg_query_images **images)
{
    if (*images == NULL) return;
    vg_extractor_close(&(*images)->extractor);
    vg_model_close(&(*images)->model);
    free((*images)->content.bytes);
    free(*images);
    *images = NULL;
}

/* --- Images --------------------------------------------------------------------------------- */

static vg_status read_file(vg_query_images *images, const char *path, vg_error *error)
{
    const char *slash = strrchr(path, '/');
    char folder[VG_ADDRESS_CHARS];
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    vg_store *store = NULL;
    vg_store_options options = {.follow_links = true};
    vg_status status = vg_store_open(&store, folder, &options, error);
    if (status == VG_OK)
        status = vg_store_read(store, slash != NULL ? slash + 1 : path, VG_SIZE_UNKNOWN,
                               images->options.max_file_size, &images->content, error);
    vg_store_close(&store);
    return status;
}

vg_status vg_query_images_read(vg_query_images *images, const char *path, float *features,
                               vg_error *error)
{
    vg_image_result result;
    vg_status status = read_file(images, path, error);
    if (status != VG_OK) return status;
    vg_encoded_image encoded = {.data = images->content.bytes, .size = images->content.size};
    status = vg_extract(images->extractor, 1, &encoded, features, &result, error);
    if (status == VG_OK && result.status == VG_OK)
        vg_feature_form_apply(&images->form, features, features);
    if (status != VG_OK || result.status == VG_OK) return status;
    return vg_fail(error, result.status, "%s: %s", path, result.error.message);
}
