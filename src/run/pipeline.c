#include "run/pipeline.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/observer.h"
#include "base/usable_cpus.h"
#include "base/usable_memory.h"

enum {
    /* Outcomes that may wait for the caller: as many as let the workers go on while
     * a part file is made durable. */
    SLOTS_PER_THREAD = 64,
    MIN_SLOTS = 128,
    /* A local file comes from memory or from one disk; a bucket answers after tens
     * of milliseconds, so that many requests must be on their way. */
    MAX_LOCAL_READERS = 4,
    REMOTE_READERS_PER_THREAD = 4,
    MAX_REMOTE_READERS = 64,
    SHARE_OF_LARGE_IMAGES = 4, /* a quarter of the memory there is */
    WAIT_MILLISECONDS = 50     /* between two looks at `cancel` */
};

/* Bytes of files read ahead, beyond which no reader begins another. */
static const size_t max_bytes_ahead = (size_t)64 << 20;

/* One image on its way. The thread that holds it needs no lock for it. */
typedef struct slot {
    char *path;
    size_t path_capacity;
    int64_t size, modified; /* as listed */
    vg_known known;
    bool has_changed;
    bool is_unturned;                                        /* of what was extracted */
    char expected[VG_SHA256_CHARS], sha256[VG_SHA256_CHARS]; /* of the content */
    vg_bytes content;
    float *features;
    vg_image_quality quality;
    vg_image_result result;
    bool is_done; /* under the lock: the caller may take it */
} slot;

typedef struct reader {
    struct vg_pipeline *pipeline;
    vg_sha256 *sha256;
    pthread_t thread;
    double seconds; /* in reading; under the lock */
} reader;

typedef struct worker {
    struct vg_pipeline *pipeline;
    vg_extractor *extractor;
    pthread_t thread;
    vg_extractor_times times; /* under the lock */
} worker;

/* Images are counted from 0, in order: those before `released` are over with, those before
 * `next_read` on their way or done. */
struct vg_pipeline {
    vg_pipeline_options options;
    slot *slots; /* image i is in slot i % slot_count */
    size_t slot_count;
    float *features;
    worker *workers;
    reader *readers;
    int worker_count, reader_count, running_workers, running_readers;
    size_t max_ahead;
    vg_budget *budget; /* of the workers' large images */
    int opened_locks;
    atomic_bool stop;

    pthread_mutex_t source_lock; /* of the reader that learns the next image */
    pthread_mutex_t lock;        /* of all that follows */
    pthread_cond_t has_room;     /* for that reader: a slot is free or a file used up */
    pthread_cond_t has_content;  /* for workers: a file is there */
    pthread_cond_t has_outcome;  /* for the caller: the next image is done, or will not come */
    uint64_t next_read, released, next_taken;
    vg_status source_status; /* of what gives the images */
    vg_error source_error;
    size_t ahead, bytes_ahead; /* files being read or read and not used up */
    slot **ready;              /* [slot_count], a ring: those whose file is there */
    size_t ready_first, ready_count;
};

/* --- Between the threads -------------------------------------------------- */

static void put_ready(vg_pipeline *pipeline, slot *image)
{
    pthread_mutex_lock(&pipeline->lock);
    assert(pipeline->ready_count < pipeline->slot_count);
    size_t place = (pipeline->ready_first + pipeline->ready_count) % pipeline->slot_count;
    pipeline->ready[place] = image;
    pipeline->ready_count++;
    pipeline->bytes_ahead += image->content.size;
    pthread_cond_signal(&pipeline->has_content);
    pthread_mutex_unlock(&pipeline->lock);
}

/* NULL where it is time to stop. */
static slot *wait_for_content(vg_pipeline *pipeline)
{
    slot *image = NULL;
    pthread_mutex_lock(&pipeline->lock);
    while (pipeline->ready_count == 0 && !atomic_load(&pipeline->stop))
        pthread_cond_wait(&pipeline->has_content, &pipeline->lock);
    if (!atomic_load(&pipeline->stop)) {
        image = pipeline->ready[pipeline->ready_first];
        pipeline->ready_first = (pipeline->ready_first + 1) % pipeline->slot_count;
        pipeline->ready_count--;
    }
    pthread_mutex_unlock(&pipeline->lock);
    return image;
}

