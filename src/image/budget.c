#include "image/budget.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/condition.h"
#include "base/contract.h"
#include "base/error.h"

enum { WAIT_MILLISECONDS = 50 }; /* between two questions whether to stop */

struct vg_budget {
    pthread_mutex_t lock;
    pthread_cond_t given;
    uint64_t total, taken;
};

vg_status vg_budget_open(vg_budget **budget, uint64_t bytes, vg_error *error)
{
    if (budget == NULL) return vg_fail_null(error, "vg_budget_open", "budget's place");
    *budget = NULL;
    vg_budget *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->total = bytes;
    if (pthread_mutex_init(&opened->lock, NULL) != 0) goto no_lock;
    if (vg_condition_init(&opened->given) != 0) goto no_condition;
    *budget = opened;
    return VG_OK;

no_condition:
    pthread_mutex_destroy(&opened->lock);
no_lock:
    free(opened);
    return vg_fail(error, VG_ENOMEM, "no lock could be made for the memory of images");
}

void vg_budget_close(vg_budget **budget)
{
    if (budget == NULL || *budget == NULL) return;
    assert((*budget)->taken == 0);
    pthread_cond_destroy(&(*budget)->given);
    pthread_mutex_destroy(&(*budget)->lock);
    free(*budget);
    *budget = NULL;
}

static int is_cancelled(const vg_image_options *options)
{
    return options->is_cancelled != NULL && options->is_cancelled(options->cancel_context);
}

vg_status vg_budget_take(vg_budget *budget, uint64_t bytes, const vg_image_options *options,
                         vg_error *error)
{
    int is_given_up = 0;
    pthread_mutex_lock(&budget->lock);
    while (budget->taken > 0 &&
           (budget->taken >= budget->total || bytes > budget->total - budget->taken)) {
        is_given_up = is_cancelled(options);
        if (is_given_up) break;
        struct timespec until = vg_deadline(WAIT_MILLISECONDS);
        pthread_cond_timedwait(&budget->given, &budget->lock, &until);
    }
    if (!is_given_up) budget->taken += bytes;
    pthread_mutex_unlock(&budget->lock);
    if (!is_given_up) return VG_OK;
    return vg_fail(error, VG_ECANCELLED, "the image was given up: the work is to stop");
}

void vg_budget_give(vg_budget *budget, uint64_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    assert(budget->taken >= bytes);
    budget->taken -= bytes;
    pthread_cond_broadcast(&budget->given);
    pthread_mutex_unlock(&budget->lock);
}
