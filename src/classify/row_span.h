/* Rows that are fewer than their columns, in coordinates of the space that they span. */
#ifndef VG_CLASSIFY_ROW_SPAN_H
#define VG_CLASSIFY_ROW_SPAN_H

#include "learn/cholesky.h"
#include "learn/picked_rows.h"

/* Starts as {0}. Distances, and the length of whatever lies in the span, are the same in both. */
typedef struct vg_row_span {
    const vg_picked_rows *of; /* the caller's */
    vg_picked_rows rows;      /* the same in coordinates, as many as there are rows */
    vg_cholesky factor;
    float *values, *mean;
    size_t *picks;
} vg_row_span;

vg_status vg_row_span_open(vg_row_span *span, const vg_picked_rows *of, const vg_kernels *kernels,
                           vg_error *error);
void vg_row_span_close(vg_row_span *span);

/* Weights [classes][dims] to coordinates [classes][count], and back. What of them lies beside the
 * span, which no row tells from nothing, is lost. */
vg_status vg_row_span_enter(const vg_row_span *span, const double *weights, int classes,
                            double *coordinates, vg_error *error);
vg_status vg_row_span_leave(const vg_row_span *span, const double *coordinates, int classes,
                            double *weights, vg_error *error);

#endif
