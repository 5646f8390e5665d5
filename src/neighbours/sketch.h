/* A short form of rows that bounds from below how far two of them are apart.
 *
 * With x and y two rows (of VG_COSINE scaled to unit length) less their mean, p and q their
 * components on an orthonormal basis and r and s the lengths of what the basis leaves out,
 *   |x - y|^2 / 2 >= |x|^2 / 2 + |y|^2 / 2 - p.q - r s
 * for the parts that are left out have a product of at most r s (Cauchy and Schwarz). The
 * negative of the right side is a product of two longer vectors,
 *   (p, r, m, -|x|^2 / 2, 1) . (q, s, n, 1, -|y|^2 / 2)
 * which the network's pointwise kernel computes for many pairs: the pair's score, at least
 * the negative of its half square distance. m n is more than what rounding to float32 and
 * summing in it takes away: with u = 2^-24 a sum of c products is off by at most c u times
 * the sum of their magnitudes (Higham 2002, "Accuracy and Stability of Numerical
 * Algorithms", 3.1), which is at most |x| |y|, and p, q, r, s are off by u each; the squares
 * are taken less by 16 u, of which they need 4.
 *
 * So whoever looks at all rows whose score reaches -d^2 / 2 has seen all within d. */
#ifndef VG_NEIGHBOURS_SKETCH_H
#define VG_NEIGHBOURS_SKETCH_H

#include "neighbours/rowset.h"

enum {
    VG_SKETCH_ROWS = VG_GRAM_PANEL, /* that are sketched at a time */
    VG_SKETCH_COMPONENTS = 112,     /* that pay: with the extra ones 116 of 128 channels */
    VG_SKETCH_EXTRA = 4,            /* channels beside the components */
};

typedef struct vg_sketch {
    const vg_rowset *rows;
    int panel;      /* rows of a panel of sketches: channels of the kernels' */
    int components; /* of the basis; without one, all values of a row */
    int channels;   /* of a sketch, zeros at its end: a multiple of `panel` */
    double scale;   /* a power of 2 that keeps squares of VG_L2 within float32 */
    double margin;  /* m over |x| */
    double *mean;   /* [dims], of the scaled rows */
    double *basis;  /* [components / VG_GRAM_PANEL][dims][VG_GRAM_PANEL]; NULL without one */
    float *panels;  /* [panel count][channels][panel], right sides; NULL where they are made
                       when they are wanted */
} vg_sketch;

/* Sketches of all rows, with `components` of their principal components, rounded up to a
 * multiple of VG_GRAM_PANEL, as the basis; 0 takes their values as they are. */
vg_status vg_sketch_open(vg_sketch *sketch, const vg_rowset *rows, int components, vg_team *team,
                         vg_error *error);
void vg_sketch_close(vg_sketch *sketch);

static inline size_t vg_sketch_panel_count(const vg_sketch *sketch)
{
    size_t panel = (size_t)sketch->panel;
    return (sketch->rows->count + panel - 1) / panel;
}

/* What making sketches takes: doubles at `work` and, where a panel may be made, floats at
 * `room`. */
size_t vg_sketch_work_size(const vg_sketch *sketch);
size_t vg_sketch_room_size(const vg_sketch *sketch);

/* Left sides of `count` rows, at most VG_SKETCH_ROWS: to [VG_SKETCH_ROWS][channels]. */
void vg_sketch_queries(const vg_sketch *sketch, const float *rows, size_t count, float *to,
                       double *work);

/* Right sides of a panel of rows, those past the last unreachable: as they are stored, or
 * made into `room`. */
const float *vg_sketch_panel(const vg_sketch *sketch, size_t index, float *room, double *work);

/* Left sides of `count` rows from `first` on, a multiple of the panel, in panels of channels
 * as the pointwise kernel takes them: [channels / panel][count][panel]. */
void vg_sketch_block(const vg_sketch *sketch, size_t first, size_t count, float *to, float *room,
                     double *work);

/* The score that a row must have to be, maybe, as near as `key`. */
float vg_sketch_threshold(const vg_sketch *sketch, double key);

#endif
