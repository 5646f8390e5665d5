#define _DEFAULT_SOURCE /* madvise */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 /* x86's, and that of ARM beside pages of 4 KB */ };

void *vg_alloc_aligned(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) return NULL;
    const size_t wanted = count * size, alignment = wanted < HUGE_PAGE ? VG_ALIGNMENT : HUGE_PAGE;
    if (wanted > SIZE_MAX - alignment) return NULL;
    size_t bytes = (wanted + alignment - 1) / alignment * alignment;
    if (bytes == 0) bytes = alignment;
    void *buffer = aligned_alloc(alignment, bytes);
    if (buffer == NULL) return NULL;
#if defined(MADV_HUGEPAGE)
    /* Before the pages are touched. No more than a wish: without, it is slower. */
    if (alignment == HUGE_PAGE) (void)madvise(buffer, bytes, MADV_HUGEPAGE);
#endif
    memset(buffer, 0, wanted);
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
