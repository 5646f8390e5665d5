/* What verger predict prints. */
#ifndef VG_CLI_COMMANDS_PREDICT_FORMATS_H
#define VG_CLI_COMMANDS_PREDICT_FORMATS_H

#include "classify/predict_images.h"

typedef enum vg_cli_predict_format {
    VG_CLI_PREDICT_TABLE,
    VG_CLI_PREDICT_JSON,
    VG_CLI_PREDICT_CSV
} vg_cli_predict_format;

#define VG_CLI_PREDICT_FORMATS "table json csv"

/* All go to standard output: what comes before the first image, then a line an image, sent off
 * at once. */
void vg_cli_predict_begin(vg_cli_predict_format format);
void vg_cli_predict_print(vg_cli_predict_format format, const vg_image_predictor *predictor,
                          const char *name, const vg_prediction *prediction);

#endif
