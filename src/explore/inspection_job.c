#include "explore/inspection_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/new_file.h"
#include "explore/content_copies.h"
#include "explore/derived_table.h"

enum {
    PATH,
    LABEL,
    SPLIT,
    REASONS,
    OUTLIER_SCORE,
    CLASS_DISTANCE,
    OUTLIER_RANK,
    LABEL_SCORE,
    LABEL_RANK,
    SUGGESTED_LABEL,
    SUPPORT,
    DUPLICATE_GROUP,
    DUPLICATE_DIAMETER,
    EXACT_DUPLICATE_OF,
    LEAK_OF,
    LEAK_DISTANCE,
    RESAVED_GROUP,
    RESAVED_DIAMETER,
    WIDTH,
    HEIGHT,
    BYTES,
    BRIGHTNESS_5,
    BRIGHTNESS_50,
    BRIGHTNESS_99,
    CONTRAST,
    SHARPNESS,
    COLUMNS
};
static const vg_column columns[COLUMNS] = {
    [PATH] = {"path", VG_COLUMN_STRING},
    [LABEL] = {"label", VG_COLUMN_STRING},
    [SPLIT] = {"split", VG_COLUMN_STRING},
    [REASONS] = {"reasons", VG_COLUMN_STRING_LIST},
    [OUTLIER_SCORE] = {"outlier_score", VG_COLUMN_FLOAT64},
    [CLASS_DISTANCE] = {"class_distance", VG_COLUMN_FLOAT64},
    [OUTLIER_RANK] = {"outlier_rank", VG_COLUMN_INT64},
    [LABEL_SCORE] = {"label_score", VG_COLUMN_FLOAT64},
    [LABEL_RANK] = {"label_rank", VG_COLUMN_INT64},
    [SUGGESTED_LABEL] = {"suggested_label", VG_COLUMN_STRING},
    [SUPPORT] = {"support", VG_COLUMN_FLOAT64},
    [DUPLICATE_GROUP] = {"duplicate_group", VG_COLUMN_INT64},
    [DUPLICATE_DIAMETER] = {"duplicate_diameter", VG_COLUMN_FLOAT64},
    [EXACT_DUPLICATE_OF] = {"exact_duplicate_of", VG_COLUMN_STRING},
    [LEAK_OF] = {"leak_of", VG_COLUMN_STRING},
    [LEAK_DISTANCE] = {"leak_distance", VG_COLUMN_FLOAT64},
    [RESAVED_GROUP] = {"resaved_group", VG_COLUMN_INT64},
    [RESAVED_DIAMETER] = {"resaved_diameter", VG_COLUMN_FLOAT64},
    [WIDTH] = {"width", VG_COLUMN_INT64},
    [HEIGHT] = {"height", VG_COLUMN_INT64},
    [BYTES] = {"bytes", VG_COLUMN_INT64},
    [BRIGHTNESS_5] = {"brightness_5", VG_COLUMN_INT64},
    [BRIGHTNESS_50] = {"brightness_50", VG_COLUMN_INT64},
    [BRIGHTNESS_99] = {"brightness_99", VG_COLUMN_INT64},
    [CONTRAST] = {"contrast", VG_COLUMN_FLOAT64},
    [SHARPNESS] = {"sharpness", VG_COLUMN_FLOAT64},
};

/* As the table calls them, by vg_check. */
static const char *const reasons[VG_CHECK_COUNT] = {[VG_CHECK_OUTLIERS] = "outlier",
                                                    [VG_CHECK_LABELS] = "label",
                                                    [VG_CHECK_DUPLICATES] = "duplicate",
                                                    [VG_CHECK_LEAKS] = "leak",
                                                    [VG_CHECK_RESAVED] = "resaved"};
static const char class_reason[] = "class_outlier";
static const char *const fault_reasons[VG_FAULT_COUNT] = {"dark", "light", "blurred", "flat"};

enum { FACTS = 9 };

void vg_inspection_job_default(vg_inspection_job *job)
{
    *job = (vg_inspection_job){.target = vg_target_default()};
    vg_inspection_options_default(&job->options);
}

