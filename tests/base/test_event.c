/* Events: nothing that one thread brings and tells of stays unseen by another. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/event.h"

enum { THINGS = 20000, TAKERS = 3 };

typedef struct belt {
    vg_event brought, taken;
    atomic_int there; /* things nobody has taken */
    atomic_int left;  /* to be taken */
} belt;

static bool take(belt *shared)
{
    int count = atomic_load(&shared->there);
    while (count > 0 && !atomic_compare_exchange_weak(&shared->there, &count, count - 1)) {
    }
    return count > 0;
}

static void *take_all(void *argument)
{
    belt *shared = argument;
    while (atomic_load(&shared->left) > 0) {
        unsigned seen = vg_event_changes(&shared->brought);
        if (take(shared)) {
            if (atomic_fetch_sub(&shared->left, 1) == 1) vg_event_tell_all(&shared->brought);
            vg_event_tell(&shared->taken);
        } else if (atomic_load(&shared->left) > 0) {
            vg_event_wait(&shared->brought, seen);
        }
    }
    return NULL;
}

/* The belt holds one thing, so that each side waits for the other, time and again. A
 * change that is lost makes the test hang. */
static void every_change_is_seen(void **state)
{
    (void)state;
    belt shared = {.left = THINGS};
    pthread_t takers[TAKERS];
    assert_int_equal(vg_event_open(&shared.brought, NULL), VG_OK);
    assert_int_equal(vg_event_open(&shared.taken, NULL), VG_OK);
    for (int i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&takers[i], NULL, take_all, &shared), 0);
    for (int i = 0; i < THINGS;) {
        unsigned seen = vg_event_changes(&shared.taken);
        if (atomic_load(&shared.there) > 0) {
            vg_event_wait(&shared.taken, seen);
            continue;
        }
        atomic_fetch_add(&shared.there, 1);
        vg_event_tell(&shared.brought);
        i++;
    }
    for (int i = 0; i < TAKERS; i++) pthread_join(takers[i], NULL);
    assert_int_equal(atomic_load(&shared.there), 0);
    assert_int_equal(atomic_load(&shared.left), 0);
    vg_event_close(&shared.brought);
    vg_event_close(&shared.taken);
}

static void waiting_ends_with_its_time(void **state)
{
    (void)state;
    vg_event event;
    assert_int_equal(vg_event_open(&event, NULL), VG_OK);
    unsigned seen = vg_event_changes(&event);
    vg_event_wait_for(&event, seen, 1);
    assert_int_equal(vg_event_changes(&event), seen);
    vg_event_tell(&event);
    vg_event_wait(&event, seen);
    vg_event_close(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(waiting_ends_with_its_time),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
