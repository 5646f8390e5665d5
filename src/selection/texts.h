/* Words that a caller gave. */
#ifndef VG_SELECTION_TEXTS_H
#define VG_SELECTION_TEXTS_H

#include <stddef.h>

/* The caller's. */
typedef struct vg_texts {
    const char *const *items;
    size_t count;
} vg_texts;

#endif