typedef struct work {
    const vg_inspection_job *job;
    vg_inspection_result *result;
    vg_derived_table table;
    vg_row_table rows;
    vg_neighbour_lists lists;
    vg_inspection inspection;
} work;

/* --- Looking ----------------------------------------------------------------------- */

vg_status vg_inspection_of_output(vg_inspection *inspection, const vg_row_table *rows,
                                  const vg_neighbour_lists *lists, vg_store *output,
                                  vg_inspection_options options, const atomic_bool *cancel,
                                  vg_error *error)
{
    *inspection = (vg_inspection){0};
    size_t count = vg_row_table_count(rows);
    uint64_t known = 0;
    if (!(options.near >= 0.0 && options.near <= VG_FARTHEST_NEAR))
        return vg_fail(error, VG_EINVAL, "near is a share from 0 to %g, not %g", VG_FARTHEST_NEAR,
                       options.near);
    uint32_t *first_of = malloc(count * sizeof *first_of);
    if (first_of == NULL) return vg_fail_memory(error, count * sizeof *first_of);
    vg_row_quality quality = {0};
    vg_status status = vg_content_copies_find(first_of, &known, rows, output, cancel, error);
    const unsigned by_measures = VG_MEASURED_CHECKS | 1u << VG_CHECK_LEAKS;
    if (status == VG_OK && (options.checks & by_measures) != 0)
        status = vg_row_quality_read(&quality, rows, output, cancel, error);
    options.same_as = known > 0 ? first_of : NULL;
    options.quality = &quality;
    options.cancel = cancel;
    if (status == VG_OK) status = vg_inspection_make(inspection, rows, lists, &options, error);
    free(first_of);
    if (status != VG_OK) {
        vg_row_quality_close(&quality);
        return status;
    }
    inspection->digests = known;
    inspection->quality = quality;
    return VG_OK;
}

static vg_status prepare(work *state, vg_error *error)
{
    const vg_inspection_job *job = state->job;
    return vg_derived_table_open(&state->table, VG_TABLE_INSPECTION, &job->target, error);
}

static void take_result(work *state)
{
    vg_inspection_result *result = state->result;
    const vg_inspection *inspection = &state->inspection;
    result->rows = inspection->rows;
    memcpy(result->found, inspection->found, sizeof result->found);
    result->groups = inspection->groups;
    result->copies = inspection->copies;
    result->resaved_groups = inspection->resaved_groups;
    result->measured = inspection->quality.known;
    memcpy(result->faults, inspection->faults, sizeof result->faults);
    result->tested = inspection->tested;
    result->leak_paths = inspection->leak_paths;
    result->leak_groups = inspection->leak_groups;
    result->unvoted = inspection->unvoted;
    result->unlabelled = inspection->unlabelled;
    result->outlier_limit = inspection->outlier_limit;
    result->class_limit = inspection->class_limit;
    result->near_limit = inspection->near_limit;
    if (inspection->training != NULL)
        snprintf(result->training, sizeof result->training, "%s", inspection->training);
}

/* A Spark job keeps no digests, a run keeps those of the images that it read. */
static void tell_digests(const work *state)
{
    const unsigned by_bytes = 1u << VG_CHECK_DUPLICATES | 1u << VG_CHECK_LEAKS;
    uint64_t rows = state->inspection.rows, known = state->inspection.digests;
    if ((state->job->options.checks & by_bytes) == 0 || known == rows) return;
    vg_notify_log(&state->job->target.observer, VG_LOG_WARNING,
                  "%llu of %llu images have no digest of a run: copies among them are found by "
                  "their features alone",
                  (unsigned long long)(rows - known), (unsigned long long)rows);
}

/* An output may be without measures, unless they are asked for. */
static vg_status check_measures(const work *state, vg_error *error)
{
    const vg_inspection_job *job = state->job;
    uint64_t rows = state->inspection.rows, known = state->inspection.quality.known;
    if ((job->options.checks & VG_MEASURED_CHECKS) == 0 || known == rows) return VG_OK;
    if (known == 0 && job->needs_quality)
        return vg_fail(error, VG_ENOTFOUND,
                       "%s: no run has measured the images of this table: 'verger run --quality' "
                       "does",
                       state->rows.address);
    if (known > 0)
        vg_notify_log(&job->target.observer, VG_LOG_WARNING,
                      "%llu of %llu images were not measured: nothing is known of their quality",
                      (unsigned long long)(rows - known), (unsigned long long)rows);
    return VG_OK;
}

