#include "report/page_neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/usable_cpus.h"
#include "report/page_blocks.h"

/* --- The layout -------------------------------------------------------------------- */

typedef struct laying {
    const atomic_bool *cancel;
    const vg_observer *observer;
    uint64_t rows;
    double start;
} laying;

static int tell_layout(void *context, double share)
{
    const laying *state = context;
    vg_notify_progress(state->observer, VG_PHASE_LAYOUT,
                       (uint64_t)(share * (double)state->rows + 0.5), state->rows, 0, state->start);
    return vg_check_cancel(state->cancel, NULL) != VG_OK;
}

vg_status vg_page_neighbours_place(float *places, const vg_neighbour_lists *neighbours,
                                   const vg_row_table *rows, const atomic_bool *cancel,
                                   const vg_observer *observer, vg_error *error)
{
    size_t count = vg_row_table_count(rows), cells = count * (size_t)neighbours->k;
    size_t dims = (size_t)rows->values.dims;
    laying state = {cancel, observer, count, vg_seconds()};
    vg_layout_options options;
    vg_layout_options_default(&options);
    options.threads = vg_usable_cpus();
    options.progress = tell_layout;
    options.context = &state;
    int64_t *indices = malloc(cells * sizeof *indices);
    double *distances = malloc(cells * sizeof *distances);
    float *start = malloc(2 * count * sizeof *start);
    vg_status status = VG_OK;
    if (indices == NULL || distances == NULL || start == NULL)
        status = vg_fail_memory(error, cells * (sizeof *indices + sizeof *distances));
    if (status == VG_OK) {
        for (size_t i = 0; i < cells; i++) {
            indices[i] = neighbours->rows[i];
            distances[i] = (double)neighbours->distances[i];
        }
        for (size_t i = 0; i < count; i++) {
            start[2 * i] = rows->values.rows[i * dims];
            start[2 * i + 1] = rows->values.rows[i * dims + (dims > 1)];
        }
        status =
            vg_layout(indices, distances, count, neighbours->k, start, &options, places, error);
    }
    free(indices);
    free(distances);
    free(start);
    return status;
}

/* --- Blocks ------------------------------------------------------------------------ */

/* Lists to planes, the first those of the nearest: what is alike stands together. */
static void fold(const vg_neighbour_lists *neighbours, size_t rows, int32_t *steps,
                 float *distances)
{
    size_t k = (size_t)neighbours->k;
    for (size_t row = 0; row < rows; row++) {
        for (size_t place = 0; place < k; place++) {
            int32_t other = neighbours->rows[row * k + place];
            steps[place * rows + row] = other >= 0 ? other - (int32_t)row : 0;
            distances[place * rows + row] = neighbours->distances[row * k + place];
        }
    }
}

vg_status vg_page_neighbours_write(const vg_neighbour_lists *neighbours, size_t rows, json_t *head,
                                   FILE *page, vg_error *error)
{
    if (neighbours->k == 0) {
        json_object_set_new(head, "neighbours", json_null());
        return VG_OK;
    }
    size_t k = (size_t)neighbours->k, cells = k * rows;
    int32_t *steps = malloc(cells * sizeof *steps);
    float *distances = malloc(cells * sizeof *distances);
    vg_status status = VG_OK;
    if (steps == NULL || distances == NULL)
        status = vg_fail_memory(error, cells * (sizeof *steps + sizeof *distances));
    if (status == VG_OK) {
        fold(neighbours, rows, steps, distances);
        json_object_set_new(head, "neighbours", json_pack("{s:i}", "k", neighbours->k));
        status = vg_page_block_deflated(page, "neighbours", steps, cells * sizeof *steps, error);
    }
    if (status == VG_OK)
        status =
            vg_page_block_deflated(page, "distances", distances, cells * sizeof *distances, error);
    free(steps);
    free(distances);
    return status;
}
