#include "explore/pictures.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

/* cleanvision's rules, in levels: dark is an image whose brightest pixels are below 32 in a
 * hundred, light one whose darkest are above 95. */
static const uint8_t dark_level = 82, light_level = 242;
/* Set apart Fruits-360 from the same images blurred by 1.5 of their pixels and from those of a
 * tenth of the contrast (docs/explore.md). The Laplacian is held against the contrast: alone it
 * calls all that is dark or flat blurred. */
static const double flat_contrast = 12, blurred_share = 0.01;

enum { PERCENTILE_5 = 1, PERCENTILE_99 = 4 };

unsigned vg_picture_faults(const vg_row_measures *measures)
{
    if (measures->width == 0) return 0;
    if (measures->brightness[PERCENTILE_99] < dark_level) return 1u << VG_DARK;
    if (measures->brightness[PERCENTILE_5] > light_level) return 1u << VG_LIGHT;
    if (measures->contrast < flat_contrast) return 1u << VG_FLAT;
    double variance = measures->contrast * measures->contrast;
    return measures->sharpness < blurred_share * variance ? 1u << VG_BLURRED : 0;
}

/* --- Pictures that were saved again -------------------------------------------------- */

typedef struct group {
    uint32_t content, number; /* the first one; the group's number from now on, 0 for none */
    bool is_seen, is_mixed;   /* several contents are in it */
} group;

/* Groups of one content are copies, which is another finding. */
static uint64_t keep_mixed(uint32_t *group_of, size_t rows, const uint32_t *same_as, group *groups)
{
    uint32_t count = 0;
    for (size_t row = 0; row < rows; row++) {
        group *own = &groups[group_of[row]];
        uint32_t content = same_as != NULL ? same_as[row] : (uint32_t)row;
        if (!own->is_seen) own->content = content;
        own->is_seen = true;
        own->is_mixed |= own->content != content;
    }
    groups[0].is_mixed = false;
    for (size_t row = 0; row < rows; row++) {
        group *own = &groups[group_of[row]];
        if (own->is_mixed && own->number == 0) own->number = ++count;
        group_of[row] = own->number;
    }
    return count;
}

vg_status vg_pictures_group(uint32_t *group_of, float *diameter_of, uint64_t *group_count,
                            vg_row_quality *quality, double within, size_t rows,
                            const uint32_t *same_as, const atomic_bool *cancel, vg_error *error)
{
    vg_near_pair *pairs = NULL;
    vg_linkage linkage = {0};
    size_t count;
    group *groups = calloc(rows + 1, sizeof *groups);
    uint32_t *alike = malloc((rows + 1) * sizeof *alike);
    vg_status status = VG_OK;
    if (groups == NULL || alike == NULL)
        status = vg_fail_memory(error, rows * (sizeof *groups + sizeof *alike));
    for (size_t row = 0; row < rows && status == VG_OK; row++)
        alike[row] = same_as != NULL ? same_as[row] : (uint32_t)row;
    if (status == VG_OK) status = vg_row_quality_unite(quality, alike, error);
    /* What has the signature of a copy's first row is alike to the copy too. */
    for (size_t row = 0; row < rows && status == VG_OK; row++) alike[row] = alike[alike[row]];
    if (status == VG_OK)
        status = vg_row_quality_pairs(&pairs, &count, quality, within, cancel, error);
    if (status == VG_OK) status = vg_linkage_make(&linkage, pairs, count, rows, alike, error);
    if (status == VG_OK) status = vg_linkage_cut(&linkage, within, group_of, diameter_of, error);
    if (status == VG_OK) *group_count = keep_mixed(group_of, rows, same_as, groups);
    vg_linkage_free(&linkage);
    free(pairs);
    free(alike);
    free(groups);
    return status;
}
