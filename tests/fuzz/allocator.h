/* malloc and its kin as seen by the code of the archive: counted, and failing when
 * told to. The linker's --wrap puts them in; libraries keep their own. */
#ifndef FUZZ_ALLOCATOR_H
#define FUZZ_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

/* Starts to count; the n-th allocation from now fails, and all after it where
 * `onwards`. n = 0 fails none. */
void allocator_arm(size_t n, bool onwards);
/* Allocations asked for since. */
size_t allocator_disarm(void);
/* Blocks that were given and not freed. */
size_t allocator_live(void);

#endif
