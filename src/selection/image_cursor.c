#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "selection/image_entry.h"

enum { WINDOW_BYTES = 1 << 15 };

struct vg_image_cursor {
    vg_image_range range; /* what is left beyond the window */
    char *window;         /* bytes that were read and not taken: [next, filled) */
    size_t next, filled, capacity;
};

vg_status vg_image_cursor_open_range(vg_image_cursor **cursor, const vg_image_range *range,
                                     vg_error *error)
{
    vg_image_cursor *opened = *cursor = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->range = *range;
    return VG_OK;
}

vg_status vg_image_cursor_open(vg_image_cursor **cursor, const vg_image_list *list, uint64_t first,
                               vg_error *error)
{
    uint64_t before;
    vg_image_range range = vg_image_list_range(list, first, &before);
    vg_status status = vg_image_cursor_open_range(cursor, &range, error);
    for (vg_listed_image skipped; status == VG_OK && before > 0; before--)
        status = vg_image_cursor_next(*cursor, &skipped, error);
    if (status != VG_OK) vg_image_cursor_close(cursor);
    return status;
}

void vg_image_cursor_close(vg_image_cursor **cursor)
{
    if (*cursor == NULL) return;
    free((*cursor)->window);
    free(*cursor);
    *cursor = NULL;
}

static vg_status reserve(vg_image_cursor *cursor, size_t needed, vg_error *error)
{
    size_t capacity = needed > WINDOW_BYTES ? needed : WINDOW_BYTES;
    if (capacity <= cursor->capacity) return VG_OK;
    char *window = realloc(cursor->window, capacity);
    if (window == NULL) return vg_fail_memory(error, capacity);
    cursor->window = window;
    cursor->capacity = capacity;
    return VG_OK;
}

/* Brings at least `needed` bytes into the window, which the range has. */
static vg_status fill(vg_image_cursor *cursor, size_t needed, vg_error *error)
{
    size_t left = cursor->filled - cursor->next;
    if (left >= needed) return VG_OK;
    vg_status status = reserve(cursor, needed, error);
    if (status != VG_OK) return status;
    memmove(cursor->window, cursor->window + cursor->next, left);
    cursor->next = 0;
    cursor->filled = left;

    vg_image_range *range = &cursor->range;
    size_t size = cursor->capacity - left;
    if (range->end - range->begin < size) size = (size_t)(range->end - range->begin);
    status = vg_spill_read(range->spill, range->begin, cursor->window + left, size, error);
    if (status != VG_OK) return status;
    cursor->filled += size;
    range->begin += size;
    return VG_OK;
}

const char *vg_listed_image_column(const vg_listed_image *image, size_t column)
{
    const char *value = image->columns, *end = value + image->columns_size;
    for (; column > 0 && value < end; column--) value += strlen(value) + 1;
    return value < end ? value : "";
}

vg_status vg_image_cursor_next(vg_image_cursor *cursor, vg_listed_image *image, vg_error *error)
{
    vg_image_entry entry;
    *image = (vg_listed_image){0};
    if (cursor->next == cursor->filled && cursor->range.begin == cursor->range.end) return VG_OK;
    vg_status status = fill(cursor, sizeof entry, error);
    if (status != VG_OK) return status;
    memcpy(&entry, cursor->window + cursor->next, sizeof entry);
    size_t whole = sizeof entry + vg_image_entry_text_bytes(&entry);
    status = fill(cursor, whole, error);
    if (status != VG_OK) return status;
    const char *path = cursor->window + cursor->next + sizeof entry;
    const char *label = path + entry.text_sizes[VG_ENTRY_PATH];
    const char *split = label + entry.text_sizes[VG_ENTRY_LABEL];
    bool is_note = (entry.flags & VG_ENTRY_IS_NOTE) != 0;
    if (is_note && (entry.flags & VG_ENTRY_HAS_LABEL) == 0) label = NULL;
    *image = (vg_listed_image){.path = path,
                               .size = entry.size,
                               .modified = entry.modified,
                               .label = label,
                               .split = split,
                               .columns = split + entry.text_sizes[VG_ENTRY_SPLIT],
                               .columns_size = entry.text_sizes[VG_ENTRY_COLUMNS],
                               .is_note = is_note};
    if (is_note && (entry.flags & VG_ENTRY_HAS_SPLIT) == 0) image->split = NULL;
    cursor->next += whole;
    return VG_OK;
}
