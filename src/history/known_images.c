#include "history/known_images.h"

#include <stdlib.h>

#include "base/error.h"

struct vg_known_images {
    vg_image_cursor *list;
    vg_earlier_cursor *earlier; /* NULL for none */
    bool checksum;
};

vg_status vg_known_images_open(vg_known_images **images, const vg_image_list *list, uint64_t first,
                               const vg_earlier_run *earlier, bool checksum, vg_error *error)
{
    vg_known_images *opened = *images = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->checksum = checksum;
    vg_status status = vg_image_cursor_open(&opened->list, list, first, error);
    if (status == VG_OK && earlier != NULL)
        status = vg_earlier_cursor_open(&opened->earlier, earlier, error);
    if (status != VG_OK) vg_known_images_close(images);
    return status;
}

void vg_known_images_close(vg_known_images **images)
{
    if (*images == NULL) return;
    vg_image_cursor_close(&(*images)->list);
    vg_earlier_cursor_close(&(*images)->earlier);
    free(*images);
    *images = NULL;
}

/* An image that failed is tried again: the store may have been at fault. */
static vg_known judge(const vg_known_images *images, const vg_listed_image *image,
                      const vg_kept_image *kept)
{
    if (kept == NULL || !kept->has_features) return VG_UNKNOWN;
    if (images->checksum) return kept->sha256[0] != '\0' ? VG_KNOWN_IF_SAME : VG_UNKNOWN;
    bool is_told = image->size >= 0 && image->modified != 0;
    bool is_same = image->size == kept->image.size && image->modified == kept->image.modified;
    return is_told && is_same ? VG_KNOWN : VG_UNKNOWN;
}

vg_status vg_known_images_next(vg_known_images *images, vg_known_image *image, vg_error *error)
{
    const vg_kept_image *kept = NULL;
    *image = (vg_known_image){0};
    vg_status status = vg_image_cursor_next(images->list, &image->image, error);
    if (status == VG_OK && image->image.path == NULL)
        status = vg_fail(error, VG_EINVAL, "there are fewer images than were counted");
    if (status == VG_OK && images->earlier != NULL)
        status = vg_earlier_cursor_seek(images->earlier, image->image.path, &kept, NULL, error);
    if (status != VG_OK) return status;
    image->known = judge(images, &image->image, kept);
    if (kept != NULL) image->sha256 = kept->sha256;
    image->failed_before = kept != NULL && !kept->has_features;
    return VG_OK;
}
