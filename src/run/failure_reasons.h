/* Why images failed, so that a run can tell the reason that most of them share. */
#ifndef VG_RUN_FAILURE_REASONS_H
#define VG_RUN_FAILURE_REASONS_H

#include <stddef.h>
#include <stdint.h>

enum { VG_FAILURE_REASONS = 16, VG_REASON_CHARS = 256 };

/* Starts as {0}. */
typedef struct vg_failure_reasons {
    struct {
        char text[VG_REASON_CHARS]; /* as it came first */
        uint64_t images;
    } items[VG_FAILURE_REASONS]; /* the first that came */
    size_t count;
} vg_failure_reasons;

/* Reasons that differ in numbers alone are one. */
void vg_failure_reasons_add(vg_failure_reasons *reasons, const char *reason);

/* The reason of most images, and of how many; "" and 0 where none failed. */
const char *vg_failure_reasons_most(const vg_failure_reasons *reasons, uint64_t *images);

#endif
