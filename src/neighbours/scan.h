/* The rows nearest to a few others, found by a look at the scores of all. */
#ifndef VG_NEIGHBOURS_SCAN_H
#define VG_NEIGHBOURS_SCAN_H

#include "neighbours/best.h"
#include "neighbours/sketch.h"

enum { VG_SCAN_QUERIES = VG_SKETCH_ROWS }; /* of one scan, at most */

typedef struct vg_scan {
    const vg_rowset *rows;
    const vg_sketch *sketch; /* NULL: all keys are computed */
    vg_team *team;
    float *queries; /* [VG_SCAN_QUERIES][channels], left sides */
    float *blocks;  /* the same in panels of channels */
    float *scores;  /* [panel count][queries][panel] */
    double *work;   /* for making sketches */
    float *rooms;   /* [threads] of them, for panels */
    double *works;
} vg_scan;

vg_status vg_scan_open(vg_scan *scan, const vg_rowset *rows, const vg_sketch *sketch, vg_team *team,
                       vg_error *error);
void vg_scan_close(vg_scan *scan);

/* The best[i].k rows nearest to each of `count` queries [count][dims], those alone of which
 * allowed[row] is not 0 where `allowed` is not NULL. Adds to *examined the rows whose keys
 * were computed. */
vg_status vg_scan_run(vg_scan *scan, const float *queries, size_t count,
                      const unsigned char *allowed, const vg_best *best, uint64_t *examined,
                      vg_error *error);

#endif
