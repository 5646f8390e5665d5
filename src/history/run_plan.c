#include "history/run_plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

/* Raised when a version of verger gives other features for the same image. */
enum { FEATURES_VERSION = 1, MAX_PLAN_BYTES = 1 << 16 };

/* What a plan calls the ways in which parts end. */
static const char by_paths[] = "paths", by_count[] = "count";

/* What a plan is compared by, most telling first, and what a person calls it. */
typedef struct item {
    const char *key, *name;
    vg_plan_scope scope;
    const char *absent; /* what plans mean that were written before there was a choice */
} item;

static const item items[] = {
    {"input", "the input", VG_PLAN_WHOLE, NULL},
    {"model", "the model", VG_PLAN_FEATURES, NULL},
    {"features_version", "the version of verger's features", VG_PLAN_FEATURES, NULL},
    {"arithmetic", "the arithmetic of the kernel set", VG_PLAN_FEATURES, "float32"},
    {"exif_orient", "--exif-orient", VG_PLAN_FEATURES, NULL},
    {"normalize", "--normalize", VG_PLAN_FEATURES, "false"},
    {"dtype", "--dtype", VG_PLAN_FEATURES, "float32"},
    {"quality", "--quality", VG_PLAN_FEATURES, "false"},
    {"max_pixels", "--max-pixels", VG_PLAN_FEATURES, NULL},
    {"max_file_size", "--max-file-size", VG_PLAN_FEATURES, NULL},
    {"tables_version", "the version of verger's tables", VG_PLAN_TABLES, NULL},
    {"components", "the number of components", VG_PLAN_TABLES, NULL},
    {"variance_share", "the share that is to be explained, in 10^-9,", VG_PLAN_TABLES, NULL},
    {"fit_on", "--fit-on", VG_PLAN_TABLES, ""},
    {"center", "--center", VG_PLAN_TABLES, "false"},
    {"whiten", "--whiten", VG_PLAN_TABLES, "false"},
    {"formats", "--format", VG_PLAN_TABLES, NULL},
    {"part_rows", "--part-rows", VG_PLAN_TABLES, NULL},
    {"part_ends", "what parts end by", VG_PLAN_TABLES, by_count},
    {"keep_columns", "--keep-columns", VG_PLAN_TABLES, ""},
    {"images", "the number of images", VG_PLAN_TABLES, NULL},
    {"images_sha256", "the images (names, sizes, times, labels, columns)", VG_PLAN_TABLES, NULL},
};

/* --- Writing ---------------------------------------------------------------------- */

static void put_text(FILE *out, const char *key, const char *value)
{
    fprintf(out, "\"%s\": ", key);
    vg_json_write_string(out, value);
    fputs(",\n ", out);
}

static void put_number(FILE *out, const char *key, uint64_t value)
{
    fprintf(out, "\"%s\": %" PRIu64 ",\n ", key, value);
}

vg_part_ends vg_plan_part_ends(const vg_run_options *options)
{
    bool are_small = options->part_rows < VG_LEAST_ROWS_BY_PATHS;
    return options->parts_by_count || are_small ? VG_PARTS_BY_COUNT : VG_PARTS_BY_PATHS;
}

/* "caption,source"; names beyond 4 kB are left to the digest of the list. */
static void put_texts(FILE *out, const char *key, const vg_texts *texts)
{
    char joined[4096] = "";
    size_t used = 0;
    for (size_t i = 0; i < texts->count && used < sizeof joined; i++)
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", i > 0 ? "," : "",
                                 texts->items[i]);
    put_text(out, key, joined);
}

static void put_plan(FILE *out, const vg_plan *plan)
{
    const vg_run_options *options = plan->options;
    const vg_pca_choices *choices = &options->choices;
    const char *both = options->csv ? "parquet,csv" : "parquet";
    fputc('{', out);
    put_text(out, "input", plan->input);
    put_text(out, "model", plan->model);
    put_number(out, "features_version", FEATURES_VERSION);
    put_number(out, "tables_version", VG_TABLES_VERSION);
    put_text(out, "arithmetic", plan->arithmetic);
    put_number(out, "exif_orient", options->image.exif_orient != 0);
    put_number(out, "max_pixels", options->image.max_pixels);
    put_number(out, "max_file_size", options->max_file_size);
    put_number(out, "components", (uint64_t)options->components);
    put_number(out, "variance_share", (uint64_t)(options->variance_share * 1e9 + 0.5));
    put_text(out, "normalize", options->form.normalize ? "true" : "false");
    put_text(out, "dtype", options->form.float16 ? "float16" : "float32");
    put_text(out, "quality", options->quality ? "true" : "false");
    put_text(out, "fit_on", choices->fit_on != NULL ? choices->fit_on : "");
    put_text(out, "center", choices->center ? "true" : "false");
    put_text(out, "whiten", choices->whiten ? "true" : "false");
    put_text(out, "formats", options->parquet ? both : "csv");
    put_number(out, "part_rows", options->part_rows);
    put_text(out, "part_ends",
             vg_plan_part_ends(options) == VG_PARTS_BY_PATHS ? by_paths : by_count);
    put_texts(out, "keep_columns", &options->selection.keep_columns);
    if (plan->images != NULL) {
        put_number(out, "images", vg_image_list_count(plan->images));
        put_text(out, "images_sha256", vg_image_list_sha256(plan->images));
        put_number(out, "parts", plan->parts->count);
    }
    put_text(out, "model_source", options->model_source);
    put_text(out, "base", plan->base);
    put_text(out, "uuid", plan->uuid);
    fprintf(out, "\"verger\": \"%s\"}\n", vg_version());
}

