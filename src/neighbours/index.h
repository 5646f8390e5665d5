/* vg_index_search for callers that compare what they find with more. */
#ifndef VG_NEIGHBOURS_INDEX_H
#define VG_NEIGHBOURS_INDEX_H

#include "verger/verger.h"

/* The same with keys [n][k] in the place of distances. */
vg_status vg_index_search_keys(vg_index *index, size_t n, const float *queries, int k,
                               const unsigned char *allowed, int64_t *indices, double *keys,
                               vg_error *error);

#endif
