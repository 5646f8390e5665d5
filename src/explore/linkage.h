/* Complete linkage of rows that are near: groups of which every two rows are near each other, so
 * that no group is a chain. */
#ifndef VG_EXPLORE_LINKAGE_H
#define VG_EXPLORE_LINKAGE_H

#include <stddef.h>
#include <stdint.h>

#include "verger/verger.h"

typedef struct vg_near_pair {
    uint32_t first, second; /* first < second */
    float distance;
} vg_near_pair;

/* Two groups become one: the lowest row of each, first < second, and the largest distance
 * between two rows of the new group. */
typedef struct vg_merge {
    uint32_t first, second;
    float diameter;
} vg_merge;

typedef struct vg_linkage {
    size_t rows;
    vg_merge *merges; /* by diameter; those up to a limit make the groups of that limit */
    size_t count;
} vg_linkage;

/* Links `rows` rows by pairs [n], which are sorted here; a pair may come twice. Pairs that are
 * not among them count as further than all. same_as [rows] is the lowest row of the same content,
 * which is at distance 0 and has the pairs of all its copies; NULL where none is known. */
vg_status vg_linkage_make(vg_linkage *linkage, vg_near_pair *pairs, size_t n, size_t rows,
                          const uint32_t *same_as, vg_error *error);
void vg_linkage_free(vg_linkage *linkage);

/* group_of [rows] of merges up to `limit`: from 1 on, the smallest diameter first, then the
 * lowest row; 0 for rows that are alone. diameter_of [rows] is that of the group. */
vg_status vg_linkage_cut(const vg_linkage *linkage, double limit, uint32_t *group_of,
                         float *diameter_of, vg_error *error);

#endif
