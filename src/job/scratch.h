/* Bytes that are written once, front to back, and read anywhere: in memory while
 * they are few, then in a file without a name, which goes with the process. */
#ifndef VG_JOB_SCRATCH_H
#define VG_JOB_SCRATCH_H

#include "verger/verger.h"

typedef struct vg_scratch vg_scratch;

/* More than `memory` bytes go to a file in $TMPDIR, or /tmp. */
vg_status vg_scratch_open(vg_scratch **scratch, size_t memory, vg_error *error);
void vg_scratch_close(vg_scratch **scratch);

vg_status vg_scratch_append(vg_scratch *scratch, const void *bytes, size_t size, vg_error *error);
uint64_t vg_scratch_size(const vg_scratch *scratch);

/* Exactly `size` bytes that have been appended. Threads may read at once, while none
 * appends. */
vg_status vg_scratch_read(const vg_scratch *scratch, uint64_t offset, void *to, size_t size,
                          vg_error *error);

#endif
