#include "job/paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { BLOCK_BYTES = 1 << 18 };

struct vg_path_block {
    struct vg_path_block *previous;
    size_t used, size;
    char bytes[];
};

static vg_status add_block(vg_paths *paths, size_t needed, vg_error *error)
{
    size_t size = needed > BLOCK_BYTES ? needed : BLOCK_BYTES;
    struct vg_path_block *block = malloc(sizeof *block + size);
    if (block == NULL) return vg_fail_memory(error, sizeof *block + size);
    block->previous = paths->blocks;
    block->used = 0;
    block->size = size;
    paths->blocks = block;
    return VG_OK;
}

static vg_status grow(vg_paths *paths, vg_error *error)
{
    size_t capacity = paths->capacity > 0 ? 2 * paths->capacity : 1024;
    vg_path *items = realloc(paths->items, capacity * sizeof *items);
    if (items == NULL) return vg_fail_memory(error, capacity * sizeof *items);
    paths->items = items;
    paths->capacity = capacity;
    return VG_OK;
}

vg_status vg_paths_add(vg_paths *paths, const char *text, size_t length, int64_t size,
                       int64_t modified, vg_error *error)
{
    vg_status status = VG_OK;
    if (paths->count == paths->capacity) status = grow(paths, error);
    if (status == VG_OK &&
        (paths->blocks == NULL || paths->blocks->size - paths->blocks->used <= length))
        status = add_block(paths, length + 1, error);
    if (status != VG_OK) return status;

    char *copy = paths->blocks->bytes + paths->blocks->used;
    memcpy(copy, text, length);
    copy[length] = '\0';
    paths->blocks->used += length + 1;
    paths->items[paths->count++] = (vg_path){.text = copy, .size = size, .modified = modified};
    return VG_OK;
}

void vg_paths_free(vg_paths *paths)
{
    while (paths->blocks != NULL) {
        struct vg_path_block *previous = paths->blocks->previous;
        free(paths->blocks);
        paths->blocks = previous;
    }
    free(paths->items);
    *paths = (vg_paths){0};
}

static int by_text(const void *left, const void *right)
{
    return strcmp(((const vg_path *)left)->text, ((const vg_path *)right)->text);
}

void vg_paths_sort(vg_paths *paths)
{
    if (paths->count > 1) qsort(paths->items, paths->count, sizeof *paths->items, by_text);
}

/* Equal paths by their place in the list. */
static int by_text_then_place(const void *left, const void *right)
{
    const vg_path *a = *(const vg_path *const *)left, *b = *(const vg_path *const *)right;
    int order = strcmp(a->text, b->text);
    if (order != 0) return order;
    return (a > b) - (a < b);
}

vg_status vg_paths_drop_duplicates(vg_paths *paths, size_t *dropped, vg_error *error)
{
    *dropped = 0;
    if (paths->count < 2) return VG_OK;
    vg_path **sorted = malloc(paths->count * sizeof *sorted);
    if (sorted == NULL) return vg_fail_memory(error, paths->count * sizeof *sorted);
    for (size_t i = 0; i < paths->count; i++) sorted[i] = &paths->items[i];
    qsort(sorted, paths->count, sizeof *sorted, by_text_then_place);

    /* A later one of equal paths loses its text, and then its place. */
    const char *text = sorted[0]->text;
    for (size_t i = 1; i < paths->count; i++) {
        if (strcmp(text, sorted[i]->text) == 0)
            sorted[i]->text = NULL;
        else
            text = sorted[i]->text;
    }
    free(sorted);

    size_t kept = 0;
    for (size_t i = 0; i < paths->count; i++)
        if (paths->items[i].text != NULL) paths->items[kept++] = paths->items[i];
    *dropped = paths->count - kept;
    paths->count = kept;
    return VG_OK;
}
