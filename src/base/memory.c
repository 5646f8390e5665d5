#define _DEFAULT_SOURCE /* madvise */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    HUGE_PAGE = 2 << 20,
    /* So that rounding up wastes less than half as much again. */
    LEAST_OF_HUGE_PAGES = 2 * HUGE_PAGE,
};

/* Weights of some MB are read once an image: of small pages they would be more than a core knows
 * the places of. Where Linux hands out no huge pages, nothing changes. */
static void ask_for_huge_pages(void *buffer, size_t bytes)
{
#if defined(MADV_HUGEPAGE)
    (void)madvise(buffer, bytes, MADV_HUGEPAGE);
#else
    (void)buffer, (void)bytes;
#endif
}

void *vg_alloc_aligned(size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - HUGE_PAGE) / size) return NULL;
    const int is_huge = count * size >= LEAST_OF_HUGE_PAGES;
    const size_t alignment = is_huge ? HUGE_PAGE : VG_ALIGNMENT;
    size_t bytes = (count * size + alignment - 1) / alignment * alignment;
    if (bytes == 0) bytes = VG_ALIGNMENT;
    void *buffer = aligned_alloc(alignment, bytes);
    if (buffer == NULL) return NULL;
    if (is_huge) ask_for_huge_pages(buffer, bytes);
    memset(buffer, 0, is_huge ? count * size : bytes);
    return buffer;
}

void *vg_grow(void *items, size_t *capacity, size_t size)
{
    enum { FIRST_CAPACITY = 64 };
    size_t more = *capacity > 0 ? 2 * *capacity : FIRST_CAPACITY;
    if (more > SIZE_MAX / size) return NULL;
    void *grown = realloc(items, more * size);
    if (grown != NULL) *capacity = more;
    return grown;
}
