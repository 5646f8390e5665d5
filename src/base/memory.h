/* Buffers aligned for SIMD and for cache lines. */
#ifndef VG_BASE_MEMORY_H
#define VG_BASE_MEMORY_H

#include <stddef.h>

enum { VG_ALIGNMENT = 64 };

/* Zeroed, aligned to VG_ALIGNMENT; NULL when memory ran out or `count * size`
 * overflows. Freed with free(). From 4 MB on, whole huge pages, where the system gives any: in
 * pages of 4 KB, large arrays that are read once in a while cost a walk of the page tables a
 * page. */
void *vg_alloc_aligned(size_t count, size_t size);

/* Twice the room for an array of items of `size` bytes. NULL when memory ran out: the
 * array is as it was. Starts with NULL and a capacity of 0; freed with free(). */
void *vg_grow(void *items, size_t *capacity, size_t size);

#endif
