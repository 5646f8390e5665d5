/* Pillow's 8-bit resampling, rows and then columns. Weights are fixed point with
 * VG_RESAMPLE_BITS fraction bits; sums start at one half and are clipped to 0..255. Weights
 * of a window are bounded so that no sum leaves 32 bits: 255 times the sum of their
 * magnitudes is below 2^31 - 2^21. Source: Pillow 10, src/libImaging/Resample.c. */
#ifndef VG_KERNELS_RESAMPLE_H
#define VG_KERNELS_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VG_RESAMPLE_BITS = 22 };

/* Rows that a kernel may take together: so many take less time than one after the other. */
enum { VG_RESAMPLE_ROWS = 4 };

/* The window of input pixels of one output pixel. */
typedef struct vg_resample_window {
    int first, count;
} vg_resample_window;

/* to: [rows][width][3]; from: [rows][from_width][3]; weights: [width][taps], zero past each
 * window's count. */
typedef void vg_resample_rows_fn(uint8_t *to, const uint8_t *from, int rows, int from_width,
                                 const vg_resample_window *windows, const int32_t *weights,
                                 int taps, int width);

/* to[i] = sum over t of weights[t] * from[t * from_row + i], i < n. */
typedef void vg_resample_column_fn(uint8_t *to, const uint8_t *from, ptrdiff_t from_row,
                                   const int32_t *weights, int taps, size_t n);

vg_resample_rows_fn vg_resample_rows_ref, vg_resample_rows_avx2, vg_resample_rows_vnni,
    vg_resample_rows_neon;
vg_resample_column_fn vg_resample_column_ref, vg_resample_column_avx2, vg_resample_column_vnni,
    vg_resample_column_neon;

/* Puts three bytes of `rgb` in place. Four are one store: so the fourth too where it lies in the
 * row, for the next pixel overwrites it. */
static inline void vg_resample_put(uint8_t *to, uint32_t rgb, int is_last)
{
    if (is_last)
        memcpy(to, &rgb, 3);
    else
        memcpy(to, &rgb, 4);
}

static inline int vg_resample_rows_may(const uint8_t *to, const uint8_t *from, int rows,
                                       int from_width, const vg_resample_window *windows,
                                       const int32_t *weights, int taps, int width)
{
    return to != NULL && from != NULL && rows >= 0 && from_width > 0 && windows != NULL &&
           weights != NULL && taps > 0 && width >= 0;
}

static inline int vg_resample_column_may(const uint8_t *to, const uint8_t *from,
                                         const int32_t *weights, int taps, size_t n)
{
    return to != NULL && from != NULL && weights != NULL && taps > 0 && n <= PTRDIFF_MAX;
}

#endif
