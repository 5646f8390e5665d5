/* The moments of a part as a file of the run's state, so that who keeps the part need not sum them
 * again. Whatever is wrong with such a file, the part's features have the same moments. */
#ifndef VG_RUN_PART_MOMENTS_H
#define VG_RUN_PART_MOMENTS_H

#include "history/part_record.h"
#include "run/features_phase.h"

/* Of fewer rows moments are not kept: as a file they are as large as the features of 1,281 images,
 * whatever the number of rows. Parts of --part-rows as it is by default have more. */
enum { VG_LEAST_ROWS_OF_MOMENTS = 2048 };

/* Writes those of the part `number` of the run and adds the file to `files`; nothing where they are
 * of too few rows, or where no PCA is fitted. */
vg_status vg_part_moments_write(const vg_features_phase *task, uint64_t number,
                                const vg_moments *moments, vg_part_files *files, vg_error *error);

/* `moments` is the caller's. VG_EFORMAT where the file is not as it was written, or of rows that
 * were chosen or summed otherwise; VG_ENOTFOUND where it is no more. */
vg_status vg_part_moments_read(vg_moments **moments, const vg_features_phase *task,
                               const vg_part_file *file, vg_error *error);

#endif
