/* One part of the tables features, metadata and errors, row by row, with what the run
 * keeps about it. */
#ifndef VG_RUN_PART_WRITER_H
#define VG_RUN_PART_WRITER_H

#include "history/part_record.h"
#include "run/features_phase.h"
#include "run/pipeline.h"

typedef struct vg_part_writer vg_part_writer;

vg_status vg_part_writer_open(vg_part_writer **writer, const vg_features_phase *task,
                              vg_error *error);
/* Drops a part that has not ended. */
void vg_part_writer_close(vg_part_writer **writer);

/* `first` is the number of its first image in the list. */
vg_status vg_part_writer_begin(vg_part_writer *writer, uint64_t number, uint64_t first,
                               vg_error *error);
/* A row of metadata and one of features or of errors. */
vg_status vg_part_writer_append(vg_part_writer *writer, const vg_outcome *outcome, vg_error *error);
/* Of a part whose features and metadata are taken over: its image, and why it failed. */
vg_status vg_part_writer_note(vg_part_writer *writer, const vg_outcome *outcome, vg_error *error);
/* The split of the image that was appended last; "" for none. */
const char *vg_part_writer_split(const vg_part_writer *writer);
/* Commits the files, those of the part's moments among them, then the record, whose figures the
 * caller fills. */
vg_status vg_part_writer_end(vg_part_writer *writer, const vg_moments *moments,
                             vg_part_record *record, vg_error *error);
/* The same for a part whose images were noted; `from` is that whose features, metadata
 * and moments it takes over. */
vg_status vg_part_writer_end_taken(vg_part_writer *writer, const vg_part_record *from,
                                   vg_part_record *record, vg_error *error);
/* Only the errors of the part: for a run that ends because there are too many. */
void vg_part_writer_end_errors(vg_part_writer *writer);

/* Marks the tables as complete. */
vg_status vg_part_writer_mark_complete(vg_part_writer *writer, bool has_errors, vg_error *error);

#endif
