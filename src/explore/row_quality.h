/* What the run measured of the images of a table: 'verger run --quality'. */
#ifndef VG_EXPLORE_ROW_QUALITY_H
#define VG_EXPLORE_ROW_QUALITY_H

#include "explore/linkage.h"
#include "explore/row_table.h"

/* As vg_image_quality has them. */
typedef struct vg_row_measures {
    int64_t bytes;     /* of the file, below 0 where the store does not say */
    int width, height; /* 0 where the image was not measured */
    uint8_t brightness[VG_BRIGHTNESS_LEVELS];
    double contrast, sharpness;
} vg_row_measures;

typedef struct vg_row_quality {
    vg_row_measures *measures; /* [rows] */
    uint64_t known;            /* rows that were measured */
    vg_row_file signatures;    /* of those, in grey levels */
    size_t signature_count;    /* until some are left out, as many */
    uint32_t *row_of;          /* [signature_count], whose they are */
} vg_row_quality;

/* None is known where the run measured none, or where no run of this program made the table. */
vg_status vg_row_quality_read(vg_row_quality *quality, const vg_row_table *table, vg_store *output,
                              const atomic_bool *cancel, vg_error *error);
void vg_row_quality_close(vg_row_quality *quality);

/* alike [rows] says on the way in which row is the lowest of the same bytes, often a row itself,
 * and on the way out which is the lowest of the same bytes or the same signature. Signatures of
 * others are left out, once and for all: there may be more of them than a list has places. */
vg_status vg_row_quality_unite(vg_row_quality *quality, uint32_t *alike, vg_error *error);

/* The pairs of rows whose signatures are at most `limit` apart, by the root of the mean square of
 * their differences, in grey levels: of each row with its ten nearest. The caller's to free. */
vg_status vg_row_quality_pairs(vg_near_pair **pairs, size_t *count, const vg_row_quality *quality,
                               double limit, const atomic_bool *cancel, vg_error *error);

#endif
