/* What a call that looks for neighbours keeps: of its work, for one that goes on; of the rows that
 * it is of, for one that updates. In _verger/neighbours/<ts>/. */
#ifndef VG_EXPLORE_NEIGHBOURS_STATE_H
#define VG_EXPLORE_NEIGHBOURS_STATE_H

#include "explore/row_table.h"
#include "output/layout.h"
#include "output/tensor_file.h"

#define VG_NEIGHBOURS_CHECKPOINT "checkpoint.safetensors"

/* A share of vg_graph_choices that is done is such a file too. */
enum { VG_NEIGHBOURS_NAME_CHARS = 64 };
void vg_neighbours_share_name(char name[VG_NEIGHBOURS_NAME_CHARS], size_t share, size_t shares);

/* VG_NEIGHBOURS_CHECKPOINT: the lists as they are so far, how many tasks of
 * vg_graph_choices are done, and the facts of what was asked. */
typedef struct vg_neighbours_checkpoint {
    int32_t *lists; /* [rows][k], owned; -1 past a row's last */
    size_t done;
} vg_neighbours_checkpoint;

/* The timestamp of the newest one, or of that of `only` where it is not NULL; "" for none. */
vg_status vg_neighbours_checkpoint_find(char timestamp[VG_TIMESTAMP_CHARS], vg_store *output,
                                        const char *only, vg_error *error);

/* Of rows and neighbours [rows][k]. VG_EINVAL and the first difference where it is of other facts,
 * VG_EFORMAT where it is damaged. */
vg_status vg_neighbours_checkpoint_read(vg_neighbours_checkpoint *checkpoint, vg_store *output,
                                        const char *timestamp, const char *name,
                                        const vg_fact *facts, size_t fact_count, size_t rows,
                                        size_t k, vg_error *error);
void vg_neighbours_checkpoint_free(vg_neighbours_checkpoint *checkpoint);

/* In one write, over the one before. */
vg_status vg_neighbours_checkpoint_write(vg_store *output, const char *timestamp, const char *name,
                                         const vg_fact *facts, size_t fact_count,
                                         const int32_t *lists, size_t rows, size_t k, size_t done,
                                         vg_error *error);

/* Nothing there is VG_OK. */
vg_status vg_neighbours_checkpoint_delete(vg_store *output, const char *timestamp, const char *name,
                                          vg_error *error);

/* rows.safetensors: the rows that a table is of, in its order. */
typedef struct vg_neighbours_rows {
    vg_tensor_file file; /* that what follows lies in */
    size_t count;
    const char *paths;            /* each with its NUL, one after the other */
    const unsigned char *digests; /* [count][VG_SHA256_BYTES] */
} vg_neighbours_rows;

/* `sha256` is vg_row_digests_sum of these rows. */
vg_status vg_neighbours_rows_write(vg_store *output, const char *timestamp,
                                   const vg_row_table *table, const unsigned char *digests,
                                   const char *sha256, vg_error *error);

/* VG_EFORMAT where it is damaged, or of other rows than `sha256` says. */
vg_status vg_neighbours_rows_read(vg_neighbours_rows *rows, vg_store *output, const char *timestamp,
                                  const char *sha256, vg_error *error);
void vg_neighbours_rows_free(vg_neighbours_rows *rows);

#endif
