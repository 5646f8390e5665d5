#include "explore/features_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest/sha256.h"
#include "history/run_plan.h"
#include "output/layout.h"

typedef struct info_search {
    vg_store *store;
    vg_bytes text;
} info_search;

static vg_status read_info(void *context, const vg_file *file, vg_error *error)
{
    enum { LARGEST_INFO = 1 << 20 };
    info_search *state = context;
    size_t size = strlen(file->path);
    if (size < 4 || strcmp(file->path + size - 4, ".txt") != 0) return VG_OK;
    return vg_store_read(state->store, file->path, file->size, LARGEST_INFO, &state->text, error);
}

/* What follows `start` in the text, up to a quote; false where it is not there or too long. */
static bool copy_value(char name[VG_MODEL_NAME_CHARS], const vg_bytes *text, const char *start)
{
    size_t size = strlen(start), length = 0;
    const char *bytes = (const char *)text->bytes;
    for (size_t i = 0; i + size <= text->size; i++) {
        if (memcmp(bytes + i, start, size) != 0) continue;
        for (i += size; i + length < text->size && bytes[i + length] != '"'; length++) {
        }
        if (i + length == text->size || length == 0 || length >= VG_MODEL_NAME_CHARS) return false;
        memcpy(name, bytes + i, length);
        name[length] = '\0';
        return true;
    }
    return false;
}

vg_status vg_row_origin_find(vg_row_origin *origin, vg_store *store, const vg_row_table *rows,
                             vg_error *error)
{
    char folder[VG_FOLDER_CHARS];
    const char *timestamp = vg_timestamp_of(rows->address);
    *origin = (vg_row_origin){0};
    if (timestamp[0] == '\0') return VG_OK;
    vg_layout_folder(folder, VG_TABLE_MODEL_INFO, VG_CSV, timestamp);
    info_search state = {.store = store};
    vg_status status = vg_store_list(store, folder, read_info, &state, error);
    if (status == VG_ENOTFOUND) status = VG_OK;
    if (status == VG_OK) {
        copy_value(origin->components, &state.text, "\"components_sha256\": \"");
        if (!copy_value(origin->model, &state.text, "\"model_sha256\": \"") &&
            copy_value(origin->model, &state.text, "\"model\": \"") &&
            !vg_model_is_seeded(origin->model))
            origin->model[0] = '\0';
    }
    free(state.text.bytes);
    return status;
}

vg_status vg_source_model(char name[VG_MODEL_NAME_CHARS], const char *source, vg_error *error)
{
    char hex[VG_SHA256_CHARS];
    if (vg_model_is_seeded(source)) {
        snprintf(name, VG_MODEL_NAME_CHARS, "%s", source);
        return VG_OK;
    }
    vg_status status = vg_file_sha256(source, hex, error);
    if (status == VG_OK) snprintf(name, VG_MODEL_NAME_CHARS, "%s", hex);
    return status;
}

/* --- Their form ---------------------------------------------------------------------- */

static void take_form(void *context, const char *name, const char *value)
{
    vg_feature_form *form = context;
    if (strcmp(name, "normalize") == 0) form->normalize = strcmp(value, "true") == 0;
    if (strcmp(name, "dtype") == 0) form->float16 = strcmp(value, "float16") == 0;
}

vg_status vg_features_form(vg_feature_form *form, vg_store *store, const vg_row_table *rows,
                           vg_error *error)
{
    vg_saved_plan plan;
    const char *timestamp = vg_timestamp_of(rows->address);
    *form = (vg_feature_form){0};
    if (timestamp[0] == '\0') return VG_OK;
    vg_status status = vg_plan_read(&plan, store, timestamp, error);
    if (status == VG_ENOTFOUND) return VG_OK;
    if (status == VG_OK) vg_plan_tell(&plan, take_form, form);
    vg_plan_free(&plan);
    return status;
}
