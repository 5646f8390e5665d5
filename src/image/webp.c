/* WebP through libwebp, the first frame of an animation on its canvas, as Pillow 10 has it
 * (WebPImagePlugin.py over WebPAnimDecoder). */
#include <stdlib.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "base/error.h"
#include "image/decoding.h"

enum {
    BYTES_AT_ONCE = 1 << 14,
    /* A lossless image is decoded as 4 bytes a pixel beside the output; of a lossy one with
     * alpha, the alpha is. */
    WORKING_BYTES = 4,
    PIXELS_OF_A_BLOCK = 1 << 17, /* what a step may be worth, for the clock */
};

static vg_status fail(const vg_decoding *decoding, VP8StatusCode code)
{
    vg_error *error = decoding->error;
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return vg_fail(error, VG_ENOMEM,
                       "cannot allocate memory for the WebP: free some and try again");
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: return vg_decoding_ends_early(decoding, "WebP");
    default: return vg_fail(error, VG_EFORMAT, "the WebP is damaged: its data cannot be decoded");
    }
}

/* The image data of a frame, a piece at a time, to where it lies on the canvas. */
static vg_status decode_frame(vg_decoding *decoding, const WebPIterator *frame)
{
    const vg_image *image = decoding->image;
    size_t stride = (size_t)image->width * VG_RGB_CHANNELS;
    size_t first = (size_t)frame->y_offset * stride + (size_t)frame->x_offset * VG_RGB_CHANNELS;
    size_t room = stride * (size_t)image->height - first;
    WebPIDecoder *decoder = WebPINewRGB(MODE_RGB, image->rgb + first, room, (int)stride);
    if (decoder == NULL) return fail(decoding, VP8_STATUS_OUT_OF_MEMORY);
    VP8StatusCode code = VP8_STATUS_SUSPENDED;
    vg_status status = VG_OK;
    for (size_t have = 0; code == VP8_STATUS_SUSPENDED && have < frame->fragment.size;) {
        size_t left = frame->fragment.size - have;
        have += left < BYTES_AT_ONCE ? left : BYTES_AT_ONCE;
        code = WebPIUpdate(decoder, frame->fragment.bytes, have);
        status = vg_decoding_go_on(decoding, PIXELS_OF_A_BLOCK);
        if (status != VG_OK) break;
    }
    WebPIDelete(decoder);
    if (status != VG_OK) return status;
    return code == VP8_STATUS_OK ? VG_OK : fail(decoding, code);
}

static int find_orientation(const WebPDemuxer *demuxer)
{
    WebPChunkIterator chunk;
    if (!WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) return 1;
    int orientation = vg_exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

int vg_webp_orientation(const uint8_t *data, size_t size)
{
    const WebPData source = {.bytes = data, .size = size};
    WebPDemuxer *demuxer = WebPDemux(&source);
    if (demuxer == NULL) return 1;
    int orientation = find_orientation(demuxer);
    WebPDemuxDelete(demuxer);
    return orientation;
}

static vg_status decode(vg_decoding *decoding, const WebPDemuxer *demuxer)
{
    uint64_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH);
    uint64_t height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    WebPIterator frame;
    if (!WebPDemuxGetFrame(demuxer, 1, &frame)) return fail(decoding, VP8_STATUS_BITSTREAM_ERROR);
    vg_status status = vg_decoding_begin(decoding, width, height, width * height * WORKING_BYTES);
    if (status == VG_OK) {
        /* What the frame leaves of the canvas is clear, which is black. */
        memset(decoding->image->rgb, 0, (size_t)(width * height) * VG_RGB_CHANNELS);
        status = decode_frame(decoding, &frame);
    }
    WebPDemuxReleaseIterator(&frame);
    if (decoding->options->exif_orient) decoding->orientation = find_orientation(demuxer);
    return status;
}

vg_status vg_decode_webp(vg_decoding *decoding)
{
    const WebPData file = {decoding->data, decoding->size};
    WebPDemuxState state;
    WebPDemuxer *demuxer = WebPDemuxPartial(&file, &state);
    if (demuxer == NULL || state != WEBP_DEMUX_DONE) {
        WebPDemuxDelete(demuxer);
        return fail(decoding, state == WEBP_DEMUX_PARSE_ERROR ? VP8_STATUS_BITSTREAM_ERROR
                                                              : VP8_STATUS_NOT_ENOUGH_DATA);
    }
    vg_status status = decode(decoding, demuxer);
    WebPDemuxDelete(demuxer);
    return status;
}
