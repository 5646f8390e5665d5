/* What is odd about the images of a table: rows unlike all others, labels that neighbours
 * contradict, duplicates, images of a test with a twin among those trained on. */
#ifndef VG_EXPLORE_INSPECTION_H
#define VG_EXPLORE_INSPECTION_H

#include "explore/linkage.h"
#include "explore/neighbour_lists.h"
#include "output/text_codes.h"

typedef enum vg_check {
    VG_CHECK_OUTLIERS,
    VG_CHECK_LABELS,
    VG_CHECK_DUPLICATES,
    VG_CHECK_LEAKS,
    VG_CHECK_COUNT
} vg_check;

/* "outliers labels duplicates leaks", the words of the command too. */
#define VG_CHECK_NAMES "outliers labels duplicates leaks"

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
    uint32_t suggested; /* code of the label that most votes are for */
    double support;     /* its share of the votes */
    uint32_t group;     /* of duplicates, from 1 on; 0 for none */
    double diameter;    /* the largest distance in the group */
    int64_t copy_of;    /* first row with the same bytes, which the row is not itself */
    int64_t leak_of;    /* row of the training split that is the same, or near */
    double leak_distance;
} vg_finding;

typedef struct vg_inspection_options {
    unsigned checks; /* bits 1 << vg_check; the others find nothing */
    double near;     /* what is a duplicate: share of the median distance to the nearest image */
    const uint32_t *same_as; /* [rows], the first row of the same bytes; NULL where not known */
} vg_inspection_options;

/* All checks, 0.13. */
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
    uint64_t found[VG_CHECK_COUNT], groups, copies;
    uint64_t digests; /* rows whose bytes are known by their digest */
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
