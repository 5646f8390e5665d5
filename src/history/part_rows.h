/* What the files of a part are made of besides features, as a digest: where that of two parts is
 * the same, and features are, so are the bytes of their tables. */
#ifndef VG_HISTORY_PART_ROWS_H
#define VG_HISTORY_PART_ROWS_H

#include "history/run_options.h"
#include "io/io.h"
#include "selection/image_list.h"

typedef struct vg_part_rows vg_part_rows;

/* Of a run with these options; `facts` go into its files. */
vg_status vg_part_rows_open(vg_part_rows **rows, const char *input, const vg_run_options *options,
                            const vg_fact *facts, size_t fact_count, vg_error *error);
void vg_part_rows_close(vg_part_rows **rows);

/* The next image of a part, in order: its path and all that tables say of it. */
vg_status vg_part_rows_add(vg_part_rows *rows, const vg_listed_image *image, vg_error *error);
/* The digest of the part; the next image is another's. */
vg_status vg_part_rows_take(vg_part_rows *rows, char sha256[VG_SHA256_CHARS], vg_error *error);

#endif
