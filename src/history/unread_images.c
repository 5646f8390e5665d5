#include "history/unread_images.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/observer.h"
#include "history/part_images.h"

/* Of one part: each may take as long as a store that does not answer does. */
enum { MOST_TRIES = 8 };

/* VG_OK, whether the image is there or not, but where the store fails for all. */
static vg_status try_image(bool *is_back, vg_store *input, const char *path, uint64_t max_file_size,
                           vg_error *error)
{
    vg_bytes content = {0};
    vg_status status = vg_store_read(input, path, VG_SIZE_UNKNOWN, max_file_size, &content, error);
    free(content.bytes);
    *is_back = status == VG_OK;
    return status == VG_ESTORE || status == VG_ENOMEM ? status : VG_OK;
}

vg_status vg_unread_images_are_back(bool *are_back, vg_store *input, uint64_t max_file_size,
                                    vg_store *output, const char *timestamp,
                                    const vg_part_record *record, const atomic_bool *cancel,
                                    vg_error *error)
{
    vg_format format;
    vg_part_images_reader *reader = NULL;
    vg_kept_image image;
    const vg_part_file *file = vg_part_record_file(record, VG_TABLE_STATE, timestamp, &format);
    *are_back = false;
    if (record->failed == 0 || file == NULL) return VG_OK;
    vg_status status = vg_part_images_reader_open(&reader, output, file->path, error);
    if (status == VG_OK) status = vg_part_images_reader_next(reader, &image, error);
    for (int tries = 0; status == VG_OK && image.image.path != NULL && tries < MOST_TRIES;) {
        status = vg_check_cancel(cancel, error);
        if (status == VG_OK && !image.has_features && image.sha256[0] == '\0') {
            status = try_image(are_back, input, image.image.path, max_file_size, error);
            if (*are_back) break;
            tries++;
        }
        if (status == VG_OK) status = vg_part_images_reader_next(reader, &image, error);
    }
    vg_part_images_reader_close(&reader);
    return status;
}
