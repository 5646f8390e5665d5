/* Bytes that are written once, front to back, and read anywhere: in memory while
 * they are few, then in a file without a name, which goes with the process. */
#ifndef VG_SELECTION_SPILL_H
#define VG_SELECTION_SPILL_H

#include "verger/verger.h"

typedef struct vg_spill vg_spill;

/* More than `memory` bytes go to a file in $TMPDIR, or /tmp. */
vg_status vg_spill_open(vg_spill **scratch, size_t memory, vg_error *error);
void vg_spill_close(vg_spill **scratch);

vg_status vg_spill_append(vg_spill *scratch, const void *bytes, size_t size, vg_error *error);
uint64_t vg_spill_size(const vg_spill *scratch);

/* Exactly `size` bytes that have been appended. Threads may read at once, while none
 * appends. */
vg_status vg_spill_read(const vg_spill *scratch, uint64_t offset, void *to, size_t size,
                        vg_error *error);

#endif
