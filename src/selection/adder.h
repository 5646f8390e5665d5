/* Images on their way into a list: what is excluded stays out, the others get their labels. */
#ifndef VG_SELECTION_ADDER_H
#define VG_SELECTION_ADDER_H

#include "selection/image_list.h"
#include "selection/labels.h"
#include "selection/left_out.h"
#include "selection/patterns.h"

/* Starts with what it points to; `texts` is its own, freed by vg_adder_close. */
typedef struct vg_adder {
    vg_image_list *images;
    const vg_store *input;
    const vg_label_rule *rule;
    const vg_patterns *excludes;
    vg_left_out *left_out;
    char *texts;
    size_t capacity;
} vg_adder;

/* A label or a split that is NULL is told from the path, unless it is a note. */
vg_status vg_adder_add(vg_adder *adder, const vg_listed_image *image, vg_error *error);
void vg_adder_close(vg_adder *adder);

#endif
