/* Threads that work on one thing together, for as short a time as may be: they wait for
 * one another by looking, not by sleeping, and sleep only between calls. */
#ifndef VG_BASE_TEAM_H
#define VG_BASE_TEAM_H

#include "verger/verger.h"

typedef struct vg_team vg_team;

/* Part `part` of the work, 0 <= part < the team's size. */
typedef void vg_team_work(void *argument, int part);

/* A team of `size` threads, the caller of vg_team_run among them; at least 1. */
vg_status vg_team_open(vg_team **team, int size, vg_error *error);
void vg_team_close(vg_team **team);

int vg_team_size(const vg_team *team);

/* Runs all parts at once, part 0 in the calling thread, and returns when all are done. */
void vg_team_run(vg_team *team, vg_team_work *work, void *argument);

/* Called by all parts from within their work: none returns before all have called. */
void vg_team_meet(vg_team *team);

#endif
