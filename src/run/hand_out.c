#include "run/hand_out.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/observer.h"
#include "history/part_lists.h"
#include "history/past_runs.h"
#include "history/run_plan.h"

enum { PARTS_A_HAND = 3, LEAST_PART_ROWS = 64 };

uint64_t vg_hand_out_part_rows(uint64_t images, int hands, uint64_t most)
{
    uint64_t parts = PARTS_A_HAND * (uint64_t)hands, rows = (images + parts - 1) / parts;
    if (rows < LEAST_PART_ROWS) rows = LEAST_PART_ROWS;
    return rows < most ? rows : most;
}

void vg_handed_free(vg_handed *handed)
{
    free(handed->recorded);
    free(handed->handed);
    *handed = (vg_handed){0};
}

/* What came, of `wanted`. */
static vg_status look(vg_handed *handed, const vg_run_options *options, vg_store *output,
                      const char *timestamp, uint64_t parts, const bool *before, uint64_t wanted,
                      vg_error *error)
{
    vg_status status =
        vg_past_runs_recorded_parts(&handed->recorded, parts, output, timestamp, error);
    if (status != VG_OK) return status;
    uint64_t came = 0;
    for (uint64_t i = 0; i < parts; i++) {
        handed->handed[i] = handed->recorded[i] && (before == NULL || !before[i]);
        came += handed->handed[i];
    }
    if (came == 0)
        return vg_fail(error, VG_ENOTFOUND,
                       "none of the %llu parts that others were to extract is in %s: every machine "
                       "has to write to the same output",
                       (unsigned long long)wanted, vg_store_address(output));
    if (came < wanted)
        vg_notify_log(&options->observer, VG_LOG_WARNING,
                      "%llu of %llu parts did not come: they are extracted here",
                      (unsigned long long)(wanted - came), (unsigned long long)wanted);
    return VG_OK;
}

/* A part of which images have only to be tried is looked at here. */
static bool is_wanted(const vg_continuation *continuation, uint64_t number)
{
    bool is_recorded = continuation->recorded != NULL && continuation->recorded[number];
    bool is_taken = continuation->taken != NULL && continuation->taken[number].record != NULL;
    return !is_recorded && !is_taken;
}

vg_status vg_hand_out_parts(vg_handed *handed, const vg_run_options *options, vg_store *output,
                            const char *timestamp, const vg_image_list *images,
                            const vg_part_bounds *bounds, const vg_continuation *continuation,
                            vg_error *error)
{
    const bool *recorded = continuation->recorded;
    uint64_t parts = bounds->count;
    size_t count = 0;
    uint64_t *numbers = calloc((size_t)parts + 1, sizeof *numbers);
    *handed = (vg_handed){.handed = calloc((size_t)parts + 1, sizeof(bool))};
    vg_status status = VG_OK;
    if (numbers == NULL || handed->handed == NULL)
        status = vg_fail_memory(error, (size_t)parts * sizeof *numbers);
    for (uint64_t i = 0; i < parts && status == VG_OK; i++)
        if (is_wanted(continuation, i)) numbers[count++] = i;
    if (status == VG_OK && count > 0)
        status = vg_part_lists_write(output, timestamp, images, bounds, continuation->earlier,
                                     options->cancel, error);
    if (status == VG_OK && count > 0)
        status = options->hand_out(options->hand_out_context, timestamp, numbers, count, error);
    free(numbers);
    if (status == VG_OK && count > 0)
        status = look(handed, options, output, timestamp, parts, recorded, count, error);
    if (status == VG_OK && count > 0)
        status = vg_part_lists_delete(output, timestamp, parts, error);
    if (status == VG_OK && count == 0)
        status = vg_past_runs_recorded_parts(&handed->recorded, parts, output, timestamp, error);
    if (status != VG_OK) vg_handed_free(handed);
    return status;
}
