#include "job/image_source.h"

#include <stdlib.h>

#include "base/error.h"

struct vg_image_source {
    vg_image_cursor *images;
    vg_earlier_cursor *earlier; /* NULL for none */
    bool checksum;
};

vg_status vg_image_source_open(vg_image_source **source, const vg_image_list *images,
                               uint64_t first, const vg_earlier_run *earlier, bool checksum,
                               vg_error *error)
{
    vg_image_source *opened = *source = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->checksum = checksum;
    vg_status status = vg_image_cursor_open(&opened->images, images, first, error);
    if (status == VG_OK && earlier != NULL)
        status = vg_earlier_cursor_open(&opened->earlier, earlier, false, error);
    if (status != VG_OK) vg_image_source_close(source);
    return status;
}

void vg_image_source_close(vg_image_source **source)
{
    if (*source == NULL) return;
    vg_image_cursor_close(&(*source)->images);
    vg_earlier_cursor_close(&(*source)->earlier);
    free(*source);
    *source = NULL;
}

/* An image that failed is tried again: the store may have been at fault. */
static vg_known judge(const vg_image_source *source, const vg_listed_image *image,
                      const vg_kept_image *kept)
{
    if (kept == NULL || !kept->has_features) return VG_UNKNOWN;
    if (source->checksum) return kept->sha256[0] != '\0' ? VG_KNOWN_IF_SAME : VG_UNKNOWN;
    bool is_told = image->size >= 0 && image->modified != 0;
    bool is_same = image->size == kept->image.size && image->modified == kept->image.modified;
    return is_told && is_same ? VG_KNOWN : VG_UNKNOWN;
}

vg_status vg_image_source_next(void *source, vg_task *task, vg_error *error)
{
    vg_image_source *from = source;
    const vg_kept_image *kept = NULL;
    *task = (vg_task){0};
    vg_status status = vg_image_cursor_next(from->images, &task->image, error);
    if (status == VG_OK && task->image.path == NULL)
        status = vg_fail(error, VG_EINVAL, "there are fewer images than were counted");
    if (status == VG_OK && from->earlier != NULL)
        status = vg_earlier_cursor_seek(from->earlier, task->image.path, &kept, NULL, error);
    if (status != VG_OK) return status;
    task->known = judge(from, &task->image, kept);
    if (kept != NULL) task->sha256 = kept->sha256;
    return VG_OK;
}
