/* The runs that an output holds, as their states tell. */
#ifndef VG_HISTORY_PAST_RUNS_H
#define VG_HISTORY_PAST_RUNS_H

#include "output/layout.h"

/* The tables that a run writes. */
enum { VG_RUN_TABLES = 8 };
extern const vg_table vg_run_tables[VG_RUN_TABLES];

typedef struct vg_past_runs {
    /* By their timestamps; "" for none. */
    char newest[VG_TIMESTAMP_CHARS], complete[VG_TIMESTAMP_CHARS], unfinished[VG_TIMESTAMP_CHARS];
} vg_past_runs;

/* `only` looks at the run of one timestamp alone; NULL at all. */
vg_status vg_past_runs_find(vg_past_runs *runs, vg_store *output, const char *only,
                            vg_error *error);

/* Which parts of a run have a record. Freed with free(). */
vg_status vg_past_runs_recorded_parts(bool **recorded, uint64_t parts, vg_store *output,
                                      const char *timestamp, vg_error *error);

/* Deletes a part and its record. */
vg_status vg_past_runs_delete_part(vg_store *output, const char *timestamp, const char *uuid,
                                   uint64_t number, vg_error *error);

/* Deletes files that runs which were killed had only begun in their states. For the holder of
 * the lock: nobody else is writing them. */
vg_status vg_past_runs_clear(vg_store *output, vg_error *error);

/* Deletes what a run that was killed left of parts that have no record, and all that
 * comes after the parts. */
vg_status vg_past_runs_sweep(vg_store *output, const char *timestamp, const char *uuid,
                             const bool *recorded, uint64_t parts, vg_error *error);

#endif
