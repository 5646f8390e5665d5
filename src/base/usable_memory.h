/* The memory this process may use. */
#ifndef VG_BASE_USABLE_MEMORY_H
#define VG_BASE_USABLE_MEMORY_H

#include <stdint.h>

/* Bytes of the machine, or of the share in a control group where that is less. */
uint64_t vg_usable_memory(void);

#endif