static vg_status inspect(work *state, vg_error *error)
{
    const vg_inspection_job *job = state->job;
    bool needs_neighbours = (job->options.checks & ~VG_MEASURED_CHECKS) != 0;
    vg_status status = vg_row_table_open(&state->rows, state->table.output, VG_TABLE_PCA,
                                         &job->target.observer, job->target.cancel, error);
    if (status == VG_OK && needs_neighbours)
        status = vg_neighbour_lists_read(&state->lists, &state->rows, state->table.output,
                                         job->target.cancel, &job->target.observer, error);
    if (status == VG_OK) status = vg_layout_check_writable(state->table.output, error);
    if (status == VG_OK)
        status =
            vg_inspection_of_output(&state->inspection, &state->rows, &state->lists,
                                    state->table.output, job->options, job->target.cancel, error);
    if (status != VG_OK) return status;
    take_result(state);
    tell_digests(state);
    return check_measures(state, error);
}

/* --- The table ----------------------------------------------------------------------- */

static vg_status append_text(vg_builder *builder, size_t column, const char *text, vg_error *error)
{
    if (text == NULL || text[0] == '\0') return vg_builder_null(builder, column, error);
    return vg_builder_string(builder, column, text, strlen(text), error);
}

static vg_status append_number(vg_builder *builder, size_t column, double value, bool is_there,
                               vg_error *error)
{
    if (!is_there || isnan(value)) return vg_builder_null(builder, column, error);
    return vg_builder_float64(builder, column, value, error);
}

static vg_status append_count(vg_builder *builder, size_t column, uint32_t value, vg_error *error)
{
    if (value == 0) return vg_builder_null(builder, column, error);
    return vg_builder_int64(builder, column, value, error);
}

static const char *path_of(const work *state, int64_t row)
{
    return row >= 0 ? state->rows.paths.items[row].text : NULL;
}

static vg_status append_reasons(vg_builder *builder, const vg_finding *finding, vg_error *error)
{
    const char *texts[VG_CHECK_COUNT + VG_FAULT_COUNT];
    size_t sizes[VG_CHECK_COUNT + VG_FAULT_COUNT], n = 0;
    for (int check = 0; check < VG_CHECK_COUNT; check++) {
        bool is_there = (finding->found & 1u << check) != 0;
        if (check == VG_CHECK_OUTLIERS) is_there = finding->unlike_all;
        if (is_there && reasons[check] != NULL) texts[n++] = reasons[check];
    }
    if (finding->unlike_class) texts[n++] = class_reason;
    for (int fault = 0; fault < VG_FAULT_COUNT; fault++)
        if ((finding->faults & 1u << fault) != 0) texts[n++] = fault_reasons[fault];
    for (size_t i = 0; i < n; i++) sizes[i] = strlen(texts[i]);
    return vg_builder_string_list(builder, REASONS, texts, sizes, n, error);
}

static vg_status append_scores(const work *state, vg_builder *builder, const vg_finding *finding,
                               vg_error *error)
{
    bool is_contradicted = (finding->found & 1u << VG_CHECK_LABELS) != 0;
    const char *suggested =
        is_contradicted ? state->inspection.labels.values[finding->suggested] : NULL;
    vg_status status = append_number(builder, OUTLIER_SCORE, finding->outlier_score, true, error);
    if (status == VG_OK)
        status = append_number(builder, CLASS_DISTANCE, finding->class_distance, true, error);
    if (status == VG_OK) status = append_count(builder, OUTLIER_RANK, finding->outlier_rank, error);
    if (status == VG_OK)
        status = append_number(builder, LABEL_SCORE, finding->label_score, true, error);
    if (status == VG_OK) status = append_count(builder, LABEL_RANK, finding->label_rank, error);
    if (status == VG_OK) status = append_text(builder, SUGGESTED_LABEL, suggested, error);
    if (status == VG_OK)
        status = append_number(builder, SUPPORT, finding->support, is_contradicted, error);
    return status;
}

