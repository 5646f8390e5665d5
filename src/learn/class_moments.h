/* What the files of this room share. */
#ifndef VG_LEARN_CLASS_MOMENTS_H
#define VG_LEARN_CLASS_MOMENTS_H

#include "kernels/kernels.h"
#include "verger/verger.h"

struct vg_class_moments {
    vg_moments *all; /* of the rows of all classes */
    int dims, classes;
    uint64_t *counts; /* [classes] */
    double *means;    /* [classes][dims] */
};

static inline const double *vg_class_mean(const vg_class_moments *moments, int class_index)
{
    return moments->means + (size_t)class_index * (size_t)moments->dims;
}

/* vg_class_moments_shrinkage in two steps: the fourth power of a row's distance from its class's
 * mean, and the shrinkage from the sum of those. */
double vg_class_moments_fourth_power(const vg_class_moments *moments, const float *row,
                                     int class_index);
vg_status vg_class_moments_shrinkage_of(const vg_class_moments *moments, double fourth_powers,
                                        double *shrinkage, vg_error *error);

#endif
