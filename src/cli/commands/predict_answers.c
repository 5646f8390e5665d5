#include "cli/commands/predict_answers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/cli.h"

enum { MOST_PATH = 1 << 20, MOST_JPEG = 64 << 20, FRAME_NAME_CHARS = 32 };

/* --- Figures -------------------------------------------------------------------------- */

void vg_cli_answers_text(const vg_cli_answers *answers, char *text, size_t size)
{
    const double to_ms = 1e3;
    const vg_cli_latencies *times = &answers->latencies;
    char unknown[48] = "", dropped[48] = "", skipped[64] = "", milliseconds[96] = "";
    if (vg_image_predictor_knows_unknown(answers->predictor))
        snprintf(unknown, sizeof unknown, ", %" PRIu64 " unknown", answers->unknown);
    if (answers->stream.drop)
        snprintf(dropped, sizeof dropped, ", %" PRIu64 " dropped", answers->dropped);
    if (answers->skipped > 0)
        snprintf(skipped, sizeof skipped, ", %" PRIu64 " bytes between frames", answers->skipped);
    if (times->count > 0)
        snprintf(milliseconds, sizeof milliseconds,
                 "; milliseconds an image: p50 %.1f, p90 %.1f, p99 %.1f",
                 to_ms * vg_cli_latencies_quantile(times, 0.5),
                 to_ms * vg_cli_latencies_quantile(times, 0.9),
                 to_ms * vg_cli_latencies_quantile(times, 0.99));
    snprintf(text, size, "%" PRIu64 " images, %" PRIu64 " failed%s%s%s%s", answers->images,
             answers->failed, unknown, dropped, skipped, milliseconds);
}

void vg_cli_answers_tell(vg_cli_answers *answers, bool is_end)
{
    double now = vg_seconds();
    if (answers->metrics == NULL || (!is_end && now < answers->told + 1.0)) return;
    const vg_cli_latencies *times = &answers->latencies;
    answers->told = now;
    vg_cli_metrics_set_answers(
        answers->metrics, &(vg_cli_answer_figures){.known = times->count - answers->unknown,
                                                   .unknown = answers->unknown,
                                                   .failed = answers->failed,
                                                   .dropped = answers->dropped,
                                                   .seconds = answers->seconds,
                                                   .p50 = vg_cli_latencies_quantile(times, 0.5),
                                                   .p90 = vg_cli_latencies_quantile(times, 0.9),
                                                   .p99 = vg_cli_latencies_quantile(times, 0.99)});
}

/* A line for what came of an image whose work began at `start`. */
static void finish(vg_cli_answers *answers, vg_cli_answer *answer, vg_status status, double start,
                   const vg_error *error)
{
    if (status != VG_OK) answer->failure = error->message;
    vg_cli_predict_print(answers->format, answers->predictor, answer);
    answers->images++;
    answers->failed += status != VG_OK;
    answers->unknown += status == VG_OK && answer->answer->is_unknown;
    if (status == VG_OK) {
        double seconds = vg_seconds() - start;
        vg_cli_latencies_add(&answers->latencies, seconds);
        answers->seconds += seconds;
    }
    vg_cli_answers_tell(answers, false);
}

/* --- Images ------------------------------------------------------------------------------- */

vg_status vg_cli_answer_image(vg_cli_answers *answers, vg_store *store, const char *path,
                              const char *name, vg_error *error)
{
    vg_image_answer found;
    vg_cli_answer answer = {.name = name, .answer = &found};
    double start = vg_seconds();
    vg_status status = vg_image_predictor_predict(answers->predictor, store, path, &found, error);
    finish(answers, &answer, status, start, error);
    return status == VG_ESTORE ? status : VG_OK;
}

static void answer_frame(vg_cli_answers *answers, const vg_frame *frame)
{
    const vg_cli_predict_stream *stream = &answers->stream;
    vg_image_answer found;
    vg_error error = {""};
    char name[FRAME_NAME_CHARS], number[FRAME_NAME_CHARS];
    snprintf(number, sizeof number, "%" PRIu64, frame->number);
    snprintf(name, sizeof name, "frame %" PRIu64, frame->number);
    vg_cli_answer answer = {.name = number, .is_frame = true, .answer = &found};
    const vg_image pixels = {
        .rgb = (uint8_t *)frame->bytes, .width = stream->width, .height = stream->height};
    double start = vg_seconds();
    vg_status status;
    if (frame->fault != NULL)
        status = vg_fail(&error, VG_EFORMAT, "%s: %s", name, frame->fault);
    else if (stream->kind == VG_STREAM_FRAMES)
        status = vg_image_predictor_predict_pixels(answers->predictor, &pixels, &found, &error);
    else
        status = vg_image_predictor_predict_bytes(answers->predictor, frame->bytes, frame->size,
                                                  name, &found, &error);
    finish(answers, &answer, status, start, &error);
}

/* A line that is no path has a place in the order of the others for a name. */
static vg_status answer_path(vg_cli_answers *answers, const vg_frame *frame, vg_error *error)
{
    const char *path = (const char *)frame->bytes;
    if (frame->fault == NULL) return vg_cli_answer_image(answers, NULL, path, path, error);
    char name[FRAME_NAME_CHARS];
    vg_error failure;
    snprintf(name, sizeof name, "line %" PRIu64, frame->number);
    vg_cli_answer answer = {.name = name};
    finish(answers, &answer, vg_fail(&failure, VG_EFORMAT, "%s: %s", name, frame->fault), 0.0,
           &failure);
    return VG_OK;
}

static size_t frame_limit(const vg_cli_predict_stream *stream)
{
    switch (stream->kind) {
    case VG_STREAM_PATHS: return MOST_PATH;
    case VG_STREAM_FRAMES: return 3 * (size_t)stream->width * (size_t)stream->height;
    default: return MOST_JPEG;
    }
}

vg_status vg_cli_answer_stream(vg_cli_answers *answers, vg_error *error)
{
    const vg_cli_predict_stream *stream = &answers->stream;
    const vg_frame_source_options options = {.descriptor = STDIN_FILENO,
                                             .name = "standard input",
                                             .kind = stream->kind,
                                             .limit = frame_limit(stream),
                                             .drop = stream->drop,
                                             .cancel = &vg_cli_interrupted};
    vg_frame_source *source;
    vg_frame frame;
    vg_status status = vg_frame_source_open(&source, &options, error);
    for (bool found = true; status == VG_OK && !ferror(stdout);) {
        status = vg_frame_source_next(source, &frame, &found, error);
        if (status != VG_OK || !found) break;
        answers->dropped = vg_frame_source_dropped(source);
        if (stream->kind == VG_STREAM_PATHS)
            status = answer_path(answers, &frame, error);
        else
            answer_frame(answers, &frame);
    }
    if (source != NULL) {
        answers->dropped = vg_frame_source_dropped(source);
        answers->skipped = vg_frame_source_skipped(source);
    }
    vg_frame_source_close(&source);
    if (status == VG_OK && !vg_cli_interrupted && answers->images == 0 && answers->skipped > 0)
        status = vg_fail(error, VG_EFORMAT,
                         "there is no JPEG in the %" PRIu64 " bytes of standard input, and "
                         "--stream mjpeg takes nothing else",
                         answers->skipped);
    return status;
}
