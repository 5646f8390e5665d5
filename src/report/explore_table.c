#include "report/explore_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/layout.h"
#include "output/sink.h"

enum {
    PATH,
    LABEL,
    SPLIT,
    X,
    Y,
    COMPONENT_1,
    COMPONENT_2,
    COMPONENT_3,
    NEIGHBOUR_PATHS,
    DISTANCES,
    OUTLIER_SCORE,
    OUTLIER_RANK,
    LABEL_SCORE,
    SUGGESTED_LABEL,
    DUPLICATE_GROUP,
    LEAK_OF,
    THUMBNAIL,
    COLUMNS
};
static const vg_column columns[COLUMNS] = {
    [PATH] = {"path", VG_COLUMN_STRING},
    [LABEL] = {"label", VG_COLUMN_STRING},
    [SPLIT] = {"split", VG_COLUMN_STRING},
    [X] = {"x", VG_COLUMN_FLOAT64},
    [Y] = {"y", VG_COLUMN_FLOAT64},
    [COMPONENT_1] = {"component_1", VG_COLUMN_FLOAT64},
    [COMPONENT_2] = {"component_2", VG_COLUMN_FLOAT64},
    [COMPONENT_3] = {"component_3", VG_COLUMN_FLOAT64},
    [NEIGHBOUR_PATHS] = {"neighbour_paths", VG_COLUMN_STRING_LIST},
    [DISTANCES] = {"distances", VG_COLUMN_FLOAT32_LIST},
    [OUTLIER_SCORE] = {"outlier_score", VG_COLUMN_FLOAT64},
    [OUTLIER_RANK] = {"outlier_rank", VG_COLUMN_INT64},
    [LABEL_SCORE] = {"label_score", VG_COLUMN_FLOAT64},
    [SUGGESTED_LABEL] = {"suggested_label", VG_COLUMN_STRING},
    [DUPLICATE_GROUP] = {"duplicate_group", VG_COLUMN_INT64},
    [LEAK_OF] = {"leak_of", VG_COLUMN_STRING},
    [THUMBNAIL] = {"thumbnail", VG_COLUMN_BINARY},
};
enum { PART_ROWS = 16384 };

static const vg_table explore_table = VG_TABLE_EXPLORE;

struct vg_explore_table {
    vg_explore_source source;
    vg_sink *sink;
    size_t row;         /* the next */
    const char **texts; /* [k] */
    size_t *sizes;      /* [k] */
    char timestamp[VG_TIMESTAMP_CHARS], uuid[VG_UUID_CHARS], folder[VG_FOLDER_CHARS];
};

/* --- Open and close ------------------------------------------------------------------ */

vg_status vg_explore_table_open(vg_explore_table **table, const vg_explore_source *source,
                                vg_error *error)
{
    vg_explore_table *opened = *table = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    size_t k = (size_t)source->neighbours->k;
    opened->source = *source;
    opened->texts = malloc((k + 1) * sizeof *opened->texts);
    opened->sizes = malloc((k + 1) * sizeof *opened->sizes);
    vg_status status = VG_OK;
    if (opened->texts == NULL || opened->sizes == NULL)
        status = vg_fail_memory(error, k * sizeof *opened->texts);
    if (status == VG_OK) status = vg_timestamp_choose(opened->timestamp, NULL, error);
    if (status == VG_OK)
        status = vg_layout_free_timestamp(opened->timestamp, source->output, &explore_table, 1,
                                          NULL, false, error);
    if (status == VG_OK) status = vg_layout_uuid(opened->uuid, error);
    vg_layout_folder(opened->folder, explore_table, VG_PARQUET, opened->timestamp);
    vg_sink_options options = {.output = source->output,
                               .table = explore_table,
                               .parquet = true,
                               .timestamp = opened->timestamp,
                               .uuid = opened->uuid,
                               .columns = columns,
                               .column_count = COLUMNS};
    if (status == VG_OK) status = vg_sink_open(&opened->sink, &options, error);
    if (status == VG_OK) vg_sink_begin_part(opened->sink, 0);
    if (status != VG_OK) vg_explore_table_close(table);
    return status;
}

void vg_explore_table_close(vg_explore_table **table)
{
    if (*table == NULL) return;
    vg_sink_close(&(*table)->sink);
    free((*table)->texts);
    free((*table)->sizes);
    free(*table);
    *table = NULL;
}

const char *vg_explore_table_folder(const vg_explore_table *table)
{
    return table->folder;
}

/* --- Rows -------------------------------------------------------------------------- */

static vg_status append_text(vg_builder *builder, size_t column, const char *text, vg_error *error)
{
    if (text == NULL || text[0] == '\0') return vg_builder_null(builder, column, error);
    return vg_builder_string(builder, column, text, strlen(text), error);
}

static vg_status append_number(vg_builder *builder, size_t column, double value, vg_error *error)
{
    if (isnan(value)) return vg_builder_null(builder, column, error);
    return vg_builder_float64(builder, column, value, error);
}

