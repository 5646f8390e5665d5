/* What the pixels of images say against them, by what the run measured. */
#ifndef VG_EXPLORE_PICTURES_H
#define VG_EXPLORE_PICTURES_H

#include "explore/row_quality.h"

/* Why a picture is poor. */
typedef enum vg_fault { VG_DARK, VG_LIGHT, VG_BLURRED, VG_FLAT, VG_FAULT_COUNT } vg_fault;

/* Bits 1 << vg_fault, at most one of them: what is dark is flat too, and that is no news. 0 of an
 * image that was not measured. */
unsigned vg_picture_faults(const vg_row_measures *measures);

/* Finds pictures that lie in several files of different bytes: saved again in another format,
 * quality or size. Their signatures are at most `within` levels apart. group_of [rows] is from 1
 * on, by the first row, and 0 for the others; of a group no two are farther apart than diameter_of
 * [rows], in grey levels. same_as [rows] is the lowest row of the same bytes; NULL where that is
 * not known. Signatures of pictures that are alike are taken out of `quality`. */
vg_status vg_pictures_group(uint32_t *group_of, float *diameter_of, uint64_t *groups,
                            vg_row_quality *quality, double within, size_t rows,
                            const uint32_t *same_as, const atomic_bool *cancel, vg_error *error);

#endif
