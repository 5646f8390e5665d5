#include "report/page_review.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "report/page_blocks.h"

/* A number of JSON; null for none. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* The rows, the most unlike first, and what makes them so: [outlier_rank - 1] of each. */
static vg_status write_outliers(const vg_inspection *inspection, FILE *page, vg_error *error)
{
    size_t count = 0, rows = inspection->rows;
    uint32_t *order = malloc((rows + 1) * sizeof *order);
    float *scores = malloc((2 * rows + 1) * sizeof *scores);
    vg_status status = VG_OK;
    if (order == NULL || scores == NULL) {
        status = vg_fail_memory(error, rows * (sizeof *order + 2 * sizeof *scores));
    } else {
        for (size_t row = 0; row < rows; row++) {
            const vg_finding *finding = &inspection->findings[row];
            if (finding->outlier_rank == 0) continue;
            size_t place = finding->outlier_rank - 1;
            order[place] = (uint32_t)row;
            scores[2 * place] = (float)finding->outlier_score;
            scores[2 * place + 1] = (float)finding->class_distance;
            count++;
        }
        status = vg_page_block_deflated(page, "outlier-rows", order, count * sizeof *order, error);
    }
    if (status == VG_OK)
        status = vg_page_block_deflated(page, "outlier-scores", scores, 2 * count * sizeof *scores,
                                        error);
    free(order);
    free(scores);
    return status;
}

static vg_status write_merges(const vg_inspection *inspection, FILE *page, vg_error *error)
{
    const vg_linkage *linkage = &inspection->linkage;
    size_t count = linkage->count;
    uint32_t *rows = malloc((2 * count + 1) * sizeof *rows);
    float *diameters = malloc((count + 1) * sizeof *diameters);
    vg_status status = VG_OK;
    if (rows == NULL || diameters == NULL) {
        status = vg_fail_memory(error, count * (2 * sizeof *rows + sizeof *diameters));
    } else {
        for (size_t i = 0; i < count; i++) {
            rows[2 * i] = linkage->merges[i].first;
            rows[2 * i + 1] = linkage->merges[i].second;
            diameters[i] = linkage->merges[i].diameter;
        }
        status = vg_page_block_deflated(page, "merges", rows, 2 * count * sizeof *rows, error);
    }
    if (status == VG_OK)
        status =
            vg_page_block_deflated(page, "diameters", diameters, count * sizeof *diameters, error);
    free(rows);
    free(diameters);
    return status;
}

typedef struct ranked {
    uint32_t rank;
    size_t row;
} ranked;

static int by_rank(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* [row, code of the suggested label, its support] of labels that are contradicted, by rank. */
static vg_status list_labels(const vg_inspection *inspection, json_t *list, vg_error *error)
{
    size_t count = 0;
    ranked *order = malloc((inspection->rows + 1) * sizeof *order);
    if (order == NULL) return vg_fail_memory(error, inspection->rows * sizeof *order);
    for (size_t row = 0; row < inspection->rows; row++)
        if ((inspection->findings[row].found & 1u << VG_CHECK_LABELS) != 0)
            order[count++] = (ranked){inspection->findings[row].label_rank, row};
    qsort(order, count, sizeof *order, by_rank);
    for (size_t i = 0; i < count; i++) {
        const vg_finding *finding = &inspection->findings[order[i].row];
        json_array_append_new(list, json_pack("[I, I, f]", (json_int_t)order[i].row,
                                              (json_int_t)finding->suggested, finding->support));
    }
    free(order);
    return VG_OK;
}

/* [row, row of its twin, distance; null where it was saved again] of images outside the training
 * split. */
static void list_leaks(const vg_inspection *inspection, json_t *list)
{
    for (size_t row = 0; row < inspection->rows; row++) {
        const vg_finding *finding = &inspection->findings[row];
        if (finding->leak_of >= 0)
            json_array_append_new(list, json_pack("[I, I, o]", (json_int_t)row,
                                                  (json_int_t)finding->leak_of,
                                                  number(finding->leak_distance)));
    }
}

/* [row, bits of vg_fault, brightness_5, brightness_99, contrast, sharpness] of poor pictures. */
static json_t *list_faults(const vg_inspection *inspection)
{
    json_t *list = json_array();
    for (size_t row = 0; row < inspection->rows; row++) {
        unsigned faults = inspection->findings[row].faults;
        const vg_row_measures *measures = &inspection->quality.measures[row];
        if (faults == 0) continue;
        json_array_append_new(list,
                              json_pack("[I, I, i, i, f, f]", (json_int_t)row, (json_int_t)faults,
                                        measures->brightness[1], measures->brightness[4],
                                        measures->contrast, measures->sharpness));
    }
    return list;
}

/* [diameter, row, ...] of pictures that lie in several files. */
static json_t *list_resaved(const vg_inspection *inspection)
{
    json_t *list = json_array();
    for (uint64_t group = 0; group < inspection->resaved_groups; group++)
        json_array_append_new(list, json_array());
    for (size_t row = 0; row < inspection->rows; row++) {
        const vg_finding *finding = &inspection->findings[row];
        if (finding->resaved_group == 0) continue;
        json_t *group = json_array_get(list, finding->resaved_group - 1);
        if (json_array_size(group) == 0)
            json_array_append_new(group, json_real(finding->resaved_diameter));
        json_array_append_new(group, json_integer((json_int_t)row));
    }
    return list;
}

/* null where no image was measured. */
static json_t *list_pictures(const vg_inspection *inspection)
{
    if (inspection->quality.known == 0) return json_null();
    return json_pack("{s:o, s:o}", "faults", list_faults(inspection), "resaved",
                     list_resaved(inspection));
}

vg_status vg_page_review_write(const vg_inspection *inspection, json_t *head, FILE *page,
                               vg_error *error)
{
    json_t *labels = json_array(), *leaks = json_array();
    vg_status status = list_labels(inspection, labels, error);
    list_leaks(inspection, leaks);
    json_t *training =
        inspection->training != NULL ? json_string(inspection->training) : json_null();
    json_object_set_new(
        head, "review",
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:I, s:I, s:I}", "pictures",
                  list_pictures(inspection), "labels", labels, "leaks", leaks, "training", training,
                  "outlierLimit", number(inspection->outlier_limit), "classLimit",
                  number(inspection->class_limit), "medianNearest", inspection->median_nearest,
                  "outliers", (json_int_t)inspection->found[VG_CHECK_OUTLIERS], "tested",
                  (json_int_t)inspection->tested, "nearTraining",
                  (json_int_t)inspection->leak_paths));
    if (status == VG_OK) status = write_outliers(inspection, page, error);
    return status == VG_OK ? write_merges(inspection, page, error) : status;
}