/* Under the lock. `bytes` of its file are used up. */
static void finish_slot(vg_pipeline *pipeline, slot *done, size_t bytes)
{
    assert(!done->is_done && pipeline->ahead > 0 && pipeline->bytes_ahead >= bytes);
    done->is_done = true;
    pipeline->ahead--;
    pipeline->bytes_ahead -= bytes;
    pthread_cond_signal(&pipeline->has_room);
    if (done == &pipeline->slots[pipeline->next_taken % pipeline->slot_count])
        pthread_cond_signal(&pipeline->has_outcome);
}

static bool has_room(const vg_pipeline *pipeline)
{
    return pipeline->next_read < pipeline->released + pipeline->slot_count &&
           pipeline->ahead < pipeline->max_ahead && pipeline->bytes_ahead < max_bytes_ahead;
}

/* --- Readers -------------------------------------------------------------- */

static vg_status copy_path(slot *to, const char *path, vg_error *error)
{
    size_t size = strlen(path) + 1;
    if (size > to->path_capacity) {
        char *copy = realloc(to->path, 2 * size);
        if (copy == NULL) return vg_fail_memory(error, 2 * size);
        to->path = copy;
        to->path_capacity = 2 * size;
    }
    memcpy(to->path, path, size);
    return VG_OK;
}

/* The next image into its slot, by the reader that holds the source. */
static vg_status take_task(vg_pipeline *pipeline, slot *to)
{
    vg_known_image task;
    vg_error *error = &pipeline->source_error;
    vg_status status = vg_known_images_next(pipeline->options.images, &task, error);
    if (status == VG_OK) status = copy_path(to, task.image.path, error);
    if (status != VG_OK) return status;
    to->size = task.image.size;
    to->modified = task.image.modified;
    to->known = task.known;
    to->has_changed = false;
    to->sha256[0] = to->expected[0] = '\0';
    if (task.sha256 != NULL) snprintf(to->expected, sizeof to->expected, "%s", task.sha256);
    to->result.status = VG_OK;
    return VG_OK;
}

/* The slot of the next image; NULL where there are no more, or it is time to stop. */
static slot *wait_for_room(vg_pipeline *pipeline)
{
    slot *free_one = NULL;
    pthread_mutex_lock(&pipeline->lock);
    while (!atomic_load(&pipeline->stop) && pipeline->source_status == VG_OK &&
           pipeline->next_read < pipeline->options.count) {
        if (has_room(pipeline)) {
            free_one = &pipeline->slots[pipeline->next_read % pipeline->slot_count];
            break;
        }
        pthread_cond_wait(&pipeline->has_room, &pipeline->lock);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return free_one;
}

/* NULL where there are no more, or it is time to stop. Without a next image the pipeline
 * ends. */
static slot *wait_for_task(vg_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->source_lock);
    slot *image = wait_for_room(pipeline);
    vg_status status = image != NULL ? take_task(pipeline, image) : VG_OK;
    if (image != NULL) {
        pthread_mutex_lock(&pipeline->lock);
        if (status == VG_OK) {
            pipeline->ahead++;
            pipeline->next_read++;
        } else {
            pipeline->source_status = status;
            pthread_cond_signal(&pipeline->has_outcome);
            image = NULL;
        }
        pthread_mutex_unlock(&pipeline->lock);
    }
    pthread_mutex_unlock(&pipeline->source_lock);
    return image;
}

/* Afterwards nothing is unsure about the image. */
static void read_slot(reader *self, slot *image)
{
    const vg_pipeline_options *options = &self->pipeline->options;
    vg_bytes *content = &image->content;
    vg_error *error = &image->result.error;
    vg_status status = vg_store_read(options->input, image->path, image->size,
                                     options->max_file_size, content, error);
    if (status == VG_OK) status = vg_sha256_add(self->sha256, content->bytes, content->size, error);
    if (status == VG_OK) status = vg_sha256_take(self->sha256, image->sha256, error);
    image->result.status = status;
    bool is_same = strcmp(image->sha256, image->expected) == 0;
    bool was_known = image->known == VG_KNOWN_IF_SAME;
    image->known = was_known && is_same ? VG_KNOWN : VG_UNKNOWN;
    image->has_changed = was_known && !is_same && status == VG_OK;
    if (status == VG_OK && image->known == VG_UNKNOWN) return;
    free(content->bytes);
    *content = (vg_bytes){0};
}

