/* The table that 'verger neighbours' writes, for the rows of another table. */
#ifndef VG_EXPLORE_NEIGHBOUR_LISTS_H
#define VG_EXPLORE_NEIGHBOUR_LISTS_H

#include "explore/row_table.h"

typedef struct vg_neighbour_lists {
    int k;
    int32_t *rows;    /* [count][k], the nearest first; -1 past a row's last */
    float *distances; /* [count][k] */
} vg_neighbour_lists;

/* Reads the newest complete table of neighbours of `output`. VG_ENOTFOUND where there is none.
 * Rows and neighbours that `rows` does not have are left out, with a warning. */
vg_status vg_neighbour_lists_read(vg_neighbour_lists *lists, const vg_row_table *rows,
                                  vg_store *output, const atomic_bool *cancel,
                                  const vg_observer *observer, vg_error *error);
void vg_neighbour_lists_free(vg_neighbour_lists *lists);

#endif
