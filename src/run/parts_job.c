/* Some parts of a run that another process began and will put together. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/observer.h"
#include "base/usable_cpus.h"
#include "history/part_lists.h"
#include "history/part_record.h"
#include "history/run_plan.h"
#include "run/features_phase.h"
#include "run/job.h"
#include "run/run_model.h"
#include "run/stores.h"

typedef struct share {
    vg_run_options options; /* with the rows a part of the run */
    vg_run_result *result;
    vg_store *input, *output;
    vg_run_model model;
    vg_saved_plan plan;
    vg_listed_part listed;   /* the part in hand, */
    vg_part_bounds bounds;   /* which is one, */
    vg_earlier_run *earlier; /* and the parts of the run that is updated which have its images */
} share;

static void close_part(share *state)
{
    vg_earlier_run_close(&state->earlier);
    vg_part_bounds_close(&state->bounds);
    vg_image_list_close(&state->listed.images);
}

static void close_share(share *state)
{
    close_part(state);
    vg_plan_free(&state->plan);
    vg_run_model_close(&state->model);
    vg_store_close(&state->output);
    vg_store_close(&state->input);
}

/* The same weights and options as the run has, or its tables would be of two kinds. */
static vg_status check_plan(share *state, vg_error *error)
{
    const char *timestamp = state->result->timestamp;
    state->options.part_rows = state->plan.part_rows;
    state->options.parts_by_count = state->plan.part_ends == VG_PARTS_BY_COUNT;
    vg_plan own = {.input = vg_store_address(state->input),
                   .model = vg_run_model_identity(&state->model, &state->options),
                   .arithmetic = vg_model_arithmetic(state->model.model),
                   .options = &state->options,
                   .uuid = "",
                   .base = ""};
    vg_status status = vg_plan_compare(&state->plan, &own, VG_PLAN_WHOLE, error);
    if (status == VG_OK) return VG_OK;
    return vg_fail_prefix(error, status, "this machine would extract otherwise than the run %s",
                          timestamp);
}

static vg_status prepare(share *state, vg_error *error)
{
    const vg_run_options *options = &state->options;
    vg_run_result *result = state->result;
    if (options->input == NULL || options->output == NULL || options->timestamp == NULL ||
        options->model_source == NULL)
        return vg_fail(error, VG_EINVAL,
                       "parts need an input, an output, a model and the timestamp of their run");
    vg_status status = vg_timestamp_choose(result->timestamp, options->timestamp, error);
    if (status == VG_OK)
        status = vg_stores_open(&state->input, options->input, &state->output, options->output,
                                &options->store, &(vg_observer){0}, error);
    if (status == VG_OK)
        status = vg_plan_read(&state->plan, state->output, result->timestamp, error);
    if (status == VG_ENOTFOUND)
        return vg_fail(error, status, "%s has no run %s: every machine has to see the same output",
                       vg_store_address(state->output), result->timestamp);
    const char *name = state->plan.model_source;
    if (status == VG_OK)
        status = vg_run_model_open(&state->model, options,
                                   name[0] != '\0' ? name : options->model_source, error);
    if (status == VG_OK) status = check_plan(state, error);
    result->threads = options->threads > 0 ? options->threads : vg_usable_cpus();
    snprintf(result->kernels, sizeof result->kernels, "%s",
             status == VG_OK ? vg_model_kernels(state->model.model) : "");
    return status;
}

/* A task that runs twice does its work once. */
static bool is_there(const share *state, uint64_t number)
{
    vg_part_record record;
    const char *timestamp = state->result->timestamp;
    return vg_part_record_read(&record, state->output, timestamp, number, NULL) == VG_OK &&
           vg_part_record_check_sizes(&record, state->output, NULL) == VG_OK;
}

static vg_status open_part(share *state, uint64_t number, vg_error *error)
{
    vg_listed_part *listed = &state->listed;
    vg_status status =
        vg_part_lists_read(listed, state->output, state->result->timestamp, number, error);
    if (status == VG_OK) status = vg_part_bounds_open_one(&state->bounds, listed->images, error);
    if (status != VG_OK || listed->earlier_end == 0) return status;
    return vg_earlier_run_open_some(&state->earlier, state->output, state->plan.base,
                                    listed->earlier_first, listed->earlier_end,
                                    &state->options.observer, state->options.cancel, error);
}

static vg_status extract(share *state, uint64_t number, vg_error *error)
{
    vg_run_result *result = state->result;
    vg_moments *moments = NULL;
    if (number >= state->plan.parts)
        return vg_fail(error, VG_EINVAL, "the run %s has no part %llu", result->timestamp,
                       (unsigned long long)number);
    if (is_there(state, number)) return VG_OK;
    vg_status status = open_part(state, number, error);
    if (status != VG_OK) return status;
    result->selected += vg_image_list_count(state->listed.images);
    vg_features_phase task = {.options = &state->options,
                              .input = state->input,
                              .output = state->output,
                              .model = state->model.model,
                              .images = state->listed.images,
                              .parts = &state->bounds,
                              .earlier = state->earlier,
                              .first_part = number,
                              .is_share = true,
                              .timestamp = result->timestamp,
                              .uuid = state->plan.uuid,
                              .facts = state->model.facts,
                              .fact_count = state->model.fact_count,
                              .threads = result->threads,
                              .start = vg_seconds()};
    status = vg_features_phase_run(&task, result, &moments, error);
    vg_moments_close(&moments);
    close_part(state);
    return status;
}

vg_status vg_run_parts(const vg_run_options *options, const uint64_t *numbers, size_t count,
                       vg_run_result *result, vg_error *error)
{
    share state = {.options = *options, .result = result};
    double start = vg_seconds();
    *result = (vg_run_result){0};
    vg_status status = prepare(&state, error);
    for (size_t i = 0; i < count && status == VG_OK; i++)
        status = extract(&state, numbers[i], error);
    close_share(&state);
    result->seconds = vg_seconds() - start;
    return status;
}
