#include "classify/folder_images.h"

#include "base/error.h"
#include "selection/selection.h"

static vg_status visit_all(const vg_folder_walk *walk, vg_store *store, const vg_image_list *images,
                           vg_error *error)
{
    vg_image_cursor *cursor;
    vg_listed_image image;
    vg_status status = vg_image_cursor_open(&cursor, images, 0, error);
    while (status == VG_OK) {
        status = vg_check_cancel(walk->cancel, error);
        if (status == VG_OK) status = vg_image_cursor_next(cursor, &image, error);
        if (status != VG_OK || image.path == NULL) break;
        status = walk->visitor(walk->context, store, image.path, error);
    }
    vg_image_cursor_close(&cursor);
    return status;
}

vg_status vg_walk_folder_images(const vg_folder_walk *walk, uint64_t *unlisted, vg_error *error)
{
    const vg_selection_options every = {.paths_alone = true};
    vg_store *store;
    vg_image_list *images = NULL;
    vg_status status = vg_store_open(&store, walk->folder, &walk->store, error);
    if (status == VG_OK)
        status =
            vg_select_images(&images, store, store, &every, &walk->observer, walk->cancel, error);
    if (status == VG_OK) {
        *unlisted += vg_image_list_unlisted(images);
        status = visit_all(walk, store, images, error);
    }
    vg_image_list_close(&images);
    vg_store_close(&store);
    return status;
}
