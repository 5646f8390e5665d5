/* Where a job that makes tables of tables has them, and how it is told to write: the same for all.
 */
#ifndef VG_OUTPUT_TARGET_H
#define VG_OUTPUT_TARGET_H

#include <stdatomic.h>

#include "base/observer.h"
#include "io/io.h"

typedef struct vg_target {
    const char *output; /* address: tables are read there, and written there */
    vg_store_options store;
    const char *timestamp; /* NULL is now */
    bool parquet, csv;     /* default both */
    bool overwrite;        /* replace tables that have this timestamp */
    uint64_t part_rows;    /* default 4096 */
    const atomic_bool *cancel;
    vg_observer observer;
} vg_target;

static inline vg_target vg_target_default(void)
{
    return (vg_target){.parquet = true, .csv = true, .part_rows = 4096};
}

#endif
