#include "output/paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

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
    vg_path *items = vg_grow(paths->items, &paths->capacity, sizeof *items);
    if (items == NULL) return vg_fail_memory(error, paths->count * sizeof *items);
    paths->items = items;
    return VG_OK;
}

vg_status vg_paths_add(vg_paths *paths, const char *text, size_t length, vg_error *error)
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
    paths->items[paths->count++] = (vg_path){.text = copy};
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