static void *read_files(void *argument)
{
    reader *self = argument;
    vg_pipeline *pipeline = self->pipeline;
    slot *image;
    while ((image = wait_for_task(pipeline)) != NULL) {
        double start = vg_seconds();
        bool is_read = image->known != VG_KNOWN;
        if (is_read) read_slot(self, image);
        bool is_over = image->result.status != VG_OK || image->known == VG_KNOWN;
        pthread_mutex_lock(&pipeline->lock);
        if (is_read) self->seconds += vg_seconds() - start;
        if (is_over) finish_slot(pipeline, image, 0);
        pthread_mutex_unlock(&pipeline->lock);
        if (!is_over) put_ready(pipeline, image);
    }
    return NULL;
}

/* --- Workers -------------------------------------------------------------- */

static void extract_slot(worker *self, slot *image)
{
    vg_encoded_image encoded = {.data = image->content.bytes, .size = image->content.size};
    vg_error error;
    vg_status status =
        vg_extract(self->extractor, 1, &encoded, image->features, &image->result, &error);
    if (status == VG_OK)
        status = vg_extractor_get_quality(self->extractor, &image->quality, &error);
    if (status != VG_OK) image->result = (vg_image_result){.status = status, .error = error};
    image->is_unturned = image->result.status == VG_OK &&
                         !self->pipeline->options.image->exif_orient &&
                         vg_image_orientation(encoded.data, encoded.size) > 1;
    free(image->content.bytes);
    image->content = (vg_bytes){0};
}

static void *extract_images(void *argument)
{
    worker *self = argument;
    vg_pipeline *pipeline = self->pipeline;
    slot *image;
    while ((image = wait_for_content(pipeline)) != NULL) {
        size_t bytes = image->content.size;
        extract_slot(self, image);
        pthread_mutex_lock(&pipeline->lock);
        vg_extractor_get_times(self->extractor, &self->times);
        finish_slot(pipeline, image, bytes);
        pthread_mutex_unlock(&pipeline->lock);
    }
    return NULL;
}

/* --- Opening and closing ---------------------------------------------------- */