/* What was measured of the image; nulls where nothing was. */
static vg_status append_measures(const work *state, vg_builder *builder, size_t row,
                                 vg_error *error)
{
    static const vg_row_measures none = {.bytes = -1};
    static const int percentiles[] = {1, 2, 4}; /* of VG_BRIGHTNESS_LEVELS: 5, 50 and 99 */
    const vg_row_measures *measures =
        state->inspection.quality.known > 0 ? &state->inspection.quality.measures[row] : &none;
    bool is_there = measures->width > 0;
    const int64_t numbers[] = {measures->width,
                               measures->height,
                               is_there ? measures->bytes : -1,
                               measures->brightness[percentiles[0]],
                               measures->brightness[percentiles[1]],
                               measures->brightness[percentiles[2]]};
    vg_status status = VG_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == VG_OK; i++)
        status = is_there && numbers[i] >= 0
                     ? vg_builder_int64(builder, WIDTH + i, numbers[i], error)
                     : vg_builder_null(builder, WIDTH + i, error);
    if (status == VG_OK)
        status = append_number(builder, CONTRAST, measures->contrast, is_there, error);
    if (status == VG_OK)
        status = append_number(builder, SHARPNESS, measures->sharpness, is_there, error);
    return status;
}

static vg_status append_row(void *context, vg_builder *builder, size_t row, vg_error *error)
{
    const work *state = context;
    const vg_row_table *rows = &state->rows;
    const vg_finding *finding = &state->inspection.findings[row];
    const char *path = rows->paths.items[row].text, *label = rows->labels.items[row].text;
    vg_status status = vg_builder_string(builder, PATH, path, strlen(path), error);
    if (status == VG_OK) status = vg_builder_string(builder, LABEL, label, strlen(label), error);
    if (status == VG_OK) status = append_text(builder, SPLIT, rows->splits.items[row].text, error);
    if (status == VG_OK) status = append_reasons(builder, finding, error);
    if (status == VG_OK) status = append_scores(state, builder, finding, error);
    if (status == VG_OK) status = append_count(builder, DUPLICATE_GROUP, finding->group, error);
    if (status == VG_OK)
        status = append_number(builder, DUPLICATE_DIAMETER, finding->diameter, finding->group > 0,
                               error);
    if (status == VG_OK)
        status = append_text(builder, EXACT_DUPLICATE_OF, path_of(state, finding->copy_of), error);
    if (status == VG_OK)
        status = append_text(builder, LEAK_OF, path_of(state, finding->leak_of), error);
    if (status == VG_OK)
        status = append_number(builder, LEAK_DISTANCE, finding->leak_distance,
                               finding->leak_of >= 0, error);
    if (status == VG_OK)
        status = append_count(builder, RESAVED_GROUP, finding->resaved_group, error);
    if (status == VG_OK)
        status = append_number(builder, RESAVED_DIAMETER, finding->resaved_diameter,
                               finding->resaved_group > 0, error);
    return status == VG_OK ? append_measures(state, builder, row, error) : status;
}

static vg_status write_table(work *state, vg_error *error)
{
    const vg_inspection_job *job = state->job;
    char near[VG_NUMBER_CHARS], near_limit[VG_NUMBER_CHARS];
    char outlier_limit[VG_NUMBER_CHARS], class_limit[VG_NUMBER_CHARS];
    vg_format_float64(near, job->options.near);
    vg_format_float64(near_limit, state->inspection.near_limit);
    vg_format_float64(outlier_limit, state->inspection.outlier_limit);
    vg_format_float64(class_limit, state->inspection.class_limit);
    char within[VG_NUMBER_CHARS];
    vg_format_float64(within, job->options.within);
    const vg_fact facts[FACTS] = {{"rows_of", state->rows.address},
                                  {"near", near},
                                  {"near_distance", near_limit},
                                  {"outlier_score", outlier_limit},
                                  {"within", within},
                                  {"group", job->options.group != NULL ? job->options.group : ""},
                                  {"class_distance", class_limit},
                                  {"training_split", state->result->training},
                                  {"verger_version", vg_version()}};
    const vg_derived_rows rows = {.columns = columns,
                                  .column_count = COLUMNS,
                                  .facts = facts,
                                  .fact_count = FACTS,
                                  .count = state->result->rows,
                                  .append = append_row,
                                  .context = state};
    return vg_derived_table_write(&state->table, &rows, error);
}

