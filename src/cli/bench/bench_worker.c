#include "cli/bench/bench_worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/usable_cpus.h"
#include "cli/bench/bench_turns.h"
#include "cli/cli.h"

enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3 };

typedef struct worker {
    pthread_t thread;
    int index;
    const vg_bench_task *task;
    vg_bench_figures figures;
    vg_status status;
    vg_error error;
} worker;

/* --- One thread --------------------------------------------------------- */

typedef struct buffers {
    vg_extractor *extractor;
    vg_image image;
    uint8_t *rgb;
    float features[VG_FEATURE_COUNT];
} buffers;

static vg_status open_buffers(buffers *opened, const vg_bench_task *task, vg_error *error)
{
    const vg_encoded_image *encoded = &task->encoded;
    opened->rgb = malloc(RGB_BYTES);
    if (opened->rgb == NULL) return vg_fail_memory(error, RGB_BYTES);
    vg_status status = vg_extractor_open(&opened->extractor, task->model, NULL, error);
    if (status == VG_OK)
        status = vg_image_decode(&opened->image, encoded->data, encoded->size, NULL, error);
    if (status == VG_OK)
        status = vg_extractor_resize(opened->extractor, &opened->image, opened->rgb, error);
    return status;
}

static void close_buffers(buffers *closed)
{
    vg_extractor_close(&closed->extractor);
    vg_image_close(&closed->image);
    free(closed->rgb);
}

static vg_status do_step(const vg_bench_task *task, buffers *with, vg_error *error)
{
    const vg_encoded_image *encoded = &task->encoded;
    vg_image_result result = {0};
    switch (task->step) {
    case VG_BENCH_DECODE:
        return vg_image_decode(&with->image, encoded->data, encoded->size, NULL, error);
    case VG_BENCH_RESIZE:
        return vg_extractor_resize(with->extractor, &with->image, with->rgb, error);
    default: return vg_extract(with->extractor, 1, encoded, with->features, &result, error);
    }
}

static vg_status repeat_step(const vg_bench_task *task, buffers *with, vg_bench_figures *figures,
                             vg_error *error)
{
    double start = vg_seconds(), elapsed = 0.0, images = 0.0;
    vg_status status = VG_OK;
    while (status == VG_OK && elapsed < task->seconds && !atomic_load(&vg_cli_interrupted)) {
        status = do_step(task, with, error);
        elapsed = vg_seconds() - start;
        images++;
    }
    figures->rate = elapsed > 0.0 ? images / elapsed : 0.0;
    return status;
}

static vg_status measure_one(const vg_bench_task *task, int index, vg_bench_figures *figures,
                             vg_error *error)
{
    vg_status status = task->pin ? vg_pin_thread(pthread_self(), index, error) : VG_OK;
    if (status != VG_OK) return status;
    if (task->step == VG_BENCH_LAYERS) return vg_bench_layer_turns(task, figures, error);
    buffers with = {0};
    status = open_buffers(&with, task, error);
    if (status == VG_OK && task->step == VG_BENCH_NETWORK)
        status = vg_bench_network_turns(task, with.extractor, with.rgb, figures, error);
    else if (status == VG_OK)
        status = repeat_step(task, &with, figures, error);
    close_buffers(&with);
    return status;
}

static void *run_worker(void *argument)
{
    worker *self = argument;
    self->status = measure_one(self->task, self->index, &self->figures, &self->error);
    return NULL;
}

/* --- All threads -------------------------------------------------------- */

static void add_figures(vg_bench_figures *to, const vg_bench_figures *one, double threads)
{
    to->rate += one->rate;
    to->peak += one->peak;
    to->share += one->share / threads;
    for (int i = 0; i < VG_LAYERS; i++) {
        double seconds = to->layers[i].cost.seconds;
        to->layers[i].cost = one->layers[i].cost;
        to->layers[i].cost.seconds = seconds + one->layers[i].cost.seconds / threads;
        to->layers[i].share += one->layers[i].share / threads;
        to->layers[i].best_share += one->layers[i].best_share / threads;
    }
}

vg_status vg_bench_measure(const vg_bench_task *task, vg_bench_figures *figures, vg_error *error)
{
    worker *workers = calloc((size_t)task->threads, sizeof *workers);
    if (workers == NULL) return vg_fail_memory(error, (size_t)task->threads * sizeof *workers);
    vg_status status = VG_OK;
    int started = 0;
    for (; started < task->threads; started++) {
        workers[started].index = started;
        workers[started].task = task;
        if (pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) != 0) {
            status =
                vg_fail(error, VG_ENOMEM, "cannot start %ld threads: ask for fewer", task->threads);
            break;
        }
    }
    *figures = (vg_bench_figures){0};
    for (int i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        add_figures(figures, &workers[i].figures, (double)task->threads);
        if (status == VG_OK && workers[i].status != VG_OK) {
            status = workers[i].status;
            if (error != NULL) *error = workers[i].error;
        }
    }
    free(workers);
    if (status == VG_OK && atomic_load(&vg_cli_interrupted))
        status = vg_fail(error, VG_ECANCELLED, "interrupted");
    return status;
}
