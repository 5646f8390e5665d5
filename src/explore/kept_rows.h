/* What the run that made a table keeps of its images beside features. */
#ifndef VG_EXPLORE_KEPT_ROWS_H
#define VG_EXPLORE_KEPT_ROWS_H

#include "explore/row_table.h"
#include "history/part_images.h"

/* Called for a row that the run knows, in the order of the run's images; each once, unless two
 * of them have one name. */
typedef vg_status vg_kept_row_visitor(void *context, uint32_t row, const vg_kept_image *image,
                                      vg_error *error);

/* No row is visited where no run of this program made the table, or where its images have no
 * relative_path. */
vg_status vg_kept_rows_visit(const vg_row_table *table, vg_store *output, const atomic_bool *cancel,
                             vg_kept_row_visitor *visitor, void *context, vg_error *error);

#endif
