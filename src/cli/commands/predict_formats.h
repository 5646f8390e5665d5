/* What `verger predict` prints of images, a line each, sent off at once. */
#ifndef VG_CLI_COMMANDS_PREDICT_FORMATS_H
#define VG_CLI_COMMANDS_PREDICT_FORMATS_H

#include "classify/predict_images.h"

#define VG_CLI_PREDICT_FORMATS "table json csv"
typedef enum vg_cli_predict_format {
    VG_CLI_PREDICT_TABLE,
    VG_CLI_PREDICT_JSON,
    VG_CLI_PREDICT_CSV
} vg_cli_predict_format;

typedef struct vg_cli_answer {
    const char *name; /* of the image; of a frame its number, without a fraction */
    bool is_frame;
    const char *failure;           /* why there is no label, or NULL */
    const vg_image_answer *answer; /* where there is none */
} vg_cli_answer;

void vg_cli_predict_begin(vg_cli_predict_format format, bool of_frames);
void vg_cli_predict_print(vg_cli_predict_format format, const vg_image_predictor *predictor,
                          const vg_cli_answer *answer);

#endif
