#include "base/ahead.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* The outcome of an item. */
typedef struct place {
    void *result;
    vg_status status;
    vg_error error;
    bool is_done; /* and not taken yet */
} place;

typedef struct helper {
    struct vg_ahead *ahead;
    pthread_t thread;
    int number;
} helper;

/* Item i is in place i % place_count. Those before `released` are over with, those before `next`
 * begun. */
struct vg_ahead {
    vg_ahead_options options;
    place *places;
    char *results;
    size_t place_count;
    helper *helpers;
    int running, opened_locks;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t has_room, has_outcome;
    uint64_t next, taken, released;
    bool stop;
};

/* --- The threads ------------------------------------------------------------------ */

/* False where there is nothing left. */
static bool wait_for_room(vg_ahead *ahead, uint64_t *item)
{
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->stop && ahead->next < ahead->options.items &&
           ahead->next == ahead->released + ahead->place_count)
        pthread_cond_wait(&ahead->has_room, &ahead->lock);
    bool is_there = !ahead->stop && ahead->next < ahead->options.items;
    if (is_there) *item = ahead->next++;
    pthread_mutex_unlock(&ahead->lock);
    return is_there;
}

static void *do_items(void *argument)
{
    helper *self = argument;
    vg_ahead *ahead = self->ahead;
    uint64_t item;
    while (wait_for_room(ahead, &item)) {
        place *to = &ahead->places[item % ahead->place_count];
        to->error.message[0] = '\0';
        to->status =
            ahead->options.task(ahead->options.context, self->number, item, to->result, &to->error);
        pthread_mutex_lock(&ahead->lock);
        to->is_done = true;
        pthread_cond_broadcast(&ahead->has_outcome);
        pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

/* --- Opening and closing ------------------------------------------------------------ */

static vg_status allocate(vg_ahead *ahead, vg_error *error)
{
    enum { ALIGNMENT = sizeof(max_align_t) };
    size_t size = (ahead->options.result_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ahead->places = calloc(ahead->place_count, sizeof *ahead->places);
    ahead->results = calloc(ahead->place_count, size);
    ahead->helpers = calloc((size_t)ahead->options.threads, sizeof *ahead->helpers);
    if (ahead->places == NULL || ahead->results == NULL || ahead->helpers == NULL)
        return vg_fail_memory(error, ahead->place_count * size);
    for (size_t i = 0; i < ahead->place_count; i++)
        ahead->places[i].result = ahead->results + i * size;
    return VG_OK;
}

static vg_status open_locks(vg_ahead *ahead, vg_error *error)
{
    int failed = pthread_mutex_init(&ahead->lock, NULL);
    if (failed == 0) ahead->opened_locks++;
    if (failed == 0) failed = pthread_cond_init(&ahead->has_room, NULL);
    if (failed == 0) ahead->opened_locks++;
    if (failed == 0) failed = pthread_cond_init(&ahead->has_outcome, NULL);
    if (failed == 0) ahead->opened_locks++;
    return failed == 0 ? VG_OK : vg_fail(error, VG_ENOMEM, "no lock: %s", strerror(failed));
}

static vg_status start_threads(vg_ahead *ahead, vg_error *error)
{
    for (int i = 0; i < ahead->options.threads; i++) {
        helper *started = &ahead->helpers[i];
        *started = (helper){.ahead = ahead, .number = i};
        int failed = pthread_create(&started->thread, NULL, do_items, started);
        if (failed != 0)
            return vg_fail(error, VG_ENOMEM, "no thread can be started: %s", strerror(failed));
        ahead->running++;
    }
    return VG_OK;
}

vg_status vg_ahead_open(vg_ahead **ahead, const vg_ahead_options *options, vg_error *error)
{
    assert(options->threads > 0 && options->result_size > 0);
    vg_ahead *opened = *ahead = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->options = *options;
    if ((uint64_t)options->threads > options->items) opened->options.threads = (int)options->items;
    opened->place_count = (size_t)opened->options.threads + 2;
    vg_status status = allocate(opened, error);
    if (status == VG_OK) status = open_locks(opened, error);
    if (status == VG_OK) status = start_threads(opened, error);
    if (status != VG_OK) vg_ahead_close(ahead);
    return status;
}

static void stop_threads(vg_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    ahead->stop = true;
    pthread_cond_broadcast(&ahead->has_room);
    pthread_mutex_unlock(&ahead->lock);
    for (int i = 0; i < ahead->running; i++) pthread_join(ahead->helpers[i].thread, NULL);
    ahead->running = 0;
}

void vg_ahead_close(vg_ahead **ahead)
{
    vg_ahead *closed = *ahead;
    if (closed == NULL) return;
    if (closed->running > 0) stop_threads(closed);
    for (size_t i = 0; closed->options.free_result != NULL && i < closed->place_count; i++)
        if (closed->places != NULL && closed->places[i].result != NULL)
            closed->options.free_result(closed->places[i].result);
    if (closed->opened_locks > 2) pthread_cond_destroy(&closed->has_outcome);
    if (closed->opened_locks > 1) pthread_cond_destroy(&closed->has_room);
    if (closed->opened_locks > 0) pthread_mutex_destroy(&closed->lock);
    free(closed->helpers);
    free(closed->results);
    free(closed->places);
    free(closed);
    *ahead = NULL;
}

vg_status vg_ahead_next(vg_ahead *ahead, void **result, vg_error *error)
{
    assert(ahead->taken < ahead->options.items);
    pthread_mutex_lock(&ahead->lock);
    ahead->released = ahead->taken;
    pthread_cond_broadcast(&ahead->has_room);
    place *next = &ahead->places[ahead->taken++ % ahead->place_count];
    while (!next->is_done) pthread_cond_wait(&ahead->has_outcome, &ahead->lock);
    next->is_done = false;
    pthread_mutex_unlock(&ahead->lock);
    *result = next->result;
    if (next->status != VG_OK && error != NULL) *error = next->error;
    return next->status;
}