static vg_status append_count(vg_builder *builder, size_t column, uint32_t value, vg_error *error)
{
    if (value == 0) return vg_builder_null(builder, column, error);
    return vg_builder_int64(builder, column, value, error);
}

static vg_status append_places(const vg_explore_table *table, vg_builder *builder, vg_error *error)
{
    const vg_row_file *values = &table->source.rows->values;
    const float *row = values->rows + table->row * (size_t)values->dims;
    double components[3];
    for (int i = 0; i < 3; i++) components[i] = i < values->dims ? (double)row[i] : (double)NAN;
    double x = components[0], y = values->dims > 1 ? components[1] : x;
    if (table->source.places != NULL) {
        x = (double)table->source.places[2 * table->row];
        y = (double)table->source.places[2 * table->row + 1];
    }
    vg_status status = append_number(builder, X, x, error);
    if (status == VG_OK) status = append_number(builder, Y, y, error);
    for (int i = 0; i < 3 && status == VG_OK; i++)
        status = append_number(builder, COMPONENT_1 + (size_t)i, components[i], error);
    return status;
}

static vg_status append_neighbours(vg_explore_table *table, vg_builder *builder, vg_error *error)
{
    const vg_neighbour_lists *lists = table->source.neighbours;
    size_t k = (size_t)lists->k, first = table->row * k, n = 0;
    for (; n < k && lists->rows[first + n] >= 0; n++) {
        table->texts[n] = table->source.rows->paths.items[lists->rows[first + n]].text;
        table->sizes[n] = strlen(table->texts[n]);
    }
    vg_status status =
        vg_builder_string_list(builder, NEIGHBOUR_PATHS, table->texts, table->sizes, n, error);
    if (status != VG_OK) return status;
    return vg_builder_float32_list(builder, DISTANCES, n > 0 ? lists->distances + first : NULL, n,
                                   error);
}

static vg_status append_findings(const vg_explore_table *table, vg_builder *builder,
                                 vg_error *error)
{
    static const vg_finding nothing = {
        .outlier_score = (double)NAN, .label_score = (double)NAN, .leak_of = -1};
    const vg_inspection *inspection = table->source.inspection;
    const vg_finding *finding = inspection->rows > 0 ? &inspection->findings[table->row] : &nothing;
    bool is_contradicted = (finding->found & 1u << VG_CHECK_LABELS) != 0;
    const char *suggested = is_contradicted ? inspection->labels.values[finding->suggested] : NULL;
    const char *twin =
        finding->leak_of >= 0 ? table->source.rows->paths.items[finding->leak_of].text : NULL;
    vg_status status = append_number(builder, OUTLIER_SCORE, finding->outlier_score, error);
    if (status == VG_OK) status = append_count(builder, OUTLIER_RANK, finding->outlier_rank, error);
    if (status == VG_OK) status = append_number(builder, LABEL_SCORE, finding->label_score, error);
    if (status == VG_OK) status = append_text(builder, SUGGESTED_LABEL, suggested, error);
    if (status == VG_OK) status = append_count(builder, DUPLICATE_GROUP, finding->group, error);
    return status == VG_OK ? append_text(builder, LEAK_OF, twin, error) : status;
}

vg_status vg_explore_table_append(vg_explore_table *table, const void *thumbnail, size_t size,
                                  vg_error *error)
{
    const vg_row_table *rows = table->source.rows;
    vg_builder *builder = vg_sink_builder(table->sink);
    const char *path = rows->paths.items[table->row].text;
    const char *label = rows->labels.items[table->row].text;
    vg_status status = vg_builder_string(builder, PATH, path, strlen(path), error);
    if (status == VG_OK) status = vg_builder_string(builder, LABEL, label, strlen(label), error);
    if (status == VG_OK)
        status = append_text(builder, SPLIT, rows->splits.items[table->row].text, error);
    if (status == VG_OK) status = append_places(table, builder, error);
    if (status == VG_OK) status = append_neighbours(table, builder, error);
    if (status == VG_OK) status = append_findings(table, builder, error);
    if (status == VG_OK && size > 0)
        status = vg_builder_binary(builder, THUMBNAIL, thumbnail, size, error);
    else if (status == VG_OK)
        status = vg_builder_null(builder, THUMBNAIL, error);
    if (status == VG_OK) status = vg_sink_end_row(table->sink, error);
    table->row++;
    if (status != VG_OK || table->row % PART_ROWS != 0) return status;
    status = vg_sink_end_part(table->sink, NULL, error);
    if (status == VG_OK) vg_sink_begin_part(table->sink, table->row / PART_ROWS);
    return status;
}

vg_status vg_explore_table_finish(vg_explore_table *table, vg_error *error)
{
    vg_status status = VG_OK;
    while (table->row < vg_row_table_count(table->source.rows) && status == VG_OK)
        status = vg_explore_table_append(table, NULL, 0, error);
    if (status == VG_OK && table->row % PART_ROWS != 0)
        status = vg_sink_end_part(table->sink, NULL, error);
    return status == VG_OK ? vg_sink_mark_complete(table->sink, error) : status;
}
