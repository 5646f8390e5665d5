/* A listed image as bytes, as the sort and the cursors of a list handle it. */
#ifndef VG_JOB_IMAGE_RECORD_H
#define VG_JOB_IMAGE_RECORD_H

#include "job/image_list.h"
#include "job/scratch.h"

/* Followed by the path and its NUL. */
typedef struct vg_image_record {
    int64_t size, modified;
    uint64_t path_size; /* without the NUL */
} vg_image_record;

/* A range of records in a scratch. */
typedef struct vg_image_range {
    const vg_scratch *scratch;
    uint64_t begin, end;
} vg_image_range;

/* A cursor over a range instead of a list. */
vg_status vg_image_cursor_open_range(vg_image_cursor **cursor, const vg_image_range *range,
                                     vg_error *error);

/* The range of a finished list from the image `first` rounded down, and how many
 * images stand before `first` in it. */
vg_image_range vg_image_list_range(const vg_image_list *list, uint64_t first, uint64_t *before);

#endif
