/* Work in shares, on as many threads of a team as it is worth waking. */
#ifndef VG_NEIGHBOURS_SHARES_H
#define VG_NEIGHBOURS_SHARES_H

#include "base/team.h"

/* Multiply-adds that are done before another thread is awake. */
static const double vg_few_products = 4e6;

/* Shares that work of so many multiply-adds is cut into: the team's threads, or 1. */
static inline int vg_share_count(const vg_team *team, double products)
{
    return products < vg_few_products ? 1 : vg_team_size(team);
}

/* `shares` of vg_share_count; `work` is told the number of each. */
static inline void vg_run_shares(vg_team *team, int shares, vg_team_work *work, void *argument)
{
    if (shares == 1)
        work(argument, 0);
    else
        vg_team_run(team, work, argument);
}

#endif
