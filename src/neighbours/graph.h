/* vg_neighbours with a choice that its callers need not make. */
#ifndef VG_NEIGHBOURS_GRAPH_H
#define VG_NEIGHBOURS_GRAPH_H

#include "verger/verger.h"

/* Components of the sketches: so many, or as many as pay. */
enum { VG_GRAPH_CHOOSE = -1 };

vg_status vg_graph_find(const float *rows, size_t n, int dims, int k,
                        const vg_neighbours_options *options, int components, int64_t *indices,
                        double *distances, vg_error *error);

#endif
