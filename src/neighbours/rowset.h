/* Rows under a metric, and how far two of them are apart. */
#ifndef VG_NEIGHBOURS_ROWSET_H
#define VG_NEIGHBOURS_ROWSET_H

#include "base/team.h"
#include "kernels/kernels.h"

typedef struct vg_rowset {
    const float *values; /* [count][dims], the caller's */
    size_t count;
    int dims;
    vg_metric metric;
    vg_kernels kernels;
    double *squares;     /* [count], each row's product with itself; NULL for VG_L2 */
    float largest_value; /* magnitude */
} vg_rowset;

/* VG_EINVAL where a value is no finite number. `rows` is kept, not copied. */
vg_status vg_rowset_open(vg_rowset *set, const float *rows, size_t count, int dims,
                         vg_metric metric, const char *kernels, vg_team *team, vg_error *error);
void vg_rowset_close(vg_rowset *set);

static inline const float *vg_rowset_row(const vg_rowset *set, size_t row)
{
    return set->values + row * (size_t)set->dims;
}

/* What rows are ordered by: of VG_L2 the square of the distance, of VG_COSINE the distance.
 * Computed in float64 in a fixed order: exact in that nothing else decides. `square` is the
 * row's product with itself. */
double vg_rowset_key(const vg_rowset *set, const float *row, double square, size_t other);

double vg_rowset_distance(const vg_rowset *set, double key);

/* The product of a row with itself, or 0 where the metric asks for none. */
double vg_rowset_square(const vg_rowset *set, const float *row);

#endif
