/* The run that an update builds on: its images in order and their features, read from
 * those of its parts that are as they were written. */
#ifndef VG_HISTORY_EARLIER_RUN_H
#define VG_HISTORY_EARLIER_RUN_H

#include "base/observer.h"
#include "history/part_images.h"
#include "history/part_record.h"

typedef struct vg_earlier_run vg_earlier_run;

/* `store` and `timestamp` must outlive it. Parts that are missing or damaged are told to
 * the observer and left out: their images are then new. `digests` looks at contents where time
 * or ETag would tell (vg_part_file_check). */
vg_status vg_earlier_run_open(vg_earlier_run **run, vg_store *store, const char *timestamp,
                              uint64_t parts, bool digests, const vg_observer *observer,
                              const atomic_bool *cancel, vg_error *error);
/* The same of its parts from `first` to `end`, which are there. */
vg_status vg_earlier_run_open_some(vg_earlier_run **run, vg_store *store, const char *timestamp,
                                   uint64_t first, uint64_t end, const vg_observer *observer,
                                   const atomic_bool *cancel, vg_error *error);
void vg_earlier_run_close(vg_earlier_run **run);
uint64_t vg_earlier_run_images(const vg_earlier_run *run);

/* The record of its part whose images have these rows (vg_part_rows), in this order; NULL where
 * there is none. */
const vg_part_record *vg_earlier_run_find_part(const vg_earlier_run *run, const char *rows_sha256);
const char *vg_earlier_run_timestamp(const vg_earlier_run *run);

/* Goes through the images from front to back. */
typedef struct vg_earlier_cursor vg_earlier_cursor;

vg_status vg_earlier_cursor_open(vg_earlier_cursor **cursor, const vg_earlier_run *run,
                                 vg_error *error);
void vg_earlier_cursor_close(vg_earlier_cursor **cursor);

/* Goes forward to the image of that path, which comes after those asked for before.
 * `found` is NULL where there is none; it and `features` [VG_FEATURE_COUNT], not set for an
 * image that failed, are valid until the next call. Where `features` is NULL they are not read. */
vg_status vg_earlier_cursor_seek(vg_earlier_cursor *cursor, const char *path,
                                 const vg_kept_image **found, const float **features,
                                 vg_error *error);

/* The number of the part that the image found last is of. */
uint64_t vg_earlier_cursor_part(const vg_earlier_cursor *cursor);

#endif
