#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

/* Looks before a thread gives its CPU away, and before it sleeps between calls: about 20
 * and 200 microseconds. A meeting takes less than one where every thread has a CPU. */
enum { LOOKS_BEFORE_YIELDING = 1 << 9, LOOKS_BEFORE_SLEEPING = 1 << 12 };

struct vg_team {
    int size;
    atomic_int met;      /* threads in the meeting that is on */
    atomic_uint meeting; /* counts those that ended */
    atomic_uint calls;   /* of vg_team_run, and one that closes */
    pthread_mutex_t lock;
    pthread_cond_t called; /* for those that sleep */
    vg_team_work *work;
    void *argument;
    atomic_bool is_closing;
    int started;
    struct member {
        vg_team *team;
        int part;
        pthread_t thread;
    } * members; /* [size], the first is the caller */
};

/* --- Waiting ------------------------------------------------------------ */

static void look_again(int *looks)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
    if (++*looks > LOOKS_BEFORE_YIELDING) sched_yield();
}

void vg_team_meet(vg_team *team)
{
    if (team->size == 1) return;
    unsigned meeting = atomic_load_explicit(&team->meeting, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->met, 1, memory_order_acq_rel) == team->size - 1) {
        atomic_store_explicit(&team->met, 0, memory_order_relaxed);
        atomic_store_explicit(&team->meeting, meeting + 1, memory_order_release);
        return;
    }
    int looks = 0;
    while (atomic_load_explicit(&team->meeting, memory_order_acquire) == meeting)
        look_again(&looks);
}

/* Returns when there is a call after `call`, or when the team closes. */
static void wait_for_call(vg_team *team, unsigned call)
{
    for (int looks = 0; looks < LOOKS_BEFORE_SLEEPING;) {
        if (atomic_load(&team->calls) != call) return;
        look_again(&looks);
    }
    pthread_mutex_lock(&team->lock);
    while (atomic_load(&team->calls) == call) pthread_cond_wait(&team->called, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

static void call_all(vg_team *team)
{
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->calls, 1);
    pthread_cond_broadcast(&team->called);
    pthread_mutex_unlock(&team->lock);
}

/* --- Threads ------------------------------------------------------------ */

static void *run_member(void *argument)
{
    const struct member *member = argument;
    vg_team *team = member->team;
    for (unsigned call = 0;; call++) {
        wait_for_call(team, call);
        if (atomic_load(&team->is_closing)) return NULL;
        team->work(team->argument, member->part);
        vg_team_meet(team);
    }
}

vg_status vg_team_open(vg_team **team, int size, vg_error *error)
{
    *team = NULL;
    vg_team *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->size = size;
    if (pthread_mutex_init(&opened->lock, NULL) != 0) {
        free(opened);
        return vg_fail(error, VG_ENOMEM, "no lock could be made for the threads");
    }
    if (pthread_cond_init(&opened->called, NULL) != 0) {
        pthread_mutex_destroy(&opened->lock);
        free(opened);
        return vg_fail(error, VG_ENOMEM, "no condition could be made for the threads");
    }
    vg_status status = VG_OK;
    opened->members = calloc((size_t)size, sizeof *opened->members);
    if (opened->members == NULL) status = vg_fail_memory(error, (size_t)size);
    for (int part = 1; status == VG_OK && part < size; part++) {
        struct member *member = &opened->members[part];
        *member = (struct member){.team = opened, .part = part};
        if (pthread_create(&member->thread, NULL, run_member, member) != 0)
            status = vg_fail(error, VG_ENOMEM, "cannot start %d threads: ask for fewer", size);
        else
            opened->started++;
    }
    if (status != VG_OK) {
        vg_team_close(&opened);
        return status;
    }
    *team = opened;
    return VG_OK;
}

void vg_team_close(vg_team **team)
{
    if (*team == NULL) return;
    atomic_store(&(*team)->is_closing, true);
    call_all(*team);
    for (int part = 1; part <= (*team)->started; part++)
        pthread_join((*team)->members[part].thread, NULL);
    pthread_cond_destroy(&(*team)->called);
    pthread_mutex_destroy(&(*team)->lock);
    free((*team)->members);
    free(*team);
    *team = NULL;
}

int vg_team_size(const vg_team *team)
{
    return team->size;
}

void vg_team_run(vg_team *team, vg_team_work *work, void *argument)
{
    team->work = work;
    team->argument = argument;
    if (team->size > 1) call_all(team);
    work(argument, 0);
    vg_team_meet(team);
}