static vg_status plan_json(char **json, size_t *size, const vg_plan *plan, vg_error *error)
{
    *json = NULL;
    FILE *out = open_memstream(json, size);
    if (out == NULL) return vg_fail_memory(error, MAX_PLAN_BYTES);
    put_plan(out, plan);
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed) return VG_OK;
    free(*json);
    *json = NULL;
    return vg_fail_memory(error, *size);
}

static void plan_file(char file[VG_FILE_CHARS], const char *timestamp)
{
    char folder[VG_FOLDER_CHARS];
    vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, timestamp);
    snprintf(file, VG_FILE_CHARS, "%s/run.json", folder);
}

vg_status vg_plan_write(vg_store *output, const char *timestamp, const vg_plan *plan,
                        vg_error *error)
{
    char file[VG_FILE_CHARS], *json;
    size_t size;
    vg_status status = plan_json(&json, &size, plan, error);
    if (status != VG_OK) return status;
    plan_file(file, timestamp);
    status = vg_store_write(output, file, json, size, error);
    free(json);
    return status;
}

/* --- Reading ------------------------------------------------------------------------ */

/* A value as it stands: a number, or a string between its quotes. */
typedef struct value {
    vg_json_string text;
    uint64_t number;
    bool is_number;
} value;

static bool take_value(vg_json *json, value *taken)
{
    *taken = (value){.text = {.text = json->next}};
    taken->is_number = vg_json_take_number(json, &taken->number);
    return taken->is_number || vg_json_take_string(json, &taken->text);
}

static bool take_member(vg_json *json, vg_json_string *name, value *taken)
{
    return vg_json_take_string(json, name) && vg_json_take(json, ':') && take_value(json, taken);
}

/* Whether the JSON is one object of strings and whole numbers; `found` gets the value
 * of `key`, if it has one. */
static bool find_value(const vg_saved_plan *plan, const char *key, value *found, bool *exists)
{
    *exists = false;
    if (plan->size == 0) return false; /* and no bytes to point at */
    vg_json json = {.next = plan->json, .end = plan->json + plan->size};
    if (!vg_json_take(&json, '{')) return false;
    do {
        vg_json_string name;
        value taken;
        if (!take_member(&json, &name, &taken)) return false;
        if (!vg_json_equal(name, key)) continue;
        *found = taken;
        *exists = true;
    } while (vg_json_take(&json, ','));
    return vg_json_take(&json, '}') && vg_json_at_end(&json);
}

static bool read_text(const vg_saved_plan *plan, const char *key, char *text, size_t capacity)
{
    value found;
    bool exists;
    return find_value(plan, key, &found, &exists) && exists && !found.is_number &&
           vg_json_copy_plain(found.text, text, capacity);
}

static bool read_number(const vg_saved_plan *plan, const char *key, uint64_t *number)
{
    value found;
    bool exists;
    if (!find_value(plan, key, &found, &exists) || !exists || !found.is_number) return false;
    *number = found.number;
    return true;
}

/* Earlier versions, whose parts all end by their count, do not say it. */
static void read_parts(vg_saved_plan *saved)
{
    char ends[16];
    bool is_told = read_text(saved, "part_ends", ends, sizeof ends);
    saved->part_ends =
        is_told && strcmp(ends, by_paths) == 0 ? VG_PARTS_BY_PATHS : VG_PARTS_BY_COUNT;
    if (saved->part_rows > 0 && !read_number(saved, "parts", &saved->parts))
        saved->parts = saved->images / saved->part_rows + (saved->images % saved->part_rows > 0);
}

/* Texts of a plan become parts of file names, and the number of parts a size. */
static bool is_plausible(const vg_saved_plan *saved)
{
    enum { MAX_PARTS = 1 << 24 };
    return saved->uuid[strspn(saved->uuid, "0123456789abcdef-")] == '\0' &&
           saved->base[strspn(saved->base, "0123456789_")] == '\0' && saved->part_rows > 0 &&
           saved->parts <= MAX_PARTS && saved->parts <= saved->images;
}

