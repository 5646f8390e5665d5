/* The answers of `verger predict`: each image to a line, and the figures of all. */
#ifndef VG_CLI_COMMANDS_PREDICT_ANSWERS_H
#define VG_CLI_COMMANDS_PREDICT_ANSWERS_H

#include "cli/commands/predict_formats.h"
#include "cli/reporting/latencies.h"
#include "cli/reporting/metrics.h"
#include "stream/frame_source.h"

typedef struct vg_cli_predict_stream {
    bool is_asked_for; /* standard input is read */
    bool drop;
    vg_stream_kind kind;
    int width, height; /* of VG_STREAM_FRAMES; 0 where none were given */
} vg_cli_predict_stream;

/* Starts with what is not counted. */
typedef struct vg_cli_answers {
    vg_image_predictor *predictor;
    vg_cli_predict_format format;
    vg_cli_predict_stream stream;
    vg_cli_metrics *metrics; /* or NULL */
    uint64_t images, failed, unknown, dropped, skipped;
    vg_cli_latencies latencies; /* of the images that have a label */
    double seconds;             /* their sum */
    double told;                /* vg_seconds() of the last figures for the metrics */
} vg_cli_answers;

/* Of an image by its name, in the store or, where that is NULL, on this machine. An image that
 * cannot be read gets a line too; what others would meet as well is returned. */
vg_status vg_cli_answer_image(vg_cli_answers *answers, vg_store *store, const char *path,
                              const char *name, vg_error *error);
/* Of what standard input brings, until its end or a signal. */
vg_status vg_cli_answer_stream(vg_cli_answers *answers, vg_error *error);

/* "12 images, 1 failed; milliseconds an image: ...". */
void vg_cli_answers_text(const vg_cli_answers *answers, char *text, size_t size);
/* To the metrics, at most once a second unless it is the end. */
void vg_cli_answers_tell(vg_cli_answers *answers, bool is_end);

#endif
