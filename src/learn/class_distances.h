/* How far rows are from the means of their classes, by the scatter within the classes. */
#ifndef VG_LEARN_CLASS_DISTANCES_H
#define VG_LEARN_CLASS_DISTANCES_H

#include "verger/verger.h"

/* Mahalanobis distances [n] of rows [n][dims] of classes [n], of 0 to `classes` - 1: sqrt((x - m)'
 * S^-1 (x - m)), with m the mean of the row's class and S the covariance within the classes,
 * shrunk as Ledoit and Wolf have it. The same bits on every CPU. VG_EINVAL where all rows lie on
 * their classes' means. */
vg_status vg_class_distances(size_t n, int dims, const float *rows, const int32_t *classes,
                             int class_count, double *distances, vg_error *error);

#endif
