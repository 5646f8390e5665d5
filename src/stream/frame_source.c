#include "stream/frame_source.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/condition.h"
#include "base/error.h"

enum { PATIENCE_MS = 100 };

/* A frame with bytes of its own. */
typedef struct held_frame {
    vg_frame frame;
    uint8_t *bytes;
    size_t capacity;
} held_frame;

struct vg_frame_source {
    vg_frame_source_options options;
    vg_frame_cutter cutter;
    bool is_ended;      /* no bytes come any more */
    held_frame current; /* of drop: what was handed out */

    bool has_reader;
    pthread_t reader;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool stop, is_over, is_waiting; /* the reader's work; whether `waiting` is a frame */
    held_frame waiting;
    uint64_t dropped, skipped;
    vg_status status;
    vg_error failure; /* of the reader */
};

static bool is_stopped(vg_frame_source *source)
{
    if (atomic_load(source->options.cancel)) return true;
    if (!source->has_reader) return false;
    pthread_mutex_lock(&source->lock);
    bool stop = source->stop;
    pthread_mutex_unlock(&source->lock);
    return stop;
}

/* More bytes; none once stopped. A signal that comes just before the wait does not break it off,
 * so it is short. */
static vg_status read_more(vg_frame_source *source, vg_error *error)
{
    struct pollfd input = {.fd = source->options.descriptor, .events = POLLIN};
    uint8_t *room;
    size_t size;
    vg_status status = vg_frame_cutter_room(&source->cutter, &room, &size, error);
    while (status == VG_OK && !is_stopped(source)) {
        int ready = poll(&input, 1, PATIENCE_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        ssize_t got = ready < 0 ? -1 : read(input.fd, room, size);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0)
            return vg_fail(error, VG_EIO, "%s cannot be read: %s", source->options.name,
                           strerror(errno));
        if (got == 0)
            source->is_ended = true;
        else
            vg_frame_cutter_added(&source->cutter, (size_t)got);
        return VG_OK;
    }
    return status;
}

/* The next frame in the order of the stream. */
static vg_status cut_next(vg_frame_source *source, vg_frame *frame, bool *found, vg_error *error)
{
    vg_status status = VG_OK;
    *found = false;
    while (status == VG_OK && !is_stopped(source)) {
        *found = vg_frame_cutter_next(&source->cutter, source->is_ended, frame);
        if (*found || source->is_ended) break;
        status = read_more(source, error);
    }
    return status;
}

/* --- The newest frame ------------------------------------------------------------------------ */

static vg_status hold(held_frame *held, const vg_frame *frame, vg_error *error)
{
    held->frame = *frame;
    if (frame->fault != NULL) return VG_OK;
    if (held->capacity < frame->size + 1) {
        free(held->bytes);
        held->capacity = frame->size + 1;
        held->bytes = malloc(held->capacity);
        if (held->bytes == NULL) {
            held->capacity = 0;
            return vg_fail_memory(error, frame->size + 1);
        }
    }
    memcpy(held->bytes, frame->bytes, frame->size);
    held->bytes[frame->size] = '\0';
    held->frame.bytes = held->bytes;
    return VG_OK;
}

/* Puts the frame in the place of one that waits; but what is none takes no frame's place. */
static vg_status offer(vg_frame_source *source, const vg_frame *frame, vg_error *error)
{
    vg_status status = VG_OK;
    pthread_mutex_lock(&source->lock);
    source->skipped = source->cutter.skipped;
    source->dropped += source->is_waiting;
    if (!source->is_waiting || frame->fault == NULL) {
        status = hold(&source->waiting, frame, error);
        source->is_waiting = status == VG_OK;
        pthread_cond_signal(&source->changed);
    }
    pthread_mutex_unlock(&source->lock);
    return status;
}

