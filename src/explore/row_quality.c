#include "explore/row_quality.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/observer.h"
#include "base/usable_cpus.h"
#include "explore/kept_rows.h"

enum { DIMS = VG_SIGNATURE_SIDE * VG_SIGNATURE_SIDE, MOST_PAIRS_A_ROW = 10 };

static vg_status take_quality(void *context, uint32_t row, const vg_kept_image *image,
                              vg_error *error)
{
    vg_row_quality *to = context;
    const vg_image_quality *quality = &image->quality;
    vg_row_measures *measures = &to->measures[row];
    float levels[DIMS];
    if (!image->has_quality || measures->width != 0) return VG_OK;
    *measures = (vg_row_measures){.bytes = image->image.size,
                                  .width = quality->width,
                                  .height = quality->height,
                                  .contrast = quality->contrast,
                                  .sharpness = quality->sharpness};
    memcpy(measures->brightness, quality->brightness, sizeof measures->brightness);
    for (int i = 0; i < DIMS; i++) levels[i] = (float)quality->signature[i] / 256.0f;
    to->row_of[to->signature_count++] = row;
    to->known++;
    return vg_row_file_append(&to->signatures, levels, error);
}

vg_status vg_row_quality_read(vg_row_quality *quality, const vg_row_table *table, vg_store *output,
                              const atomic_bool *cancel, vg_error *error)
{
    size_t rows = vg_row_table_count(table);
    *quality = (vg_row_quality){.measures = calloc(rows + 1, sizeof *quality->measures),
                                .row_of = malloc((rows + 1) * sizeof *quality->row_of)};
    vg_status status = VG_OK;
    if (quality->measures == NULL || quality->row_of == NULL)
        status = vg_fail_memory(error, rows * sizeof *quality->measures);
    if (status == VG_OK) status = vg_row_file_open(&quality->signatures, DIMS, error);
    if (status == VG_OK)
        status = vg_kept_rows_visit(table, output, cancel, take_quality, quality, error);
    if (status == VG_OK && quality->known > 0)
        status = vg_row_file_map(&quality->signatures, error);
    if (status != VG_OK) vg_row_quality_close(quality);
    return status;
}

void vg_row_quality_close(vg_row_quality *quality)
{
    vg_row_file_close(&quality->signatures);
    free(quality->measures);
    free(quality->row_of);
    *quality = (vg_row_quality){0};
}

/* --- Pairs ------------------------------------------------------------------------- */

typedef struct signed_row {
    const float *levels;
    uint32_t row;
} signed_row;

static int by_levels(const void *left, const void *right)
{
    const signed_row *a = left, *b = right;
    int order = memcmp(a->levels, b->levels, DIMS * sizeof *a->levels);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

/* Keeps the signatures of rows that are the lowest of theirs. */
static void keep_lowest(vg_row_quality *quality, const uint32_t *alike)
{
    size_t left = 0;
    float *rows = quality->signatures.rows;
    for (size_t i = 0; i < quality->signature_count; i++) {
        uint32_t row = quality->row_of[i];
        if (alike[row] != row) continue;
        if (left != i) memcpy(rows + left * DIMS, rows + i * DIMS, DIMS * sizeof *rows);
        quality->row_of[left++] = row;
    }
    quality->signature_count = left;
}

vg_status vg_row_quality_unite(vg_row_quality *quality, uint32_t *alike, vg_error *error)
{
    keep_lowest(quality, alike);
    size_t count = quality->signature_count;
    signed_row *order = malloc((count + 1) * sizeof *order);
    if (order == NULL) return vg_fail_memory(error, count * sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = (signed_row){quality->signatures.rows + i * DIMS, quality->row_of[i]};
    qsort(order, count, sizeof *order, by_levels);
    for (size_t i = 1; i < count; i++)
        if (memcmp(order[i].levels, order[i - 1].levels, DIMS * sizeof *order[i].levels) == 0)
            alike[order[i].row] = alike[order[i - 1].row];
    free(order);
    keep_lowest(quality, alike);
    return VG_OK;
}

static int look_at_cancel(void *cancel, double share)
{
    (void)share;
    return vg_check_cancel(cancel, NULL) != VG_OK;
}

static size_t collect(vg_near_pair *pairs, const vg_row_quality *quality, size_t rows, int k,
                      const int64_t *indices, const double *distances, double limit)
{
    size_t count = 0;
    for (size_t i = 0; i < rows * (size_t)k; i++) {
        double distance = distances[i] / VG_SIGNATURE_SIDE;
        if (distance > limit) continue;
        uint32_t a = quality->row_of[i / (size_t)k], b = quality->row_of[indices[i]];
        pairs[count++] = (vg_near_pair){a < b ? a : b, a < b ? b : a, (float)distance};
    }
    return count;
}

vg_status vg_row_quality_pairs(vg_near_pair **pairs, size_t *count, const vg_row_quality *quality,
                               double limit, const atomic_bool *cancel, vg_error *error)
{
    size_t rows = quality->signature_count;
    int k = rows <= MOST_PAIRS_A_ROW ? (int)rows - 1 : MOST_PAIRS_A_ROW;
    size_t places = rows * (size_t)(k > 0 ? k : 0);
    vg_neighbours_options options;
    vg_neighbours_options_default(&options);
    options.metric = VG_L2;
    options.threads = vg_usable_cpus();
    options.progress = look_at_cancel;
    options.context = (void *)cancel;
    *count = 0;
    *pairs = malloc((places + 1) * sizeof **pairs);
    int64_t *indices = malloc((places + 1) * sizeof *indices);
    double *distances = malloc((places + 1) * sizeof *distances);
    vg_status status = VG_OK;
    if (*pairs == NULL || indices == NULL || distances == NULL)
        status = vg_fail_memory(error, places * sizeof **pairs);
    else if (k > 0)
        status = vg_neighbours(quality->signatures.rows, rows, DIMS, k, &options, indices,
                               distances, error);
    if (status == VG_OK && k > 0)
        *count = collect(*pairs, quality, rows, k, indices, distances, limit);
    free(indices);
    free(distances);
    if (status == VG_OK) return VG_OK;
    free(*pairs);
    *pairs = NULL;
    return status;
}
