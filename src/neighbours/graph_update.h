/* vg_neighbours of rows most of which had their lists already. */
#ifndef VG_NEIGHBOURS_GRAPH_UPDATE_H
#define VG_NEIGHBOURS_GRAPH_UPDATE_H

#include "verger/verger.h"

/* The bits of vg_neighbours. On entry indices [n][k] have, of each row that is not new, its k
 * nearest among the rows that are not, in any order; or -1 in the first place where they are
 * not known. What new rows have there counts for nothing. is_new [n]. 1 <= k < n, of the options
 * 1 thread or more. */
vg_status vg_graph_update(const float *rows, size_t n, int dims, int k,
                          const vg_neighbours_options *options, const unsigned char *is_new,
                          int64_t *indices, double *distances, vg_error *error);

#endif
