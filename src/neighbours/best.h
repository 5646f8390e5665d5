/* The nearest rows found so far: by their keys, equal ones by their numbers. */
#ifndef VG_NEIGHBOURS_BEST_H
#define VG_NEIGHBOURS_BEST_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Views of the caller's arrays. */
typedef struct vg_best {
    double *keys; /* [k], ascending; INFINITY where there is none yet */
    int64_t *ids; /* [k]; -1 where there is none yet */
    int k;
} vg_best;

static inline void vg_best_clear(vg_best best)
{
    for (int i = 0; i < best.k; i++) {
        best.keys[i] = INFINITY;
        best.ids[i] = -1;
    }
}

static inline double vg_best_worst(vg_best best)
{
    return best.keys[best.k - 1];
}

/* Takes the row in where it belongs to the nearest; one that is there already stays once. */
static inline bool vg_best_offer(vg_best best, double key, int64_t id)
{
    int place = best.k;
    while (place > 0 && (key < best.keys[place - 1] ||
                         (key == best.keys[place - 1] && id < best.ids[place - 1])))
        place--;
    if (place == best.k || (place > 0 && best.ids[place - 1] == id)) return false;
    for (int i = best.k - 1; i > place; i--) {
        best.keys[i] = best.keys[i - 1];
        best.ids[i] = best.ids[i - 1];
    }
    best.keys[place] = key;
    best.ids[place] = id;
    return true;
}

#endif
