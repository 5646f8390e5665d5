/* The rows that a page shows: an image each, out of a PCA table. */
#ifndef VG_REPORT_PAGE_ROWS_H
#define VG_REPORT_PAGE_ROWS_H

#include "base/observer.h"
#include "io/io.h"
#include "output/paths.h"

enum { VG_PAGE_AXES = 10 }; /* components that the map can be drawn by */

typedef struct vg_page_rows {
    size_t count;
    vg_paths paths;      /* [count] */
    const char **labels; /* [count], each text once for images that follow one another */
    float *axes;         /* [count][axis_count], the first components */
    size_t axis_count;
    vg_paths label_texts;
    size_t label_capacity, axis_capacity; /* of the arrays above, in rows */
} vg_page_rows;

/* Reads the PCA table of `timestamp`, Parquet before CSV. `rows` starts as {0}, and is the
 * caller's to free, also on failure. */
vg_status vg_page_rows_read(vg_page_rows *rows, vg_store *output, const char *timestamp,
                            const atomic_bool *cancel, const vg_observer *observer,
                            vg_error *error);
void vg_page_rows_free(vg_page_rows *rows);

/* How long the start is that all paths share, up to a '/'. */
size_t vg_page_rows_root(const vg_page_rows *rows);

#endif
