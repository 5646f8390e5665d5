/* The table of kernels: filled with plain C, then overwritten by what the CPU
 * has more. Every kernel adds its products one by one in the same order with
 * fused multiply-adds, so all sets give the same bits: but for "amx" and "amx-ref", which
 * give each other's (digits/digits.h). Tensors are in panels (panels.h).
 *
 * Each operation has a folder: what it does (pointwise.h), plain C (pointwise_ref.c), and a
 * template over vectors (pointwise_tmpl.h) or a file a set (resample_avx2.c). A set of the
 * templates is one file (x86/avx512.c), which lists its register tiles. */
#ifndef VG_KERNELS_KERNELS_H
#define VG_KERNELS_KERNELS_H

#include <stddef.h>

#include "kernels/average/average.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/digits/digits.h"
#include "kernels/distance/distance.h"
#include "kernels/gram/gram.h"
#include "kernels/normalise/normalise.h"
#include "kernels/panels.h"
#include "kernels/pointwise/pointwise.h"
#include "kernels/resample/resample.h"
#include "kernels/stem/stem.h"
#include "kernels/tiles.h"
#include "verger/verger.h"

typedef struct vg_kernels {
    const char *name; /* of the most capable set that was added */
    int panel;        /* channels of a full panel */
    vg_pointwise_fn *pointwise;
    vg_pointwise_fn *pointwise_24; /* where there is one for 24 outputs, else NULL */
    vg_stem_fn *stem;
    vg_depthwise_fn *depthwise_stride1;
    vg_depthwise_fn *depthwise_stride2;
    vg_average_fn *average;
    vg_normalise_fn *normalise;
    vg_resample_rows_fn *resample_rows;
    vg_resample_column_fn *resample_column;
    vg_gram_fn *gram;
    vg_dot_fn *dot;
    vg_square_distance_fn *square_distance;
    vg_reach_fn *reach;
    /* In sets of digits, else NULL: a 1x1 convolution of digits, and what makes them. */
    vg_pointwise_fn *pointwise_digits;
    vg_digits_encode_fn *encode;
    vg_digits_encode_bounded_fn *encode_bounded;
    /* Called by each thread before the first of its 1x1 convolutions of digits and after the
     * last. */
    vg_digits_begin_fn *begin_digits, *end_digits;
    /* The tiles that these pick from. */
    const vg_tile *pointwise_tiles, *stem_tiles, *depthwise_tiles;
} vg_kernels;

/* The name of the index-th set of float32 that `cpu_features` (of vg_cpu_features) allows,
 * plainest first, and of the index-th one of digits; NULL past the last. */
const char *vg_kernels_name(unsigned cpu_features, size_t index);
const char *vg_kernels_of_digits_name(unsigned cpu_features, size_t index);

/* What the set's features are equal to, bit for bit: those of each set that has the same
 * answer, "float32" or "amx". */
const char *vg_kernels_arithmetic(const vg_kernels *kernels);

/* Fills the table with all sets up to and including `name`. Returns 0 when there
 * is no such set or the CPU lacks it. Sets of digits are in the table by their own name
 * alone. */
int vg_kernels_init(vg_kernels *kernels, unsigned cpu_features, const char *name);

/* Fills the table for this CPU: with the set `name`, or where that is NULL the one
 * $VERGER_CPU names, or the best. Asks the operating system for what the set needs. */
vg_status vg_kernels_choose(vg_kernels *kernels, const char *name, vg_error *error);

/* Of float32, for so many inputs and outputs. */
static inline vg_pointwise_fn *vg_kernels_pointwise(const vg_kernels *kernels, int in_channels,
                                                    int channels)
{
    const int is_of_24 = kernels->pointwise_24 != NULL && channels == VG_POINTWISE_24 &&
                         vg_pointwise_24_may(in_channels);
    return is_of_24 ? kernels->pointwise_24 : kernels->pointwise;
}

/* Overwrite what each set does better; called by vg_kernels_init alone. */
void vg_kernels_init_ref(vg_kernels *kernels);
void vg_kernels_init_avx2(vg_kernels *kernels);
void vg_kernels_init_avx512(vg_kernels *kernels);
void vg_kernels_init_vnni(vg_kernels *kernels);
void vg_kernels_init_amx(vg_kernels *kernels);
void vg_kernels_init_amx_ref(vg_kernels *kernels);
void vg_kernels_init_neon(vg_kernels *kernels);

#endif
