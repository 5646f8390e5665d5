/* Teams: every part runs once a call, and none leaves a meeting early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/team.h"

enum { MEETINGS = 10, CALLS = 30, LARGEST = 5 };

/* Each part writes its place without a lock; all others read it after the meeting. */
typedef struct board {
    vg_team *team;
    int places[LARGEST];
    int faults[LARGEST];
} board;

static void take_turns(void *argument, int part)
{
    board *shared = argument;
    int size = vg_team_size(shared->team);
    for (int meeting = 1; meeting <= MEETINGS; meeting++) {
        shared->places[part]++;
        vg_team_meet(shared->team);
        for (int i = 0; i < size; i++)
            shared->faults[part] += shared->places[i] != shared->places[part];
        vg_team_meet(shared->team);
    }
}

static void every_part_runs_and_meets(void **state)
{
    (void)state;
    for (int size = 1; size <= LARGEST; size++) {
        board shared = {0};
        assert_int_equal(vg_team_open(&shared.team, size, NULL), VG_OK);
        for (int call = 1; call <= CALLS; call++) {
            vg_team_run(shared.team, take_turns, &shared);
            for (int part = 0; part < size; part++) {
                assert_int_equal(shared.places[part], call * MEETINGS);
                assert_int_equal(shared.faults[part], 0);
            }
        }
        vg_team_close(&shared.team);
        assert_null(shared.team);
    }
}

static void a_team_that_is_never_called_closes(void **state)
{
    (void)state;
    vg_team *team = NULL;
    assert_int_equal(vg_team_open(&team, 3, NULL), VG_OK);
    vg_team_close(&team);
    vg_team_close(&team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_runs_and_meets),
        cmocka_unit_test(a_team_that_is_never_called_closes),
    };
    return cmocka_run_group_tests_name("team", tests, NULL, NULL);
}
