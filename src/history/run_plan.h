/* What a run set out to do, kept in its output, so that a later call can tell whether
 * it would do the same. */
#ifndef VG_HISTORY_RUN_PLAN_H
#define VG_HISTORY_RUN_PLAN_H

#include "history/part_bounds.h"
#include "history/run_options.h"
#include "output/layout.h"
#include "selection/image_list.h"

/* Raised when a version of verger writes other tables of the same features. */
enum { VG_TABLES_VERSION = 2 };

typedef struct vg_plan {
    const char *input;           /* address */
    vg_store *images_store;      /* the input itself: what could not be read is tried again */
    const char *model;           /* SHA-256 of the weights, or "seeded:N" */
    const char *arithmetic;      /* of vg_model_arithmetic */
    const vg_image_list *images; /* NULL where they are not known: they are then not compared, */
    const vg_part_bounds *parts; /* and neither are their parts */
    const vg_run_options *options;
    const vg_fact *facts; /* of its files; not compared */
    size_t fact_count;
    const char *uuid; /* of the parts */
    const char *base; /* timestamp of the run that is updated, or "" */
} vg_plan;

/* What a plan in an output says. */
typedef struct vg_saved_plan {
    char *json; /* owned */
    size_t size;
    char uuid[VG_UUID_CHARS];
    char base[VG_TIMESTAMP_CHARS];
    uint64_t images, part_rows, parts;
    vg_part_ends part_ends;
    char model_source[1024]; /* what tables call the model; "" where the plan does not say */
} vg_saved_plan;

/* One write; the folder of the state is made. */
vg_status vg_plan_write(vg_store *output, const char *timestamp, const vg_plan *plan,
                        vg_error *error);

/* VG_ENOTFOUND where there is none, VG_EFORMAT where it is damaged. */
vg_status vg_plan_read(vg_saved_plan *saved, vg_store *output, const char *timestamp,
                       vg_error *error);
void vg_plan_free(vg_saved_plan *saved);

/* The same from its bytes, which become the plan's. */
vg_status vg_plan_parse(vg_saved_plan *saved, char *json, size_t size, vg_error *error);

/* Calls `told` for what the plan says: a name that the plan's file has, and its value as text. */
typedef void vg_plan_teller(void *context, const char *name, const char *value);
void vg_plan_tell(const vg_saved_plan *saved, vg_plan_teller *told, void *context);

/* What has to be the same. */
typedef enum vg_plan_scope {
    VG_PLAN_WHOLE,   /* all: the tables would be the same */
    VG_PLAN_TABLES,  /* all but the place of the input: they would but for addresses */
    VG_PLAN_FEATURES /* what the features of one image depend on */
} vg_plan_scope;

/* VG_EINVAL and the first difference where there is one. */
vg_status vg_plan_compare(const vg_saved_plan *saved, const vg_plan *plan, vg_plan_scope scope,
                          vg_error *error);

/* How the parts of a run with these options end. */
vg_part_ends vg_plan_part_ends(const vg_run_options *options);

#endif
