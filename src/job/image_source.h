/* The images of a run from one on, each with what is known of it: where the pipeline
 * gets its work. */
#ifndef VG_JOB_IMAGE_SOURCE_H
#define VG_JOB_IMAGE_SOURCE_H

#include "job/earlier_run.h"
#include "job/image_list.h"
#include "job/pipeline.h"

typedef struct vg_image_source vg_image_source;

/* `earlier` may be NULL. `checksum` asks for the content of an image, not for its time. */
vg_status vg_image_source_open(vg_image_source **source, const vg_image_list *images,
                               uint64_t first, const vg_earlier_run *earlier, bool checksum,
                               vg_error *error);
void vg_image_source_close(vg_image_source **source);

/* A vg_task_source. */
vg_status vg_image_source_next(void *source, vg_task *task, vg_error *error);

#endif
