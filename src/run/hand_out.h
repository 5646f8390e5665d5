/* Parts of a run that other processes extract. */
#ifndef VG_RUN_HAND_OUT_H
#define VG_RUN_HAND_OUT_H

#include "history/continuation.h"
#include "history/part_bounds.h"
#include "history/run_options.h"

typedef struct vg_handed {
    bool *recorded; /* the parts that are there now, the caller's to free */
    bool *handed;   /* those of them that others extracted, too */
} vg_handed;

/* Hands out what is neither there nor one of the run that is updated, nor may be one, and looks
 * what came. VG_ENOTFOUND where nothing did. */
vg_status vg_hand_out_parts(vg_handed *handed, const vg_run_options *options, vg_store *output,
                            const char *timestamp, const vg_image_list *images,
                            const vg_part_bounds *bounds, const vg_continuation *continuation,
                            vg_error *error);
void vg_handed_free(vg_handed *handed);

/* How many images a part should have, so that `hands` have some parts each, and none so few
 * that its start counts. */
uint64_t vg_hand_out_part_rows(uint64_t images, int hands, uint64_t most);

#endif
