#include "history/lock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/error.h"
#include "base/observer.h"
#include "output/layout.h"

/* On a bucket, and where a file system has no locks. Whoever wants the lock writes its name, waits
 * for longer than a write takes, and has it if its name is still there: M. Fischer's algorithm, in
 * L. Lamport, "A fast mutual exclusion algorithm", ACM TOCS 5(1), 1987, section 2. */
enum {
    SETTLE_MILLISECONDS = 1500, /* longer than two writers can be apart and not see it */
    BEAT_MILLISECONDS = 5000,
    DEAD_MILLISECONDS = 30000, /* without a beat */
    LOOK_MILLISECONDS = 500,
    MAX_LEASE_BYTES = 512
};

static const char lock_file[] = VG_STATE_ROOT "/lock";

/* What the object says. */
typedef struct lease {
    char text[MAX_LEASE_BYTES];
} lease;

struct vg_lock {
    vg_store *store;
    vg_store_lock *local; /* NULL where there is a lease */
    char owner[VG_UUID_CHARS], holder[256], host[64];
    unsigned long beats;

    pthread_t thread; /* writes the beats */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool has_mutex, is_running, stop, is_lost; /* the last two under the mutex */
};

static void pause_milliseconds(long milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = milliseconds % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

/* --- The lease ------------------------------------------------------------------------ */

static vg_status write_lease(vg_lock *lock, vg_error *error)
{
    char text[MAX_LEASE_BYTES];
    int size = snprintf(text, sizeof text, "%s %s %ld %lu %s", lock->owner, lock->host,
                        (long)getpid(), lock->beats++, lock->holder);
    return vg_store_write(lock->store, lock_file, text, (size_t)size, error);
}

/* An empty text where nobody has the lock. */
static vg_status read_lease(const vg_lock *lock, lease *found, vg_error *error)
{
    vg_bytes content = {0};
    found->text[0] = '\0';
    vg_status status = vg_store_read(lock->store, lock_file, VG_SIZE_UNKNOWN, MAX_LEASE_BYTES - 1,
                                     &content, error);
    if (status == VG_OK) {
        memcpy(found->text, content.bytes, content.size);
        found->text[content.size] = '\0';
    }
    free(content.bytes);
    /* Longer than any lease: nobody's, and who waits sees that nobody writes it again. */
    if (status == VG_ELIMIT) snprintf(found->text, sizeof found->text, "damaged");
    return status == VG_ENOTFOUND || status == VG_ELIMIT ? VG_OK : status;
}

static bool is_own(const vg_lock *lock, const lease *found)
{
    return strncmp(found->text, lock->owner, strlen(lock->owner)) == 0;
}

/* A process of this machine that is no more needs no waiting for. */
static bool is_of_dead_process(const vg_lock *lock, const lease *found)
{
    char owner[VG_UUID_CHARS], host[sizeof lock->host];
    long process;
    if (sscanf(found->text, "%36s %63s %ld", owner, host, &process) != 3) return false;
    return strcmp(host, lock->host) == 0 && process > 0 && kill((pid_t)process, 0) != 0 &&
           errno == ESRCH;
}

static const char *holder_of(const lease *found)
{
    const char *text = found->text;
    for (int words = 0; words < 4 && text != NULL; words++) {
        text = strchr(text, ' ');
        if (text != NULL) text++;
    }
    return text != NULL ? text : "another run";
}

/* Waits until the lease changes, which shows that its holder lives, or has not for long
 * enough. No clock of another machine is asked. */
static vg_status await_beat(const vg_lock *lock, lease *found, const atomic_bool *cancel,
                            bool *lives, vg_error *error)
{
    double start = vg_seconds();
    *lives = false;
    while (!is_of_dead_process(lock, found) && (vg_seconds() - start) * 1000 < DEAD_MILLISECONDS) {
        lease now;
        vg_status status = vg_check_cancel(cancel, error);
        if (status == VG_OK) status = read_lease(lock, &now, error);
        if (status != VG_OK) return status;
        *lives = now.text[0] != '\0' && strcmp(now.text, found->text) != 0;
        if (*lives || now.text[0] == '\0') return VG_OK;
        pause_milliseconds(LOOK_MILLISECONDS);
    }
    return VG_OK;
}

static vg_status refuse(const char *holder, const vg_lock *lock, vg_error *error)
{
    return vg_fail(error, VG_EEXIST,
                   "another run is writing to %s: %s; wait for its end, or give another output",
                   vg_store_address(lock->store), holder);
}

static vg_status take_lease(vg_lock *lock, const atomic_bool *cancel, vg_error *error)
{
    lease found;
    bool lives = false;
    vg_status status = read_lease(lock, &found, error);
    if (status == VG_OK && found.text[0] != '\0')
        status = await_beat(lock, &found, cancel, &lives, error);
    if (status == VG_OK && lives) return refuse(holder_of(&found), lock, error);
    if (status == VG_OK) status = write_lease(lock, error);
    if (status != VG_OK) return status;
    pause_milliseconds(SETTLE_MILLISECONDS);
    status = read_lease(lock, &found, error);
    if (status == VG_OK && !is_own(lock, &found)) status = refuse(holder_of(&found), lock, error);
    return status;
}

/* --- Beats ---------------------------------------------------------------------------- */

/* Under the mutex; false where it is time to stop. */
static bool wait_for_beat(vg_lock *lock)
{
    struct timespec until = vg_deadline(BEAT_MILLISECONDS);
    while (!lock->stop)
        if (pthread_cond_timedwait(&lock->wake, &lock->mutex, &until) == ETIMEDOUT) return true;
    return false;
}

/* A store that fails for a while is no reason to give up: the run itself notices. */
static void *beat(void *argument)
{
    vg_lock *lock = argument;
    pthread_mutex_lock(&lock->mutex);
    while (wait_for_beat(lock)) {
        pthread_mutex_unlock(&lock->mutex);
        lease found;
        bool is_lost = read_lease(lock, &found, NULL) == VG_OK && !is_own(lock, &found);
        if (!is_lost) write_lease(lock, NULL);
        pthread_mutex_lock(&lock->mutex);
        lock->is_lost = is_lost;
        if (is_lost) break;
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

static vg_status start_beats(vg_lock *lock, vg_error *error)
{
    int failed = pthread_mutex_init(&lock->mutex, NULL) || vg_condition_init(&lock->wake);
    lock->has_mutex = failed == 0;
    if (failed == 0) failed = pthread_create(&lock->thread, NULL, beat, lock);
    lock->is_running = failed == 0;
    if (failed == 0) return VG_OK;
    return vg_fail(error, VG_ENOMEM, "no thread could be started for the lock");
}

static void stop_beats(vg_lock *lock)
{
    if (lock->is_running) {
        pthread_mutex_lock(&lock->mutex);
        lock->stop = true;
        pthread_cond_signal(&lock->wake);
        pthread_mutex_unlock(&lock->mutex);
        pthread_join(lock->thread, NULL);
    }
    if (lock->has_mutex) {
        pthread_cond_destroy(&lock->wake);
        pthread_mutex_destroy(&lock->mutex);
    }
}

/* --- Both kinds ------------------------------------------------------------------------- */

static vg_status take_local(vg_lock *lock, const vg_observer *observer, vg_error *error)
{
    vg_error reason = {""};
    vg_status status =
        vg_store_lock_open(&lock->local, lock->store, lock_file, lock->holder, &reason);
    if (status == VG_EEXIST) return refuse(reason.message, lock, error);
    if (status == VG_EUNSUPPORTED && !vg_store_is_atomic(lock->store))
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%s: a lease is kept in its place, which holds others up for %d seconds "
                      "where a run of another machine died",
                      reason.message, DEAD_MILLISECONDS / 1000);
    if (status == VG_OK || status == VG_EUNSUPPORTED) return status;
    return vg_fail(error, status, "%s", reason.message);
}

vg_status vg_lock_open(vg_lock **lock, vg_store *store, const char *timestamp,
                       const vg_observer *observer, const atomic_bool *cancel, vg_error *error)
{
    vg_lock *opened = *lock = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->store = store;
    if (gethostname(opened->host, sizeof opened->host - 1) != 0 || opened->host[0] == '\0')
        snprintf(opened->host, sizeof opened->host, "unknown");
    snprintf(opened->holder, sizeof opened->holder, "the run %s, process %ld on %s", timestamp,
             (long)getpid(), opened->host);
    vg_status status = vg_layout_uuid(opened->owner, error);
    if (status == VG_OK) status = take_local(opened, observer, error);
    if (status == VG_EUNSUPPORTED) {
        status = take_lease(opened, cancel, error);
        if (status == VG_OK) status = start_beats(opened, error);
    }
    if (status != VG_OK) vg_lock_close(lock);
    return status;
}

void vg_lock_close(vg_lock **lock)
{
    vg_lock *closed = *lock;
    if (closed == NULL) return;
    stop_beats(closed);
    if (closed->is_running && !closed->is_lost)
        vg_store_delete_file(closed->store, lock_file, NULL);
    vg_store_lock_close(&closed->local);
    free(closed);
    *lock = NULL;
}

vg_status vg_lock_check(vg_lock *lock, vg_error *error)
{
    bool is_lost = false;
    if (lock->is_running) {
        pthread_mutex_lock(&lock->mutex);
        is_lost = lock->is_lost;
        pthread_mutex_unlock(&lock->mutex);
    }
    if (!is_lost) return VG_OK;
    return vg_fail(error, VG_EEXIST,
                   "another run has taken over %s, for this one did not answer: it ends",
                   vg_store_address(lock->store));
}
