/* All runs of an output, with what each holds. */
#ifndef VG_HISTORY_RUN_CATALOGUE_H
#define VG_HISTORY_RUN_CATALOGUE_H

#include <stdbool.h>

#include "history/run_plan.h"
#include "output/layout.h"

typedef struct vg_run_entry {
    char timestamp[VG_TIMESTAMP_CHARS];
    bool is_complete;
    uint64_t images;       /* that it set out to take; 0 where its plan cannot be read */
    uint64_t parts, whole; /* in all, and those that are there */
    uint64_t bytes;        /* of its tables and its state */
} vg_run_entry;

/* Oldest first. */
typedef struct vg_run_catalogue {
    vg_run_entry *entries;
    size_t count, capacity;
} vg_run_catalogue;

/* Starts as {0}. Tables that no run wrote are not told. */
vg_status vg_run_catalogue_open(vg_run_catalogue *catalogue, vg_store *output, vg_error *error);
void vg_run_catalogue_close(vg_run_catalogue *catalogue);

/* One table of a run. */
typedef struct vg_run_table {
    char folder[VG_FOLDER_CHARS];
    bool is_complete;
    uint64_t files, bytes;
} vg_run_table;

typedef struct vg_run_detail {
    vg_saved_plan plan; /* all zero where it cannot be read */
    vg_run_table *tables;
    size_t count, capacity;
} vg_run_detail;

/* Starts as {0}. VG_ENOTFOUND where the output has nothing of that timestamp. */
vg_status vg_run_detail_open(vg_run_detail *detail, vg_store *output, const char *timestamp,
                             vg_error *error);
void vg_run_detail_close(vg_run_detail *detail);

/* Deletes a run, what it keeps about itself last: an interrupted call can be made again.
 * For who holds the lock. */
vg_status vg_run_catalogue_delete(vg_store *output, const char *timestamp, vg_error *error);

#endif
