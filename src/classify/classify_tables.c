#include "classify/classify_tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "learn/novelty.h"

static vg_status open_sink(vg_sink **sink, const vg_classify_tables *tables, vg_table table,
                           const vg_column *columns, size_t count, vg_error *error)
{
    const vg_sink_options options = {.output = tables->output,
                                     .table = table,
                                     .parquet = tables->target->parquet,
                                     .csv = tables->target->csv,
                                     .timestamp = tables->timestamp,
                                     .uuid = tables->uuid,
                                     .columns = columns,
                                     .column_count = count,
                                     .facts = tables->facts,
                                     .fact_count = tables->fact_count};
    return vg_sink_open(sink, &options, error);
}

static vg_status put_text(vg_sink *sink, size_t column, const char *text, vg_error *error)
{
    return vg_builder_string(vg_sink_builder(sink), column, text, strlen(text), error);
}

static vg_status put_count(vg_sink *sink, size_t column, uint64_t count, vg_error *error)
{
    return vg_builder_int64(vg_sink_builder(sink), column, (int64_t)count, error);
}

/* Null where there is nothing to divide by. */
static vg_status put_ratio(vg_sink *sink, size_t column, double above, double below,
                           vg_error *error)
{
    if (below == 0.0) return vg_builder_null(vg_sink_builder(sink), column, error);
    return vg_builder_float64(vg_sink_builder(sink), column, above / below, error);
}

/* --- Evaluation -------------------------------------------------------------------------- */

enum {
    METHOD,
    SPLIT,
    LABEL,
    IMAGES,
    LEFT_OUT,
    PREDICTED,
    CORRECT,
    PRECISION,
    RECALL,
    F1,
    EVALUATION_COLUMNS
};

typedef struct class_counts {
    uint64_t images, left_out, predicted, correct;
} class_counts;

static void count_classes(class_counts *counts, const vg_verdict *verdict, const int32_t *labels)
{
    for (size_t i = 0; i < verdict->count; i++) {
        int32_t label = labels[verdict->picks[i]];
        if (verdict->labels[i] < 0) {
            if (label >= 0) counts[label].left_out++;
            continue;
        }
        counts[label].images++;
        counts[verdict->predictions[i].classes[0]].predicted++;
        counts[label].correct += verdict->predictions[i].classes[0] == label;
    }
}

static vg_status put_class(vg_sink *sink, const vg_verdict *verdict, const char *name,
                           const class_counts *counts, vg_error *error)
{
    double images = (double)counts->images, predicted = (double)counts->predicted;
    double correct = (double)counts->correct;
    vg_status status = put_text(sink, METHOD, verdict->method, error);
    if (status == VG_OK) status = put_text(sink, SPLIT, verdict->split, error);
    if (status == VG_OK) status = put_text(sink, LABEL, name, error);
    if (status == VG_OK) status = put_count(sink, IMAGES, counts->images, error);
    if (status == VG_OK) status = put_count(sink, LEFT_OUT, counts->left_out, error);
    if (status == VG_OK) status = put_count(sink, PREDICTED, counts->predicted, error);
    if (status == VG_OK) status = put_count(sink, CORRECT, counts->correct, error);
    if (status == VG_OK) status = put_ratio(sink, PRECISION, correct, predicted, error);
    if (status == VG_OK) status = put_ratio(sink, RECALL, correct, images, error);
    if (status == VG_OK) status = put_ratio(sink, F1, 2.0 * correct, images + predicted, error);
    return status == VG_OK ? vg_sink_end_row(sink, error) : status;
}

static vg_status put_classes(vg_sink *sink, const vg_classify_tables *tables,
                             const vg_verdict *verdict, vg_error *error)
{
    size_t classes = tables->names->count;
    class_counts *counts = calloc(classes, sizeof *counts);
    vg_status status = VG_OK;
    if (counts == NULL) return vg_fail_memory(error, classes * sizeof *counts);
    count_classes(counts, verdict, tables->labels);
    for (size_t c = 0; c < classes && status == VG_OK; c++)
        if (counts[c].images + counts[c].left_out + counts[c].predicted > 0)
            status = put_class(sink, verdict, tables->names->items[c].text, &counts[c], error);
    free(counts);
    return status;
}