static bool is_known(vg_json_string name)
{
    static const char *const others[] = {"parts", "model_source", "base", "uuid", "verger"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        if (vg_json_equal(name, items[i].key)) return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (vg_json_equal(name, others[i])) return true;
    return false;
}

/* A name that is unknown may be an option of a later version, or a known one that was damaged: to
 * pass over it would take the run for one without the option. The JSON was read once. */
static vg_status check_names(const vg_saved_plan *saved, vg_error *error)
{
    vg_json json = {.next = saved->json, .end = saved->json + saved->size};
    bool is_whole = vg_json_take(&json, '{');
    do {
        vg_json_string name;
        value taken;
        is_whole = is_whole && take_member(&json, &name, &taken);
        if (!is_whole) return vg_fail(error, VG_EFORMAT, "it is not what verger writes");
        if (!is_known(name))
            return vg_fail(error, VG_EFORMAT, "this version of verger does not know its \"%.*s\"",
                           (int)name.size, name.text);
    } while (vg_json_take(&json, ','));
    return VG_OK;
}

vg_status vg_plan_parse(vg_saved_plan *saved, char *json, size_t size, vg_error *error)
{
    *saved = (vg_saved_plan){.json = json, .size = size};
    if (!read_text(saved, "model_source", saved->model_source, sizeof saved->model_source))
        saved->model_source[0] = '\0';
    bool is_whole = read_text(saved, "uuid", saved->uuid, sizeof saved->uuid) &&
                    read_text(saved, "base", saved->base, sizeof saved->base) &&
                    read_number(saved, "images", &saved->images) &&
                    read_number(saved, "part_rows", &saved->part_rows);
    if (is_whole) read_parts(saved);
    vg_status status = VG_OK;
    if (!is_whole || !is_plausible(saved))
        status = vg_fail(error, VG_EFORMAT, "it is not what verger writes");
    if (status == VG_OK) status = check_names(saved, error);
    if (status != VG_OK) vg_plan_free(saved);
    return status;
}

vg_status vg_plan_read(vg_saved_plan *saved, vg_store *output, const char *timestamp,
                       vg_error *error)
{
    char file[VG_FILE_CHARS];
    vg_bytes content = {0};
    *saved = (vg_saved_plan){0};
    plan_file(file, timestamp);
    vg_status status =
        vg_store_read(output, file, VG_SIZE_UNKNOWN, MAX_PLAN_BYTES, &content, error);
    if (status != VG_OK) {
        free(content.bytes);
        return status == VG_ELIMIT ? VG_EFORMAT : status;
    }
    status = vg_plan_parse(saved, (char *)content.bytes, content.size, error);
    if (status != VG_OK)
        vg_fail_prefix(error, status, "the state of a run, %s/%s, is damaged",
                       vg_store_address(output), file);
    return status;
}

void vg_plan_free(vg_saved_plan *saved)
{
    free(saved->json);
    *saved = (vg_saved_plan){0};
}

/* --- Comparing ------------------------------------------------------------------------ */

static bool equal_values(const value *left, const value *right)
{
    if (left->is_number || right->is_number)
        return left->is_number == right->is_number && left->number == right->number;
    return left->text.size == right->text.size &&
           memcmp(left->text.text, right->text.text, left->text.size) == 0;
}

static void print_value(char *text, size_t capacity, const value *shown)
{
    if (shown->is_number)
        snprintf(text, capacity, "%" PRIu64, shown->number);
    else
        snprintf(text, capacity, "%.*s", (int)shown->text.size, shown->text.text);
}

static vg_status compare_item(const item *compared, const vg_saved_plan *saved,
                              const vg_saved_plan *now, vg_error *error)
{
    value before = {0}, after = {0};
    bool has_before, has_after;
    char was[80], is[80];
    find_value(saved, compared->key, &before, &has_before);
    find_value(now, compared->key, &after, &has_after);
    if (!has_before && compared->absent != NULL) {
        before.text = (vg_json_string){.text = compared->absent, .size = strlen(compared->absent)};
        has_before = true;
    }
    if (has_before && has_after && equal_values(&before, &after)) return VG_OK;
    if (strcmp(compared->key, "images_sha256") == 0)
        return vg_fail(error, VG_EINVAL, "%s have changed since", compared->name);
    print_value(was, sizeof was, &before);
    print_value(is, sizeof is, &after);
    return vg_fail(error, VG_EINVAL, "%s was %s and is %s now", compared->name,
                   has_before ? was : "something else", is);
}

static bool is_of_images(const item *compared)
{
    return strncmp(compared->key, "images", strlen("images")) == 0;
}

vg_status vg_plan_compare(const vg_saved_plan *saved, const vg_plan *plan, vg_plan_scope scope,
                          vg_error *error)
{
    char *json;
    size_t size;
    vg_status status = plan_json(&json, &size, plan, error);
    if (status != VG_OK) return status;
    const vg_saved_plan now = {.json = json, .size = size};
    for (size_t i = 0; i < sizeof items / sizeof *items && status == VG_OK; i++)
        if (items[i].scope >= scope && !(plan->images == NULL && is_of_images(&items[i])))
            status = compare_item(&items[i], saved, &now, error);
    free(json);
    return status;
}

void vg_plan_tell(const vg_saved_plan *saved, vg_plan_teller *told, void *context)
{
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        value found = {0};
        bool exists;
        char text[VG_ADDRESS_CHARS];
        if (!find_value(saved, items[i].key, &found, &exists) || !exists) continue;
        print_value(text, sizeof text, &found);
        told(context, items[i].key, text);
    }
}
