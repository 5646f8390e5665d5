/* Small pictures of all rows, in sheets. */
#ifndef VG_REPORT_THUMBNAILS_H
#define VG_REPORT_THUMBNAILS_H

#include <stdio.h>

#include "base/observer.h"
#include "explore/row_table.h"

enum { VG_SHEET_PIXELS = 2048 }; /* on a side; larger ones some browsers do not decode */

/* A row's picture as WebP, row by row; `size` is 0 where there is none. */
typedef vg_status vg_thumbnail_visitor(void *context, const void *webp, size_t size,
                                       vg_error *error);

typedef struct vg_thumbnails {
    int size;         /* pixels on a side: 32 or 48 */
    vg_store *images; /* all rows lie below it */
    size_t root;      /* bytes of each path that are its address */
    uint64_t max_file_size;
    const vg_image_options *image;
    const atomic_bool *cancel;
    const vg_observer *observer;
    vg_thumbnail_visitor *take; /* of each picture too; NULL for none */
    void *context;
} vg_thumbnails;

/* Pictures on a side of a sheet, and sheets for so many rows. */
int vg_thumbnails_across(int size);
size_t vg_thumbnails_sheets(int size, size_t rows);

/* Draws each row's image, its proportions kept, and writes the sheets as blocks
 * data-sheet-S of WebP. An image that cannot be read leaves its place white and is counted
 * in `missing`. */
vg_status vg_thumbnails_write(const vg_thumbnails *task, const vg_row_table *rows, FILE *page,
                              uint64_t *missing, vg_error *error);

#endif
