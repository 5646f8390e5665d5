/* Lists of neighbours on their way to a table: what a call keeps of them in the output, and what it
 * takes from others, from one that was broken off or from the shares of several machines. */
#ifndef VG_EXPLORE_KEPT_LISTS_H
#define VG_EXPLORE_KEPT_LISTS_H

#include "explore/neighbours_state.h"

enum { VG_KEPT_FACTS = 8 };

typedef struct vg_kept_lists {
    vg_store *output;             /* the caller's, */
    const char *timestamp;        /* as this and */
    vg_fact facts[VG_KEPT_FACTS]; /* what these point at: what was asked, of which rows */
    size_t fact_count, rows, k;
    char name[VG_NEIGHBOURS_NAME_CHARS]; /* of what this call keeps */
    vg_neighbours_checkpoint *items;     /* [count], taken from others */
    size_t count;
} vg_kept_lists;

/* Of the facts of a table those that tell whether lists are the same: where the rows lay does
 * not. */
void vg_kept_lists_open(vg_kept_lists *kept, vg_store *output, const char *timestamp,
                        const vg_fact *facts, size_t fact_count, size_t rows, size_t k);
void vg_kept_lists_close(vg_kept_lists *kept);

/* What this call keeps is a share, and not a checkpoint; true where it is there already. */
bool vg_kept_lists_be_share(vg_kept_lists *kept, size_t share, size_t shares);

/* The checkpoint of a call that was broken off. */
vg_status vg_kept_lists_resume(vg_kept_lists *kept, vg_error *error);
/* All shares. */
vg_status vg_kept_lists_gather(vg_kept_lists *kept, size_t shares, vg_error *error);

/* Is the `save` of vg_graph_choices, with these lists as its context. */
vg_status vg_kept_lists_save(void *kept, const int32_t *lists, size_t done, vg_error *error);

/* Deletes the checkpoint and so many shares: the table is there. */
vg_status vg_kept_lists_delete(const vg_kept_lists *kept, size_t shares, vg_error *error);

#endif
