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

/* The fourth power of a row's distance from its class's mean. */
double vg_class_moments_fourth_power(const vg_class_moments *moments, const float *row,
                                     int class_index);

#endif