/* --- The drop list ------------------------------------------------------------------- */

/* Groups of which an image stays, by their numbers. */
typedef struct kept_groups {
    bool *duplicates, *resaved;
} kept_groups;

/* Of a group the lowest row stays, unless it is odd for another reason or another group has one
 * already. */
static bool is_dropped(const work *state, size_t row, kept_groups *kept)
{
    const unsigned by_groups = 1u << VG_CHECK_DUPLICATES | 1u << VG_CHECK_RESAVED;
    const vg_finding *finding = &state->inspection.findings[row];
    if ((finding->found & ~by_groups) != 0) return true;
    if (finding->group != 0 && kept->duplicates[finding->group]) return true;
    if (finding->resaved_group != 0 && kept->resaved[finding->resaved_group]) return true;
    kept->duplicates[finding->group] = kept->resaved[finding->resaved_group] = true;
    return false;
}

/* A name as it is on disk, a line; one that has a line break of its own is told instead. */
static void write_name(work *state, size_t row, char *name, FILE *stream)
{
    const vg_row_table *rows = &state->rows;
    const char *relative = rows->relative_paths.items[row].text;
    const char *text = relative[0] != '\0' ? relative : rows->paths.items[row].text;
    size_t size = strlen(text);
    memcpy(name, text, size);
    size = vg_unescape(name, size);
    if (memchr(name, '\n', size) != NULL) {
        vg_notify_log(&state->job->target.observer, VG_LOG_WARNING,
                      "%s has a line break in its name and is left out of %s", text,
                      state->job->drop_list);
        return;
    }
    fwrite(name, 1, size, stream);
    putc('\n', stream);
    state->result->dropped++;
}

static size_t longest_name(const vg_row_table *rows)
{
    size_t longest = 0;
    for (size_t row = 0; row < vg_row_table_count(rows); row++) {
        size_t size = strlen(rows->paths.items[row].text);
        if (size > longest) longest = size;
    }
    return longest;
}

static vg_status write_drop_list(work *state, vg_error *error)
{
    if (state->job->drop_list == NULL) return VG_OK;
    size_t groups = state->inspection.groups + 1, resaved = state->inspection.resaved_groups + 1;
    kept_groups kept = {calloc(groups, sizeof(bool)), calloc(resaved, sizeof(bool))};
    /* A path ends with the relative one. */
    char *name = malloc(longest_name(&state->rows) + 1);
    vg_new_file file = {0};
    vg_status status = VG_OK;
    if (kept.duplicates == NULL || kept.resaved == NULL || name == NULL)
        status = vg_fail_memory(error, groups + resaved);
    if (status == VG_OK) status = vg_new_file_open(&file, state->job->drop_list, error);
    if (status == VG_OK) {
        for (size_t row = 0; row < state->inspection.rows; row++)
            if (is_dropped(state, row, &kept)) write_name(state, row, name, file.stream);
        status = vg_new_file_close(&file, ferror(file.stream) == 0, error);
    }
    free(kept.duplicates);
    free(kept.resaved);
    free(name);
    return status;
}

vg_status vg_inspection_job_run(const vg_inspection_job *job, vg_inspection_result *result,
                                vg_error *error)
{
    double start = vg_seconds();
    work state = {.job = job, .result = result};
    *result = (vg_inspection_result){0};
    vg_status status = prepare(&state, error);
    if (status == VG_OK) status = inspect(&state, error);
    if (status == VG_OK) status = write_table(&state, error);
    if (status == VG_OK) status = write_drop_list(&state, error);
    snprintf(result->timestamp, sizeof result->timestamp, "%s", state.table.timestamp);
    snprintf(result->folder, sizeof result->folder, "%s", state.table.folder);
    vg_inspection_free(&state.inspection);
    vg_neighbour_lists_free(&state.lists);
    vg_row_table_close(&state.rows);
    vg_derived_table_close(&state.table);
    result->seconds = vg_seconds() - start;
    return status;
}
