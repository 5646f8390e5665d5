#ifndef VG_BASE_UTF8_H
#define VG_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character at `text`, of which `size` > 0 bytes are left; 0 where
 * none is well formed (The Unicode Standard, table 3-7). */
size_t vg_utf8_length(const char *text, size_t size);

#endif