static void *read_on(void *context)
{
    vg_frame_source *source = context;
    vg_status status = VG_OK;
    vg_error failure = {""};
    vg_frame frame;
    for (bool found = true; found && status == VG_OK;) {
        status = cut_next(source, &frame, &found, &failure);
        if (status == VG_OK && found) status = offer(source, &frame, &failure);
    }
    pthread_mutex_lock(&source->lock);
    source->is_over = true;
    source->status = status;
    source->failure = failure;
    source->skipped = source->cutter.skipped;
    pthread_cond_signal(&source->changed);
    pthread_mutex_unlock(&source->lock);
    return NULL;
}

static vg_status take_newest(vg_frame_source *source, vg_frame *frame, bool *found, vg_error *error)
{
    vg_status status = VG_OK;
    pthread_mutex_lock(&source->lock);
    while (!source->is_waiting && !source->is_over && !atomic_load(source->options.cancel)) {
        struct timespec until = vg_deadline(PATIENCE_MS);
        pthread_cond_timedwait(&source->changed, &source->lock, &until);
    }
    *found = source->is_waiting && !atomic_load(source->options.cancel);
    if (*found) {
        held_frame taken = source->waiting;
        source->waiting = source->current;
        source->current = taken;
        source->is_waiting = false;
        *frame = taken.frame;
    } else if (source->is_over && source->status != VG_OK) {
        status = vg_fail(error, source->status, "%s", source->failure.message);
    }
    pthread_mutex_unlock(&source->lock);
    return status;
}

/* --- Open, close, next ------------------------------------------------------------------------ */

static vg_status start_reader(vg_frame_source *source, vg_error *error)
{
    if (pthread_mutex_init(&source->lock, NULL) != 0 || vg_condition_init(&source->changed) != 0)
        return vg_fail_memory(error, sizeof source->lock);
    source->has_reader = true;
    if (pthread_create(&source->reader, NULL, read_on, source) == 0) return VG_OK;
    source->has_reader = false;
    pthread_cond_destroy(&source->changed);
    pthread_mutex_destroy(&source->lock);
    return vg_fail(error, VG_ENOMEM, "no thread could be started to read %s", source->options.name);
}

vg_status vg_frame_source_open(vg_frame_source **source, const vg_frame_source_options *options,
                               vg_error *error)
{
    *source = NULL;
    vg_frame_source *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->options = *options;
    opened->cutter = (vg_frame_cutter){.kind = options->kind, .limit = options->limit};
    vg_status status = options->drop ? start_reader(opened, error) : VG_OK;
    if (status != VG_OK) vg_frame_source_close(&opened);
    *source = opened;
    return status;
}

void vg_frame_source_close(vg_frame_source **source)
{
    vg_frame_source *closed = *source;
    if (closed == NULL) return;
    if (closed->has_reader) {
        pthread_mutex_lock(&closed->lock);
        closed->stop = true;
        pthread_mutex_unlock(&closed->lock);
        pthread_join(closed->reader, NULL);
        pthread_cond_destroy(&closed->changed);
        pthread_mutex_destroy(&closed->lock);
    }
    vg_frame_cutter_close(&closed->cutter);
    free(closed->current.bytes);
    free(closed->waiting.bytes);
    free(closed);
    *source = NULL;
}

vg_status vg_frame_source_next(vg_frame_source *source, vg_frame *frame, bool *found,
                               vg_error *error)
{
    if (source->has_reader) return take_newest(source, frame, found, error);
    vg_status status = cut_next(source, frame, found, error);
    source->skipped = source->cutter.skipped;
    return status;
}

/* A number that the reader counts. */
static uint64_t read_count(vg_frame_source *source, const uint64_t *count)
{
    if (!source->has_reader) return *count;
    pthread_mutex_lock(&source->lock);
    uint64_t read = *count;
    pthread_mutex_unlock(&source->lock);
    return read;
}

uint64_t vg_frame_source_dropped(vg_frame_source *source)
{
    return read_count(source, &source->dropped);
}

uint64_t vg_frame_source_skipped(vg_frame_source *source)
{
    return read_count(source, &source->skipped);
}
