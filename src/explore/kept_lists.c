#include "explore/kept_lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "explore/neighbours_update.h"

void vg_kept_lists_open(vg_kept_lists *kept, vg_store *output, const char *timestamp,
                        const vg_fact *facts, size_t fact_count, size_t rows, size_t k)
{
    *kept = (vg_kept_lists){.output = output, .timestamp = timestamp, .rows = rows, .k = k};
    for (size_t i = 0; i < fact_count && kept->fact_count < VG_KEPT_FACTS; i++)
        if (strcmp(facts[i].key, VG_ROWS_OF) != 0) kept->facts[kept->fact_count++] = facts[i];
    snprintf(kept->name, sizeof kept->name, VG_NEIGHBOURS_CHECKPOINT);
}

void vg_kept_lists_close(vg_kept_lists *kept)
{
    for (size_t i = 0; i < kept->count; i++) vg_neighbours_checkpoint_free(&kept->items[i]);
    free(kept->items);
    *kept = (vg_kept_lists){0};
}

/* --- Reading ---------------------------------------------------------------------- */

static vg_status read_one(const vg_kept_lists *kept, vg_neighbours_checkpoint *to, const char *name,
                          vg_error *error)
{
    return vg_neighbours_checkpoint_read(to, kept->output, kept->timestamp, name, kept->facts,
                                         kept->fact_count, kept->rows, kept->k, error);
}

static vg_status make_room(vg_kept_lists *kept, size_t count, vg_error *error)
{
    kept->items = calloc(count, sizeof *kept->items);
    if (kept->items == NULL) return vg_fail_memory(error, count * sizeof *kept->items);
    kept->count = count;
    return VG_OK;
}

bool vg_kept_lists_be_share(vg_kept_lists *kept, size_t share, size_t shares)
{
    vg_neighbours_checkpoint there;
    vg_neighbours_share_name(kept->name, share, shares);
    bool is_there = read_one(kept, &there, kept->name, NULL) == VG_OK;
    vg_neighbours_checkpoint_free(&there);
    return is_there;
}

vg_status vg_kept_lists_resume(vg_kept_lists *kept, vg_error *error)
{
    vg_status status = make_room(kept, 1, error);
    if (status == VG_OK) status = read_one(kept, kept->items, VG_NEIGHBOURS_CHECKPOINT, error);
    if (status != VG_EINVAL && status != VG_EFORMAT) return status;
    return vg_fail_prefix(error, status,
                          "the neighbours of %s cannot be resumed (call without --resume)",
                          kept->timestamp);
}

vg_status vg_kept_lists_gather(vg_kept_lists *kept, size_t shares, vg_error *error)
{
    char name[VG_NEIGHBOURS_NAME_CHARS];
    vg_status status = make_room(kept, shares, error);
    for (size_t i = 0; i < shares && status == VG_OK; i++) {
        vg_neighbours_share_name(name, i, shares);
        status = read_one(kept, &kept->items[i], name, error);
        if (status != VG_OK)
            vg_fail_prefix(error, status,
                           "share %zu of %zu cannot be taken (write it with --share %zu/%zu)",
                           i + 1, shares, i + 1, shares);
    }
    return status;
}

/* --- Writing ---------------------------------------------------------------------- */

vg_status vg_kept_lists_save(void *kept, const int32_t *lists, size_t done, vg_error *error)
{
    const vg_kept_lists *to = kept;
    return vg_neighbours_checkpoint_write(to->output, to->timestamp, to->name, to->facts,
                                          to->fact_count, lists, to->rows, to->k, done, error);
}

vg_status vg_kept_lists_delete(const vg_kept_lists *kept, size_t shares, vg_error *error)
{
    char name[VG_NEIGHBOURS_NAME_CHARS];
    vg_status status = vg_neighbours_checkpoint_delete(kept->output, kept->timestamp,
                                                       VG_NEIGHBOURS_CHECKPOINT, error);
    for (size_t i = 0; i < shares && status == VG_OK; i++) {
        vg_neighbours_share_name(name, i, shares);
        status = vg_neighbours_checkpoint_delete(kept->output, kept->timestamp, name, error);
    }
    return status;
}