vg_status vg_write_evaluation(const vg_classify_tables *tables, const vg_verdict *verdicts,
                              size_t count, vg_error *error)
{
    static const vg_column columns[EVALUATION_COLUMNS] = {
        {"method", VG_COLUMN_STRING},  {"split", VG_COLUMN_STRING},
        {"label", VG_COLUMN_STRING},   {"images", VG_COLUMN_INT64},
        {"left_out", VG_COLUMN_INT64}, {"predicted", VG_COLUMN_INT64},
        {"correct", VG_COLUMN_INT64},  {"precision", VG_COLUMN_FLOAT64},
        {"recall", VG_COLUMN_FLOAT64}, {"f1", VG_COLUMN_FLOAT64}};
    vg_sink *sink = NULL;
    vg_status status =
        open_sink(&sink, tables, VG_TABLE_EVALUATION, columns, EVALUATION_COLUMNS, error);
    if (status == VG_OK) vg_sink_begin_part(sink, 0);
    for (size_t v = 0; v < count && status == VG_OK; v++)
        status = put_classes(sink, tables, &verdicts[v], error);
    if (status == VG_OK) status = vg_sink_end_part(sink, NULL, error);
    if (status == VG_OK) status = vg_sink_mark_complete(sink, error);
    vg_sink_close(&sink);
    return status;
}

/* --- Confusion ------------------------------------------------------------------------------ */

enum { TRUE_LABEL = LABEL, GUESS, PAIRS, CONFUSION_COLUMNS };

typedef struct pair {
    int32_t label, guess;
} pair;

static int by_classes(const void *left, const void *right)
{
    const pair *a = left, *b = right;
    if (a->label != b->label) return a->label < b->label ? -1 : 1;
    return (a->guess > b->guess) - (a->guess < b->guess);
}

static vg_status put_pair(vg_sink *sink, const vg_classify_tables *tables,
                          const vg_verdict *verdict, pair classes, uint64_t count, vg_error *error)
{
    vg_status status = put_text(sink, METHOD, verdict->method, error);
    if (status == VG_OK) status = put_text(sink, SPLIT, verdict->split, error);
    if (status == VG_OK)
        status = put_text(sink, TRUE_LABEL, tables->names->items[classes.label].text, error);
    if (status == VG_OK)
        status = put_text(sink, GUESS, tables->names->items[classes.guess].text, error);
    if (status == VG_OK) status = put_count(sink, PAIRS, count, error);
    return status == VG_OK ? vg_sink_end_row(sink, error) : status;
}

static vg_status put_pairs(vg_sink *sink, const vg_classify_tables *tables,
                           const vg_verdict *verdict, vg_error *error)
{
    size_t n = 0;
    vg_status status = VG_OK;
    pair *pairs = malloc((verdict->count + 1) * sizeof *pairs);
    if (pairs == NULL) return vg_fail_memory(error, verdict->count * sizeof *pairs);
    for (size_t i = 0; i < verdict->count; i++)
        if (verdict->labels[i] >= 0)
            pairs[n++] = (pair){verdict->labels[i], verdict->predictions[i].classes[0]};
    qsort(pairs, n, sizeof *pairs, by_classes);
    for (size_t i = 0, end; i < n && status == VG_OK; i = end) {
        for (end = i + 1; end < n && by_classes(&pairs[i], &pairs[end]) == 0; end++) {
        }
        status = put_pair(sink, tables, verdict, pairs[i], end - i, error);
    }
    free(pairs);
    return status;
}

vg_status vg_write_confusion(const vg_classify_tables *tables, const vg_verdict *verdicts,
                             size_t count, vg_error *error)
{
    static const vg_column columns[CONFUSION_COLUMNS] = {{"method", VG_COLUMN_STRING},
                                                         {"split", VG_COLUMN_STRING},
                                                         {"label", VG_COLUMN_STRING},
                                                         {"predicted", VG_COLUMN_STRING},
                                                         {"images", VG_COLUMN_INT64}};
    vg_sink *sink = NULL;
    vg_status status =
        open_sink(&sink, tables, VG_TABLE_CONFUSION, columns, CONFUSION_COLUMNS, error);
    if (status == VG_OK) vg_sink_begin_part(sink, 0);
    for (size_t v = 0; v < count && status == VG_OK; v++)
        status = put_pairs(sink, tables, &verdicts[v], error);
    if (status == VG_OK) status = vg_sink_end_part(sink, NULL, error);
    if (status == VG_OK) status = vg_sink_mark_complete(sink, error);
    vg_sink_close(&sink);
    return status;
}

/* --- Predictions ------------------------------------------------------------------------------ */

enum {
    ROW_PATH = LABEL,
    ROW_LABEL,
    ROW_PREDICTED,
    PROBABILITY,
    TOP_LABELS,
    TOP_PROBABILITIES,
    UNKNOWN,
    UNKNOWN_DISTANCE,
    PREDICTION_COLUMNS
};

