/* What is odd about the images of a table: rows unlike all others, labels that neighbours
 * contradict, duplicates, images of a test with a twin among those trained on, pictures that are
 * poor or that were saved again. */
#ifndef VG_EXPLORE_INSPECTION_H
#define VG_EXPLORE_INSPECTION_H

#include "explore/linkage.h"
#include "explore/neighbour_lists.h"
#include "explore/pictures.h"
#include "output/text_codes.h"

typedef enum vg_check {
    VG_CHECK_OUTLIERS,
    VG_CHECK_LABELS,
    VG_CHECK_DUPLICATES,
    VG_CHECK_LEAKS,
    VG_CHECK_QUALITY,
    VG_CHECK_RESAVED,
    VG_CHECK_COUNT
} vg_check;

/* The words of the command too. */
#define VG_CHECK_NAMES "outliers labels duplicates leaks quality resaved"

/* Those that need what 'verger run --quality' measures. */
#define VG_MEASURED_CHECKS (1u << VG_CHECK_QUALITY | 1u << VG_CHECK_RESAVED)

/* Rows of other images are -1 for none; ranks are from 1 on, 0 for none. */
typedef struct vg_finding {
    unsigned found;        /* bits 1 << vg_check */
    double outlier_score;  /* mean distance to the neighbours; NaN without any */
    double class_distance; /* Mahalanobis, to the mean of its label; NaN where there is none */
    bool unlike_all, unlike_class;
    uint32_t outlier_rank; /* by the better place of the two, then the other */
    uint32_t class_rank;   /* by class_distance */
    double label_score;    /* lead of another label over the own one, as a share of the votes */
    uint32_t label_rank;
    uint32_t suggested;      /* code of the label that most votes are for */
    double support;          /* its share of the votes */
    uint32_t group;          /* of duplicates, from 1 on; 0 for none */
    double diameter;         /* the largest distance in the group */
    int64_t copy_of;         /* first row with the same bytes, which the row is not itself */
    int64_t leak_of;         /* row of the training split that is the same, or near */
    double leak_distance;    /* NaN where it was told by what the two look like, saved again */
    unsigned faults;         /* bits 1 << vg_fault */
    uint32_t resaved_group;  /* of one picture in files of several contents, from 1 on; 0: none */
    double resaved_diameter; /* the largest distance in it, in grey levels */
} vg_finding;

typedef struct vg_inspection_options {
    unsigned checks; /* bits 1 << vg_check; the others find nothing */
    double near;     /* what is a duplicate: share of the median distance to the nearest image */
    const uint32_t *same_as; /* [rows], the first row of the same bytes; NULL where not known */
    const char *group;       /* an expression of vg_path_groups_find, or NULL: see below */
    double within;           /* how far pictures saved again are apart, in grey levels */
    vg_row_quality *quality; /* what was measured; NULL or none known: those checks find nothing */
    const atomic_bool *cancel;
} vg_inspection_options;

/* Images of one group, frames of one object say, are alike by their making: as neighbours they have
 * no vote on one another's labels, and they are no near-duplicates and no twins; copies are. */

/* Grey levels: `within` is at most this. */
#define VG_FARTHEST_RESAVED 8.0

/* All checks, 0.13 and 0.9. */
void vg_inspection_options_default(vg_inspection_options *options);

typedef struct vg_inspection {
    size_t rows;
    vg_finding *findings; /* [rows] */
    vg_text_codes labels; /* texts are those of the row table */
    vg_linkage linkage;   /* up to VG_FARTHEST_NEAR, for who looks with another limit */
    double median_nearest, near_limit, outlier_limit, class_limit; /* distances */
    const char *training; /* that split; NULL where all are of one */
    uint64_t tested;      /* rows of another split than training */
    uint64_t leak_paths;  /* of those, whose nearest image is of the training split */
    uint64_t leak_groups; /* of those, whose group has images of the training split */
    uint64_t found[VG_CHECK_COUNT], groups, copies;
    uint64_t unlabelled; /* rows without a label, which have no vote and no class */
    uint64_t unvoted;    /* rows with fewer than two neighbours of other groups */
    uint64_t faults[VG_FAULT_COUNT], resaved_groups;
    uint64_t digests;       /* rows whose bytes are known by their digest */
    vg_row_quality quality; /* of the rows, where it was looked for; else empty */
} vg_inspection;

/* A share of the median: `near` is at most this. */
#define VG_FARTHEST_NEAR 0.5

/* One pass over the neighbours, in one order: the same bits on any machine. `table` must outlive
 * it. */
vg_status vg_inspection_make(vg_inspection *inspection, const vg_row_table *table,
                             const vg_neighbour_lists *lists, const vg_inspection_options *options,
                             vg_error *error);
void vg_inspection_free(vg_inspection *inspection);

#endif
