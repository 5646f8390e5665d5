#include "explore/content_copies.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "explore/kept_rows.h"

typedef struct digest {
    uint32_t row;
    char sha256[VG_SHA256_CHARS]; /* "" where it is not known */
} digest;

typedef struct collecting {
    digest *digests; /* [rows], by row */
    uint64_t known;
} collecting;

static int by_content(const void *left, const void *right)
{
    const digest *a = left, *b = right;
    int order = strcmp(a->sha256, b->sha256);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static vg_status take_digest(void *context, uint32_t row, const vg_kept_image *image,
                             vg_error *error)
{
    collecting *state = context;
    digest *taken = &state->digests[row];
    (void)error;
    if (image->sha256[0] == '\0') return VG_OK;
    state->known += taken->sha256[0] == '\0';
    memcpy(taken->sha256, image->sha256, sizeof taken->sha256);
    return VG_OK;
}

static void find_firsts(digest *digests, size_t rows, uint32_t *first_of)
{
    qsort(digests, rows, sizeof *digests, by_content);
    for (size_t i = 1; i < rows; i++) {
        const digest *one = &digests[i], *before = one - 1;
        if (one->sha256[0] != '\0' && strcmp(one->sha256, before->sha256) == 0)
            first_of[one->row] = first_of[before->row];
    }
}

vg_status vg_content_copies_find(uint32_t *first_of, uint64_t *known, const vg_row_table *table,
                                 vg_store *output, const atomic_bool *cancel, vg_error *error)
{
    size_t rows = vg_row_table_count(table);
    collecting state = {.digests = calloc(rows + 1, sizeof *state.digests)};
    *known = 0;
    if (state.digests == NULL) return vg_fail_memory(error, rows * sizeof *state.digests);
    for (size_t row = 0; row < rows; row++) first_of[row] = state.digests[row].row = (uint32_t)row;
    vg_status status = vg_kept_rows_visit(table, output, cancel, take_digest, &state, error);
    if (status == VG_OK) find_firsts(state.digests, rows, first_of);
    *known = state.known;
    free(state.digests);
    return status;
}
