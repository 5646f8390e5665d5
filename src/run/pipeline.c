#include "run/pipeline.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/event.h"
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

/* One image on its way. The thread that holds it needs no lock. */
typedef struct slot {
    char *path;
    size_t path_capacity;
    int64_t size, modified; /* as listed */
    vg_known known;
    bool has_changed;
    char expected[VG_SHA256_CHARS], sha256[VG_SHA256_CHARS]; /* of the content */
    vg_bytes content;
    float *features;
    vg_image_result result;
    atomic_bool is_done; /* the caller may take it */
} slot;

typedef struct reader {
    struct vg_pipeline *pipeline;
    vg_sha256 *sha256;
    pthread_t thread;
    _Atomic double seconds; /* in reading */
} reader;

typedef struct worker {
    struct vg_pipeline *pipeline;
    vg_extractor *extractor;
    pthread_t thread;
    _Atomic double decode, resize, network; /* vg_extractor_times */
} worker;

enum {
    ROOM,    /* a slot is free or a file used up: for the reader that has the lock */
    CONTENT, /* a file is there: for workers */
    OUTCOME, /* an image is done: for the caller */
    EVENTS
};

/* Readers take the lock for as long as it takes to learn the next image. From there on
 * an image goes through atomic variables alone. */
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

    pthread_mutex_t source_lock;
    vg_event events[EVENTS];
    int opened_events;
    bool has_lock;
    atomic_bool stop;

    atomic_uint_least64_t next_read, released; /* images, in order */
    uint64_t next_taken;
    atomic_int source_status; /* of what gives the images; the error is written before */
    vg_error source_error;
    atomic_size_t ahead, bytes_ahead; /* files being read or read and not used up */

    /* Slots whose file is there, in a ring. Who has counted one in or out has a place
     * in it, which is free or filled at once, or as soon as another thread goes on. */
    slot *_Atomic *ready;
    atomic_size_t ready_count, ready_first, ready_last;
};

/* --- Between the threads -------------------------------------------------- */

static void put_ready(vg_pipeline *pipeline, slot *image)
{
    slot *_Atomic *place =
        &pipeline->ready[atomic_fetch_add(&pipeline->ready_last, 1) % pipeline->slot_count];
    for (slot *none = NULL; !atomic_compare_exchange_weak(place, &none, image); none = NULL)
        sched_yield();
    atomic_fetch_add(&pipeline->ready_count, 1);
    vg_event_tell(&pipeline->events[CONTENT]);
}

/* NULL where none is ready. */
static slot *take_ready(vg_pipeline *pipeline)
{
    size_t count = atomic_load(&pipeline->ready_count);
    while (count > 0 && !atomic_compare_exchange_weak(&pipeline->ready_count, &count, count - 1)) {
    }
    if (count == 0) return NULL;
    slot *_Atomic *place =
        &pipeline->ready[atomic_fetch_add(&pipeline->ready_first, 1) % pipeline->slot_count];
    slot *image;
    while ((image = atomic_exchange(place, NULL)) == NULL) sched_yield();
    return image;
}

/* The caller may let a reader have the slot at once. */
static void finish_slot(vg_pipeline *pipeline, slot *done)
{
    atomic_fetch_sub(&pipeline->ahead, 1);
    atomic_store(&done->is_done, true);
    vg_event_tell(&pipeline->events[ROOM]);
    vg_event_tell(&pipeline->events[OUTCOME]);
}