/* A stop is heard within an image too. */
static int is_stopped(void *pipeline)
{
    return atomic_load(&((vg_pipeline *)pipeline)->stop);
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static void plan(vg_pipeline *pipeline, const vg_pipeline_options *options)
{
    int threads = options->threads;
    pipeline->options = *options;
    pipeline->worker_count = threads;
    pipeline->reader_count = vg_store_is_atomic(options->input)
                                 ? clamp(REMOTE_READERS_PER_THREAD * threads, 8, MAX_REMOTE_READERS)
                                 : clamp(threads, 1, MAX_LOCAL_READERS);
    pipeline->max_ahead = 2 * (size_t)threads + (size_t)pipeline->reader_count;
    pipeline->slot_count = (size_t)threads * SLOTS_PER_THREAD;
    if (pipeline->slot_count < MIN_SLOTS) pipeline->slot_count = MIN_SLOTS;
    if (pipeline->slot_count > options->count) pipeline->slot_count = (size_t)options->count;
}

static vg_status allocate(vg_pipeline *pipeline, vg_error *error)
{
    size_t slots = pipeline->slot_count;
    pipeline->slots = calloc(slots, sizeof *pipeline->slots);
    pipeline->ready = calloc(slots, sizeof *pipeline->ready);
    pipeline->features = vg_alloc_aligned(slots * VG_FEATURE_COUNT, sizeof(float));
    pipeline->workers = calloc((size_t)pipeline->worker_count, sizeof *pipeline->workers);
    pipeline->readers = calloc((size_t)pipeline->reader_count, sizeof *pipeline->readers);
    if (pipeline->slots == NULL || pipeline->ready == NULL || pipeline->features == NULL ||
        pipeline->workers == NULL || pipeline->readers == NULL)
        return vg_fail_memory(error, slots * VG_FEATURE_COUNT * sizeof(float));
    for (size_t i = 0; i < slots; i++)
        pipeline->slots[i].features = pipeline->features + i * VG_FEATURE_COUNT;
    return VG_OK;
}

enum { LOCKS = 5 };

static void close_locks(vg_pipeline *pipeline)
{
    if (pipeline->opened_locks > 4) pthread_cond_destroy(&pipeline->has_outcome);
    if (pipeline->opened_locks > 3) pthread_cond_destroy(&pipeline->has_content);
    if (pipeline->opened_locks > 2) pthread_cond_destroy(&pipeline->has_room);
    if (pipeline->opened_locks > 1) pthread_mutex_destroy(&pipeline->lock);
    if (pipeline->opened_locks > 0) pthread_mutex_destroy(&pipeline->source_lock);
}

static vg_status open_locks(vg_pipeline *pipeline, vg_error *error)
{
    int *opened = &pipeline->opened_locks;
    *opened += pthread_mutex_init(&pipeline->source_lock, NULL) == 0;
    if (*opened == 1) *opened += pthread_mutex_init(&pipeline->lock, NULL) == 0;
    if (*opened == 2) *opened += vg_condition_init(&pipeline->has_room) == 0;
    if (*opened == 3) *opened += vg_condition_init(&pipeline->has_content) == 0;
    if (*opened == 4) *opened += vg_condition_init(&pipeline->has_outcome) == 0;
    if (*opened == LOCKS) return VG_OK;
    return vg_fail(error, VG_ENOMEM, "no lock could be made for the threads");
}

static vg_status start_thread(pthread_t *thread, void *(*run)(void *), void *argument, int *running,
                              vg_error *error)
{
    int failed = pthread_create(thread, NULL, run, argument);
    if (failed != 0)
        return vg_fail(error, VG_ENOMEM, "no thread could be started: %s: try fewer --threads",
                       strerror(failed));
    (*running)++;
    return VG_OK;
}

static vg_status start_threads(vg_pipeline *pipeline, vg_error *error)
{
    vg_status status = VG_OK;
    vg_extractor_options options;
    vg_extractor_options_default(&options);
    options.image = *pipeline->options.image;
    options.image.is_cancelled = is_stopped;
    options.image.cancel_context = pipeline;
    options.image.budget = pipeline->budget;
    options.quality = pipeline->options.quality;
    for (int i = 0; i < pipeline->worker_count && status == VG_OK; i++) {
        worker *started = &pipeline->workers[i];
        started->pipeline = pipeline;
        status = vg_extractor_open(&started->extractor, pipeline->options.model, &options, error);
    }
    for (int i = 0; i < pipeline->worker_count && status == VG_OK; i++) {
        status = start_thread(&pipeline->workers[i].thread, extract_images, &pipeline->workers[i],
                              &pipeline->running_workers, error);
        if (status == VG_OK && pipeline->options.pin)
            status = vg_pin_thread(pipeline->workers[i].thread, i, error);
    }
    for (int i = 0; i < pipeline->reader_count && status == VG_OK; i++) {
        pipeline->readers[i].pipeline = pipeline;
        status = vg_sha256_open(&pipeline->readers[i].sha256, error);
    }
    for (int i = 0; i < pipeline->reader_count && status == VG_OK; i++)
        status = start_thread(&pipeline->readers[i].thread, read_files, &pipeline->readers[i],
                              &pipeline->running_readers, error);
    return status;
}

vg_status vg_pipeline_open(vg_pipeline **pipeline, const vg_pipeline_options *options,
                           vg_error *error)
{
    *pipeline = NULL;
    vg_pipeline *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    plan(opened, options);
    vg_status status = allocate(opened, error);
    if (status == VG_OK) status = open_locks(opened, error);
    if (status == VG_OK)
        status = vg_budget_open(&opened->budget, vg_usable_memory() / SHARE_OF_LARGE_IMAGES, error);
    if (status == VG_OK) status = start_threads(opened, error);
    if (status != VG_OK) vg_pipeline_close(&opened);
    *pipeline = opened;
    return status;
}

static void stop_threads(vg_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    atomic_store(&pipeline->stop, true);
    pthread_cond_broadcast(&pipeline->has_room);
    pthread_cond_broadcast(&pipeline->has_content);
    pthread_mutex_unlock(&pipeline->lock);
    for (int i = 0; i < pipeline->running_readers; i++)
        pthread_join(pipeline->readers[i].thread, NULL);
    for (int i = 0; i < pipeline->running_workers; i++)
        pthread_join(pipeline->workers[i].thread, NULL);
}

void vg_pipeline_close(vg_pipeline **pipeline)
{
    vg_pipeline *closed = *pipeline;
    if (closed == NULL) return;
    if (closed->opened_locks == LOCKS) stop_threads(closed);
    close_locks(closed);
    for (int i = 0; closed->workers != NULL && i < closed->worker_count; i++)
        vg_extractor_close(&closed->workers[i].extractor);
    for (int i = 0; closed->readers != NULL && i < closed->reader_count; i++)
        vg_sha256_close(&closed->readers[i].sha256);
    for (size_t i = 0; closed->slots != NULL && i < closed->slot_count; i++) {
        free(closed->slots[i].content.bytes);
        free(closed->slots[i].path);
    }
    vg_budget_close(&closed->budget);
    free(closed->workers);
    free(closed->readers);
    free(closed->features);
    free(closed->ready);
    free(closed->slots);
    free(closed);
    *pipeline = NULL;
}

/* --- The caller's side -------------------------------------------------------- */

/* Under the lock. */
static vg_status wait_for_outcome(vg_pipeline *pipeline, const slot *next, vg_error *error)
{
    for (;;) {
        vg_status status = vg_check_cancel(pipeline->options.cancel, error);
        if (status != VG_OK || next->is_done) return status;
        /* The image will not come. */
        if (pipeline->source_status != VG_OK && pipeline->next_taken == pipeline->next_read) {
            if (error != NULL) *error = pipeline->source_error;
            return pipeline->source_status;
        }
        struct timespec until = vg_deadline(WAIT_MILLISECONDS);
        pthread_cond_timedwait(&pipeline->has_outcome, &pipeline->lock, &until);
    }
}

/* Under the lock: the caller is done with the image that it took last. */
static void release_taken(vg_pipeline *pipeline)
{
    if (pipeline->released == pipeline->next_taken) return;
    pipeline->slots[pipeline->released % pipeline->slot_count].is_done = false;
    pipeline->released++;
    pthread_cond_signal(&pipeline->has_room);
}

vg_status vg_pipeline_next(vg_pipeline *pipeline, vg_outcome *outcome, vg_error *error)
{
    if (pipeline->next_taken == pipeline->options.count)
        return vg_fail(error, VG_EINVAL, "every image has been taken");
    const slot *next = &pipeline->slots[pipeline->next_taken % pipeline->slot_count];
    pthread_mutex_lock(&pipeline->lock);
    release_taken(pipeline);
    vg_status status = wait_for_outcome(pipeline, next, error);
    if (status == VG_OK) pipeline->next_taken++;
    pthread_mutex_unlock(&pipeline->lock);
    if (status != VG_OK) return status;

    *outcome =
        (vg_outcome){.image = {.path = next->path, .size = next->size, .modified = next->modified},
                     .sha256 = next->sha256,
                     .status = next->result.status,
                     .reason = next->result.error.message,
                     .has_changed = next->has_changed,
                     .is_known = next->known == VG_KNOWN,
                     .is_unturned = next->known != VG_KNOWN && next->is_unturned,
                     .features = next->features,
                     .quality = pipeline->options.quality ? &next->quality : NULL};
    return VG_OK;
}

void vg_pipeline_get_times(vg_pipeline *pipeline, vg_step_times *times)
{
    *times = (vg_step_times){0};
    pthread_mutex_lock(&pipeline->lock);
    for (int i = 0; i < pipeline->reader_count; i++) times->read += pipeline->readers[i].seconds;
    for (int i = 0; i < pipeline->worker_count; i++) {
        times->extract.decode += pipeline->workers[i].times.decode;
        times->extract.resize += pipeline->workers[i].times.resize;
        times->extract.network += pipeline->workers[i].times.network;
    }
    pthread_mutex_unlock(&pipeline->lock);
}
