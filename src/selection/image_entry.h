/* A listed image as bytes, as the sort and the cursors of a list handle it. */
#ifndef VG_SELECTION_IMAGE_ENTRY_H
#define VG_SELECTION_IMAGE_ENTRY_H

#include "selection/image_list.h"
#include "selection/spill.h"

/* The last is the values of kept columns, any number of texts. */
enum { VG_ENTRY_PATH, VG_ENTRY_LABEL, VG_ENTRY_SPLIT, VG_ENTRY_COLUMNS, VG_ENTRY_TEXTS };

/* Of an entry. */
enum { VG_ENTRY_IS_NOTE = 1, VG_ENTRY_HAS_LABEL = 2, VG_ENTRY_HAS_SPLIT = 4 };

/* Followed by the texts, each with its NUL. */
typedef struct vg_image_entry {
    int64_t size, modified;
    uint64_t flags;                      /* 0 of an image */
    uint64_t text_sizes[VG_ENTRY_TEXTS]; /* with the NUL */
} vg_image_entry;

/* Bytes of the texts together. */
static inline size_t vg_image_entry_text_bytes(const vg_image_entry *entry)
{
    uint64_t bytes = 0;
    for (int i = 0; i < VG_ENTRY_TEXTS; i++) bytes += entry->text_sizes[i];
    return (size_t)bytes;
}

/* A range of entries. */
typedef struct vg_image_range {
    const vg_spill *spill;
    uint64_t begin, end;
} vg_image_range;

/* A cursor over a range instead of a list. */
vg_status vg_image_cursor_open_range(vg_image_cursor **cursor, const vg_image_range *range,
                                     vg_error *error);

/* The range of a finished list from the image `first` rounded down, and how many
 * images stand before `first` in it. */
vg_image_range vg_image_list_range(const vg_image_list *list, uint64_t first, uint64_t *before);

#endif
