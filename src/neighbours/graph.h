/* vg_neighbours with choices that its callers need not make. */
#ifndef VG_NEIGHBOURS_GRAPH_H
#define VG_NEIGHBOURS_GRAPH_H

#include "verger/verger.h"

/* Components of the sketches: so many, or as many as pay. */
enum { VG_GRAPH_CHOOSE = -1 };

/* So many tasks as there are. */
#define VG_GRAPH_DONE SIZE_MAX

/* The work is tasks in a fixed order, so that how far a call came is a number of tasks and, for
 * each row, the nearest rows among those it was compared with. From there another call goes on
 * to the same result. */
typedef struct vg_graph_choices {
    int components;

    /* Share `share`, from 0 on, of so many: every block with itself, and its part of the pairs of
     * blocks. Lists of all shares, put together, are those of the whole. 0 shares are one. */
    size_t share, shares;

    /* Lists that other calls have found, [known_count] of [n][k], -1 past a row's last; `done`
     * tasks, or all, need not be done again. */
    const int32_t *const *known;
    size_t known_count, done;

    /* NULL, or called by the calling thread every so many seconds, after each task where they
     * are 0, and where the work is ended by options->progress: in `lists` [n][k] is what `done`
     * tasks, and some of others, have found. A share that is done saves too, and gives no result:
     * its lists may lack rows. Anything but VG_OK ends the work. */
    vg_status (*save)(void *context, const int32_t *lists, size_t done, vg_error *error);
    void *context; /* of `save` */
    double seconds;
} vg_graph_choices;

vg_status vg_graph_find(const float *rows, size_t n, int dims, int k,
                        const vg_neighbours_options *options, const vg_graph_choices *choices,
                        int64_t *indices, double *distances, vg_error *error);

#endif
