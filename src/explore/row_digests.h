/* Digests of rows, by which it is known which of them are the same without reading both. */
#ifndef VG_EXPLORE_ROW_DIGESTS_H
#define VG_EXPLORE_ROW_DIGESTS_H

#include "explore/row_table.h"

/* SHA-256 of each row's numbers as they are now, on threads: [rows][VG_SHA256_BYTES], to be freed
 * with free(). */
vg_status vg_row_digests_find(unsigned char **digests, const vg_row_table *table, int threads,
                              vg_error *error);

/* Of all rows: their paths, labels and digests. */
vg_status vg_row_digests_sum(const unsigned char *digests, const vg_row_table *table,
                             char hex[VG_SHA256_CHARS], vg_error *error);

#endif