static vg_status put_unknown(vg_sink *sink, const vg_verdict *verdict, size_t i, vg_error *error)
{
    vg_builder *builder = vg_sink_builder(sink);
    if (verdict->distances == NULL) {
        vg_status status = vg_builder_null(builder, UNKNOWN, error);
        return status == VG_OK ? vg_builder_null(builder, UNKNOWN_DISTANCE, error) : status;
    }
    vg_status status = vg_builder_bool(
        builder, UNKNOWN, vg_is_unknown(verdict->distances[i], verdict->unknown_above), error);
    if (status == VG_OK)
        status = vg_builder_float64(builder, UNKNOWN_DISTANCE, verdict->distances[i], error);
    return status;
}

static vg_status put_prediction(vg_sink *sink, const vg_classify_tables *tables,
                                const vg_verdict *verdict, size_t i, vg_error *error)
{
    const vg_prediction *prediction = &verdict->predictions[i];
    const char *texts[VG_TOP_CLASSES];
    size_t sizes[VG_TOP_CLASSES], count = 0, row = verdict->picks[i];
    for (; count < VG_TOP_CLASSES && prediction->classes[count] >= 0; count++) {
        texts[count] = tables->names->items[prediction->classes[count]].text;
        sizes[count] = strlen(texts[count]);
    }
    vg_builder *builder = vg_sink_builder(sink);
    vg_status status = put_text(sink, METHOD, verdict->method, error);
    if (status == VG_OK) status = put_text(sink, SPLIT, verdict->split, error);
    if (status == VG_OK) status = put_text(sink, ROW_PATH, tables->paths->items[row].text, error);
    if (status == VG_OK)
        status = put_text(sink, ROW_LABEL, tables->row_labels->items[row].text, error);
    if (status == VG_OK) status = put_text(sink, ROW_PREDICTED, texts[0], error);
    if (status == VG_OK)
        status = vg_builder_float64(builder, PROBABILITY, prediction->probability, error);
    if (status == VG_OK)
        status = vg_builder_string_list(builder, TOP_LABELS, texts, sizes, count, error);
    if (status == VG_OK)
        status = vg_builder_float32_list(builder, TOP_PROBABILITIES, prediction->probabilities,
                                         count, error);
    if (status == VG_OK) status = put_unknown(sink, verdict, i, error);
    return status == VG_OK ? vg_sink_end_row(sink, error) : status;
}

/* Rows of all verdicts, one after the other, cut into parts. */
static vg_status put_parts(vg_sink *sink, const vg_classify_tables *tables,
                           const vg_verdict *verdicts, size_t count, vg_error *error)
{
    uint64_t part = 0, total = 0;
    double start = vg_seconds();
    vg_status status = VG_OK;
    for (size_t v = 0; v < count; v++) total += verdicts[v].count;
    vg_sink_begin_part(sink, part);
    for (size_t v = 0; v < count && status == VG_OK; v++)
        for (size_t i = 0; i < verdicts[v].count && status == VG_OK; i++) {
            if (vg_sink_rows(sink) == tables->target->part_rows) {
                status = vg_check_cancel(tables->target->cancel, error);
                if (status == VG_OK) status = vg_sink_end_part(sink, NULL, error);
                vg_sink_begin_part(sink, ++part);
                vg_notify_progress(&tables->target->observer, VG_PHASE_COMMIT, part,
                                   total / tables->target->part_rows + 1, 0, start);
            }
            if (status == VG_OK) status = put_prediction(sink, tables, &verdicts[v], i, error);
        }
    if (status == VG_OK) status = vg_sink_end_part(sink, NULL, error);
    return status == VG_OK ? vg_sink_mark_complete(sink, error) : status;
}

vg_status vg_write_predictions(const vg_classify_tables *tables, const vg_verdict *verdicts,
                               size_t count, vg_error *error)
{
    static const vg_column columns[PREDICTION_COLUMNS] = {
        {"method", VG_COLUMN_STRING},
        {"split", VG_COLUMN_STRING},
        {"path", VG_COLUMN_STRING},
        {"label", VG_COLUMN_STRING},
        {"predicted", VG_COLUMN_STRING},
        {"probability", VG_COLUMN_FLOAT64},
        {"top_labels", VG_COLUMN_STRING_LIST},
        {"top_probabilities", VG_COLUMN_FLOAT32_LIST},
        {"unknown", VG_COLUMN_BOOL},
        {"unknown_distance", VG_COLUMN_FLOAT64}};
    vg_sink *sink = NULL;
    vg_status status =
        open_sink(&sink, tables, VG_TABLE_PREDICTIONS, columns, PREDICTION_COLUMNS, error);
    if (status == VG_OK) status = put_parts(sink, tables, verdicts, count, error);
    vg_sink_close(&sink);
    return status;
}
