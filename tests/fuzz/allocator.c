#include "fuzz/allocator.h"

#include <stdlib.h>

#include "fuzz/fuzz.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

/* The live blocks, so that one a library gave and we free is not counted. */
enum { MAX_LIVE = 4096 };
static void *live[MAX_LIVE];
static size_t live_count;

static bool is_armed, fails_onwards;
static size_t asked, fails_at;

void allocator_arm(size_t n, bool onwards)
{
    is_armed = true;
    fails_onwards = onwards;
    fails_at = n;
    asked = 0;
}

size_t allocator_disarm(void)
{
    is_armed = false;
    return asked;
}

size_t allocator_live(void)
{
    return live_count;
}

static bool fails(void)
{
    if (!is_armed) return false;
    asked++;
    return fails_at != 0 && (asked == fails_at || (fails_onwards && asked > fails_at));
}

static void *given(void *block)
{
    if (block == NULL) return NULL;
    FUZZ_CHECK(live_count < MAX_LIVE);
    live[live_count++] = block;
    return block;
}

static void forget(const void *block)
{
    for (size_t i = live_count; block != NULL && i-- > 0;)
        if (live[i] == block) {
            live[i] = live[--live_count];
            return;
        }
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : given(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : given(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (fails()) return NULL;
    void *moved = __real_realloc(block, size);
    if (moved == NULL) return NULL;
    forget(block);
    return given(moved);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : given(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *block)
{
    forget(block);
    __real_free(block);
}
