/* Memory that the large images of several threads share (vg_budget of the public header). */
#ifndef VG_IMAGE_BUDGET_H
#define VG_IMAGE_BUDGET_H

#include "verger/verger.h"

/* Waits until that much is free, or all of it: an image larger than the whole budget is
 * decoded while no other large one is. VG_ECANCELLED where the options' caller asks to stop
 * meanwhile. */
vg_status vg_budget_take(vg_budget *budget, uint64_t bytes, const vg_image_options *options,
                         vg_error *error);
void vg_budget_give(vg_budget *budget, uint64_t bytes);

#endif
