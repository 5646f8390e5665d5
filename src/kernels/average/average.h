/* The mean over all pixels: the network's last step. */
#ifndef VG_KERNELS_AVERAGE_H
#define VG_KERNELS_AVERAGE_H

#include <stddef.h>

#include "kernels/panels.h"

/* c[j] = mean over m pixels of a[i][j], summed in pixel order. a: [m][width]. width is that
 * of a panel. */
typedef void vg_average_fn(float *c, const float *a, int m, int width);

vg_average_fn vg_average_ref;

static inline int vg_average_may(const float *c, const float *a, int m, int width, int panel)
{
    return c != NULL && a != NULL && m > 0 && vg_panel_has_width(panel, width);
}

#endif
