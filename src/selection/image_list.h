/* The images of a run, any number of them in bounded memory: what does not fit is
 * sorted piece by piece into a file without a name, and merged from there. */
#ifndef VG_SELECTION_IMAGE_LIST_H
#define VG_SELECTION_IMAGE_LIST_H

#include <stdbool.h>

#include "digest/sha256.h"
#include "verger/verger.h"

typedef struct vg_listed_image {
    const char *path;       /* relative to the store, NUL-terminated */
    int64_t size, modified; /* as in vg_file; VG_SIZE_UNKNOWN and 0 where nobody said */
    /* What tables say of it; "" where it has none. NULL is "" to vg_image_list_add. */
    const char *label, *split;
    /* Values of the columns that are kept, in their order, each with its NUL; none at all where
     * nothing is known of the image. */
    const char *columns;
    size_t columns_size;
    /* To vg_image_list_add: no image, but what a table says of one, which another call adds. A
     * label or split that is not NULL, and the columns, go before the image's own. */
    bool is_note;
} vg_listed_image;

/* The value of a kept column, counted from 0; "" where there is none. */
const char *vg_listed_image_column(const vg_listed_image *image, size_t column);

/* First added to, then finished, then read. */
typedef struct vg_image_list vg_image_list;

/* Sorts in `memory` bytes; 0 takes the default. */
vg_status vg_image_list_open(vg_image_list **list, size_t memory, vg_error *error);
void vg_image_list_close(vg_image_list **list);

vg_status vg_image_list_add(vg_image_list *list, const vg_listed_image *image, vg_error *error);

/* How many are kept: the first `limit`, or `sample` drawn by `seed`; 0 keeps all. Which
 * are drawn depends on the seed and the paths alone. */
typedef struct vg_image_share {
    uint64_t limit, sample, seed;
} vg_image_share;

/* Brings the images into byte order of their paths, drops the later ones of a path that
 * was added twice, joins notes, and keeps a share; NULL keeps all. A sample takes 8 bytes of
 * memory an image of it. Where notes give labels, an image without a note has none. */
vg_status vg_image_list_finish(vg_image_list *list, const vg_image_share *share, vg_error *error);

/* Images that were added; once the list is finished, those that were kept. */
uint64_t vg_image_list_count(const vg_image_list *list);
/* Images that were dropped because their path was there already. */
uint64_t vg_image_list_repeated(const vg_image_list *list);

/* Folders that could not be listed, whose images are missing. */
void vg_image_list_note_unlisted(vg_image_list *list);
uint64_t vg_image_list_unlisted(const vg_image_list *list);

/* Notes of paths that are no images of the list, and the first of those paths. */
uint64_t vg_image_list_unmatched(const vg_image_list *list);
const char *vg_image_list_first_unmatched(const vg_image_list *list);

/* Of the paths, sizes, times, labels, splits and columns of a finished list, in order: two lists
 * with the same digest are the same. */
const char *vg_image_list_sha256(const vg_image_list *list);

/* Reads a finished list, which must outlive it. A list may have many cursors, each of
 * one thread at a time. */
typedef struct vg_image_cursor vg_image_cursor;

/* Begins at the image `first`, counted from 0. */
vg_status vg_image_cursor_open(vg_image_cursor **cursor, const vg_image_list *list, uint64_t first,
                               vg_error *error);
void vg_image_cursor_close(vg_image_cursor **cursor);

/* The next image, valid until the next call; its path is NULL past the last. */
vg_status vg_image_cursor_next(vg_image_cursor *cursor, vg_listed_image *image, vg_error *error);

#endif
