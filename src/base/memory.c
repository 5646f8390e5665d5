#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *vg_alloc_aligned(size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - VG_ALIGNMENT) / size) return NULL;
    size_t bytes = (count * size + VG_ALIGNMENT - 1) / VG_ALIGNMENT * VG_ALIGNMENT;
    if (bytes == 0) bytes = VG_ALIGNMENT;
    void *buffer = aligned_alloc(VG_ALIGNMENT, bytes);
    if (buffer != NULL) memset(buffer, 0, bytes);
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
