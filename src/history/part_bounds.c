#include "history/part_bounds.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/observer.h"
#include "selection/path_number.h"

void vg_part_bounds_close(vg_part_bounds *bounds)
{
    free(bounds->firsts);
    *bounds = (vg_part_bounds){0};
}

/* The bound before the image `first`. */
static vg_status add(vg_part_bounds *bounds, uint64_t first, vg_error *error)
{
    if (bounds->count == bounds->capacity) {
        uint64_t *firsts = vg_grow(bounds->firsts, &bounds->capacity, sizeof *firsts);
        if (firsts == NULL) return vg_fail_memory(error, bounds->capacity * sizeof *firsts);
        bounds->firsts = firsts;
    }
    bounds->firsts[bounds->count++] = first;
    return VG_OK;
}

/* The last bound is the end of the last part. */
static vg_status end(vg_part_bounds *bounds, uint64_t images, vg_error *error)
{
    vg_status status = add(bounds, images, error);
    if (status == VG_OK) bounds->count--;
    return status;
}

/* --- By paths --------------------------------------------------------------------- */

/* Sizes are the same from `least` to `most`, their mean is `rows`. */
typedef struct window {
    uint64_t least, most; /* images of a part */
    uint64_t *numbers;    /* [most], a ring: that of image i is at i % most */
} window;

/* The image, of `begin` to `end`, that has the greatest number. */
static uint64_t find_greatest(const window *seen, uint64_t begin, uint64_t end)
{
    uint64_t greatest = begin;
    for (uint64_t i = begin + 1; i < end; i++)
        if (seen->numbers[i % seen->most] > seen->numbers[greatest % seen->most]) greatest = i;
    return greatest;
}

/* What remains after the last end that was found is the last part, however small it is. */
static vg_status cut(vg_part_bounds *bounds, window *seen, vg_image_cursor *images,
                     const atomic_bool *cancel, vg_error *error)
{
    static const uint64_t seed = 0x7061727473; /* that of no sample, most likely */
    vg_listed_image image;
    uint64_t first = 0, count = 0;
    vg_status status = vg_image_cursor_next(images, &image, error);
    while (status == VG_OK && image.path != NULL) {
        seen->numbers[count++ % seen->most] = vg_path_number(seed, image.path);
        status = vg_image_cursor_next(images, &image, error);
        if (status != VG_OK || image.path == NULL || count - first < seen->most) continue;
        first = find_greatest(seen, first + seen->least - 1, count) + 1;
        status = add(bounds, first, error);
        if (status == VG_OK) status = vg_check_cancel(cancel, error);
    }
    return status;
}

static vg_status bound_by_paths(vg_part_bounds *bounds, const vg_image_list *images, uint64_t rows,
                                const atomic_bool *cancel, vg_error *error)
{
    const uint64_t all = vg_image_list_count(images);
    if (rows > all) return VG_OK;
    window seen = {.least = rows - rows / 2, .most = rows + rows / 2};
    vg_image_cursor *cursor = NULL;
    seen.numbers = malloc(seen.most * sizeof *seen.numbers);
    vg_status status = VG_OK;
    if (seen.numbers == NULL) status = vg_fail_memory(error, seen.most * sizeof *seen.numbers);
    if (status == VG_OK) status = vg_image_cursor_open(&cursor, images, 0, error);
    if (status == VG_OK) status = cut(bounds, &seen, cursor, cancel, error);
    vg_image_cursor_close(&cursor);
    free(seen.numbers);
    return status;
}

/* --- Both --------------------------------------------------------------------------- */

vg_status vg_part_bounds_open(vg_part_bounds *bounds, const vg_image_list *images, uint64_t rows,
                              vg_part_ends ends, const atomic_bool *cancel, vg_error *error)
{
    assert(rows > 0);
    const uint64_t all = vg_image_list_count(images);
    vg_status status = all > 0 ? add(bounds, 0, error) : VG_OK;
    if (status == VG_OK && ends == VG_PARTS_BY_PATHS)
        status = bound_by_paths(bounds, images, rows, cancel, error);
    for (uint64_t first = 0; status == VG_OK && ends == VG_PARTS_BY_COUNT && all - first > rows;) {
        first += rows;
        status = add(bounds, first, error);
    }
    if (status == VG_OK) status = end(bounds, all, error);
    if (status != VG_OK) vg_part_bounds_close(bounds);
    return status;
}

vg_status vg_part_bounds_open_one(vg_part_bounds *bounds, const vg_image_list *images,
                                  vg_error *error)
{
    uint64_t all = vg_image_list_count(images);
    return vg_part_bounds_open(bounds, images, all > 0 ? all : 1, VG_PARTS_BY_COUNT, NULL, error);
}
