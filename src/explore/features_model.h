/* How the features of a table were made: by which weights, in which form. */
#ifndef VG_EXPLORE_FEATURES_MODEL_H
#define VG_EXPLORE_FEATURES_MODEL_H

#include "explore/row_table.h"
#include "output/feature_form.h"

enum { VG_MODEL_NAME_CHARS = 96 };

/* As the model_info of the rows says it; "" where nobody does, as of rows of others, who keep none.
 */
typedef struct vg_row_origin {
    char model[VG_MODEL_NAME_CHARS]; /* SHA-256 of the weights; "seeded:7" where those were drawn */
    char components[VG_MODEL_NAME_CHARS]; /* SHA-256 of what the features were projected to */
} vg_row_origin;

vg_status vg_row_origin_find(vg_row_origin *origin, vg_store *store, const vg_row_table *rows,
                             vg_error *error);

/* Of weights, a file or "seeded:N", in the same way. */
vg_status vg_source_model(char name[VG_MODEL_NAME_CHARS], const char *source, vg_error *error);

/* The form of the rows, as the plan of their run says; of others' rows it is the network's. */
vg_status vg_features_form(vg_feature_form *form, vg_store *store, const vg_row_table *rows,
                           vg_error *error);

#endif
