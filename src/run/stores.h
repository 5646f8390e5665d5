/* The two stores of a job, and what is checked and told of them. */
#ifndef VG_RUN_STORES_H
#define VG_RUN_STORES_H

#include "base/observer.h"
#include "io/io.h"
#include "output/layout.h"

/* Both are the caller's to close, also on failure, and start NULL. `observer` is warned of an
 * output whose tables readers would misread. */
vg_status vg_stores_open(vg_store **input, const char *input_address, vg_store **output,
                         const char *output_address, const vg_store_options *options,
                         const vg_observer *observer, vg_error *error);

/* Whether the output can be written, as far as can be told before any work and without leaving
 * something there: before a long listing of the input. */
vg_status vg_stores_try_output(vg_store *output, vg_error *error);

#endif