static bool has_room(vg_pipeline *pipeline)
{
    return atomic_load(&pipeline->next_read) <
               atomic_load(&pipeline->released) + pipeline->slot_count &&
           atomic_load(&pipeline->ahead) < pipeline->max_ahead &&
           atomic_load(&pipeline->bytes_ahead) < max_bytes_ahead;
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

/* Under the lock: the next image into its slot. Without one the pipeline ends. */
static slot *take_task(vg_pipeline *pipeline)
{
    const vg_pipeline_options *options = &pipeline->options;
    slot *to = &pipeline->slots[atomic_load(&pipeline->next_read) % pipeline->slot_count];
    vg_known_image task;
    vg_error *error = &pipeline->source_error;
    vg_status status = vg_known_images_next(options->images, &task, error);
    if (status == VG_OK) status = copy_path(to, task.image.path, error);
    if (status != VG_OK) {
        atomic_store(&pipeline->source_status, (int)status);
        vg_event_tell(&pipeline->events[OUTCOME]);
        return NULL;
    }
    to->size = task.image.size;
    to->modified = task.image.modified;
    to->known = task.known;
    to->has_changed = false;
    to->sha256[0] = to->expected[0] = '\0';
    if (task.sha256 != NULL) snprintf(to->expected, sizeof to->expected, "%s", task.sha256);
    to->result.status = VG_OK;
    atomic_fetch_add(&pipeline->ahead, 1);
    atomic_fetch_add(&pipeline->next_read, 1);
    return to;
}

/* NULL where there are no more, or it is time to stop. */
static slot *wait_for_task(vg_pipeline *pipeline)
{
    slot *image = NULL;
    pthread_mutex_lock(&pipeline->source_lock);
    while (image == NULL) {
        unsigned seen = vg_event_changes(&pipeline->events[ROOM]);
        if (atomic_load(&pipeline->stop) || atomic_load(&pipeline->source_status) != VG_OK ||
            atomic_load(&pipeline->next_read) == pipeline->options.count)
            break;
        if (has_room(pipeline))
            image = take_task(pipeline);
        else
            vg_event_wait(&pipeline->events[ROOM], seen);
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
    image->has_changed = was_known && !is_same;
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
        if (image->known != VG_KNOWN) {
            double start = vg_seconds();
            read_slot(self, image);
            self->seconds = self->seconds + (vg_seconds() - start);
        }
        if (image->result.status != VG_OK || image->known == VG_KNOWN) {
            finish_slot(pipeline, image);
        } else {
            atomic_fetch_add(&pipeline->bytes_ahead, image->content.size);
            put_ready(pipeline, image);
        }
    }
    return NULL;
}

/* --- Workers -------------------------------------------------------------- */

/* NULL where it is time to stop. */
static slot *wait_for_content(vg_pipeline *pipeline)
{
    for (;;) {
        unsigned seen = vg_event_changes(&pipeline->events[CONTENT]);
        if (atomic_load(&pipeline->stop)) return NULL;
        slot *image = take_ready(pipeline);
        if (image != NULL) return image;
        vg_event_wait(&pipeline->events[CONTENT], seen);
    }
}

static void note_times(worker *self)
{
    vg_extractor_times times;
    vg_extractor_get_times(self->extractor, &times);
    self->decode = times.decode;
    self->resize = times.resize;
    self->network = times.network;
}

static void extract_slot(worker *self, slot *image)
{
    vg_encoded_image encoded = {.data = image->content.bytes, .size = image->content.size};
    vg_error error;
    vg_status status =
        vg_extract(self->extractor, 1, &encoded, image->features, &image->result, &error);
    if (status != VG_OK) image->result = (vg_image_result){.status = status, .error = error};
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
        note_times(self);
        atomic_fetch_sub(&pipeline->bytes_ahead, bytes);
        finish_slot(pipeline, image);
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

static vg_status open_locks(vg_pipeline *pipeline, vg_error *error)
{
    if (pthread_mutex_init(&pipeline->source_lock, NULL) != 0)
        return vg_fail(error, VG_ENOMEM, "no lock could be made for the threads");
    pipeline->has_lock = true;
    vg_status status = VG_OK;
    while (status == VG_OK && pipeline->opened_events < EVENTS) {
        status = vg_event_open(&pipeline->events[pipeline->opened_events], error);
        if (status == VG_OK) pipeline->opened_events++;
    }
    return status;
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
    atomic_store(&pipeline->stop, true);
    vg_event_tell_all(&pipeline->events[ROOM]);
    vg_event_tell_all(&pipeline->events[CONTENT]);
    for (int i = 0; i < pipeline->running_readers; i++)
        pthread_join(pipeline->readers[i].thread, NULL);
    for (int i = 0; i < pipeline->running_workers; i++)
        pthread_join(pipeline->workers[i].thread, NULL);
}

void vg_pipeline_close(vg_pipeline **pipeline)
{
    vg_pipeline *closed = *pipeline;
    if (closed == NULL) return;
    if (closed->opened_events == EVENTS) stop_threads(closed);
    while (closed->opened_events > 0) vg_event_close(&closed->events[--closed->opened_events]);
    if (closed->has_lock) pthread_mutex_destroy(&closed->source_lock);
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

/* The image that the caller waits for will not come. */
static bool has_no_more(vg_pipeline *pipeline)
{
    return atomic_load(&pipeline->source_status) != VG_OK &&
           pipeline->next_taken == atomic_load(&pipeline->next_read);
}

static vg_status wait_for_outcome(vg_pipeline *pipeline, slot *next, vg_error *error)
{
    for (;;) {
        unsigned seen = vg_event_changes(&pipeline->events[OUTCOME]);
        vg_status status = vg_check_cancel(pipeline->options.cancel, error);
        if (status != VG_OK || atomic_load(&next->is_done)) return status;
        if (has_no_more(pipeline)) {
            if (error != NULL) *error = pipeline->source_error;
            return (vg_status)atomic_load(&pipeline->source_status);
        }
        vg_event_wait_for(&pipeline->events[OUTCOME], seen, WAIT_MILLISECONDS);
    }
}

static void release_taken(vg_pipeline *pipeline)
{
    uint64_t released = atomic_load(&pipeline->released);
    if (released == pipeline->next_taken) return;
    atomic_store(&pipeline->slots[released % pipeline->slot_count].is_done, false);
    atomic_store(&pipeline->released, released + 1);
    vg_event_tell(&pipeline->events[ROOM]);
}

vg_status vg_pipeline_next(vg_pipeline *pipeline, vg_outcome *outcome, vg_error *error)
{
    if (pipeline->next_taken == pipeline->options.count)
        return vg_fail(error, VG_EINVAL, "every image has been taken");
    release_taken(pipeline);
    slot *next = &pipeline->slots[pipeline->next_taken % pipeline->slot_count];
    vg_status status = wait_for_outcome(pipeline, next, error);
    if (status != VG_OK) return status;

    pipeline->next_taken++;
    *outcome =
        (vg_outcome){.image = {.path = next->path, .size = next->size, .modified = next->modified},
                     .sha256 = next->sha256,
                     .status = next->result.status,
                     .reason = next->result.error.message,
                     .has_changed = next->has_changed,
                     .is_known = next->known == VG_KNOWN,
                     .features = next->features};
    return VG_OK;
}

void vg_pipeline_get_times(vg_pipeline *pipeline, vg_step_times *times)
{
    *times = (vg_step_times){0};
    for (int i = 0; i < pipeline->reader_count; i++) times->read += pipeline->readers[i].seconds;
    for (int i = 0; i < pipeline->worker_count; i++) {
        times->extract.decode += pipeline->workers[i].decode;
        times->extract.resize += pipeline->workers[i].resize;
        times->extract.network += pipeline->workers[i].network;
    }
}
