/* Which images are copies of which, to the byte: by the digests that the run kept. */
#ifndef VG_EXPLORE_CONTENT_COPIES_H
#define VG_EXPLORE_CONTENT_COPIES_H

#include "explore/row_table.h"

/* first_of [rows]: the first row of the same content, often the row itself. `known` counts rows
 * whose digest is there: none where no run of this program made the table, or where its images
 * have no relative_path. */
vg_status vg_content_copies_find(uint32_t *first_of, uint64_t *known, const vg_row_table *table,
                                 vg_store *output, const atomic_bool *cancel, vg_error *error);

#endif
