/* Images of a part that could not be read: the store was at fault, not the picture, so they
 * are worth another look. */
#ifndef VG_HISTORY_UNREAD_IMAGES_H
#define VG_HISTORY_UNREAD_IMAGES_H

#include <stdatomic.h>

#include "history/part_record.h"

/* Whether any of them can be read now. The digest of their content was never known, which
 * tells them from pictures that failed. */
vg_status vg_unread_images_are_back(bool *are_back, vg_store *input, uint64_t max_file_size,
                                    vg_store *output, const char *timestamp,
                                    const vg_part_record *record, const atomic_bool *cancel,
                                    vg_error *error);

#endif
