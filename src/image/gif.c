/* The first frame of a GIF through giflib, on its screen, to the bytes of Pillow 10
 * (GifImagePlugin.py). */
#include <stdlib.h>

#include <gif_lib.h>

#include "base/error.h"
#include "image/decoding.h"
#include "image/pixels.h"

enum { TRANSPARENT = 1, MIN_CONTROL_BYTES = 4 };

/* First row and step of the passes of an interlaced image (GIF89a, appendix E). */
static const int passes[][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};

typedef struct gif_decoder {
    vg_decoding *decoding;
    GifFileType *gif;
    size_t offset;
    int transparent; /* the index that the frame leaves clear, or -1 */
    vg_palette palette;
    GifPixelType *row;
} gif_decoder;

static int read_bytes(GifFileType *gif, GifByteType *to, int count)
{
    gif_decoder *decoder = gif->UserData;
    size_t left = decoder->decoding->size - decoder->offset;
    size_t bytes = (size_t)count < left ? (size_t)count : left;
    memcpy(to, decoder->decoding->data + decoder->offset, bytes);
    decoder->offset += bytes;
    return (int)bytes;
}

static vg_status fail(const gif_decoder *decoder, int code)
{
    vg_error *error = decoder->decoding->error;
    switch (code) {
    case D_GIF_ERR_NOT_ENOUGH_MEM:
        return vg_fail(error, VG_ENOMEM,
                       "cannot allocate memory for the GIF: free some and try again");
    case D_GIF_ERR_EOF_TOO_SOON:
    case D_GIF_ERR_READ_FAILED: return vg_decoding_ends_early(decoder->decoding, "GIF");
    default: {
        const char *reason = GifErrorString(code);
        return vg_fail(error, VG_EFORMAT, "the GIF is damaged: %s",
                       reason != NULL ? reason : "no image is in it");
    }
    }
}

/* The last control extension before the frame counts. */
static vg_status read_extension(gif_decoder *decoder)
{
    int code;
    GifByteType *block;
    if (DGifGetExtension(decoder->gif, &code, &block) == GIF_ERROR)
        return fail(decoder, decoder->gif->Error);
    if (code == GRAPHICS_EXT_FUNC_CODE && block != NULL && block[0] >= MIN_CONTROL_BYTES &&
        (block[1] & TRANSPARENT))
        decoder->transparent = block[4];
    while (block != NULL)
        if (DGifGetExtensionNext(decoder->gif, &block) == GIF_ERROR)
            return fail(decoder, decoder->gif->Error);
    return VG_OK;
}

static vg_status find_frame(gif_decoder *decoder)
{
    for (;;) {
        GifRecordType type;
        if (DGifGetRecordType(decoder->gif, &type) == GIF_ERROR)
            return fail(decoder, decoder->gif->Error);
        if (type == TERMINATE_RECORD_TYPE) return fail(decoder, 0);
        if (type == EXTENSION_RECORD_TYPE) {
            vg_status status = read_extension(decoder);
            if (status != VG_OK) return status;
        } else if (type == IMAGE_DESC_RECORD_TYPE) {
            if (DGifGetImageDesc(decoder->gif) == GIF_ERROR)
                return fail(decoder, decoder->gif->Error);
            return VG_OK;
        }
    }
}

/* Whether there are colours, which are more than their own numbers: those are none to Pillow. */
static int take_colours(vg_palette *palette, const ColorMapObject *map)
{
    if (map == NULL) return 0;
    *palette = (vg_palette){0};
    for (int i = 0; i < map->ColorCount && i < 256; i++) {
        const GifColorType *colour = &map->Colors[i];
        memcpy(palette->rgb[i], (uint8_t[]){colour->Red, colour->Green, colour->Blue}, 3);
    }
    return !vg_is_grey_ramp(palette, map->ColorCount);
}

/* The frame's colours, or those of all frames; indices are grey where there are none. */
static void read_palette(gif_decoder *decoder)
{
    vg_palette *palette = &decoder->palette;
    if (!take_colours(palette, decoder->gif->Image.ColorMap) &&
        !take_colours(palette, decoder->gif->SColorMap))
        vg_make_grey_ramp(palette);
}

/* A frame may reach over the screen, which grows. */
static vg_status begin(gif_decoder *decoder)
{
    const GifImageDesc *frame = &decoder->gif->Image;
    int64_t width = decoder->gif->SWidth, height = decoder->gif->SHeight;
    int64_t right = (int64_t)frame->Left + frame->Width, low = (int64_t)frame->Top + frame->Height;
    if (right > width) width = right;
    if (low > height) height = low;
    vg_status status = vg_decoding_begin(decoder->decoding, (uint64_t)width, (uint64_t)height, 0);
    if (status != VG_OK) return status;
    vg_image *image = decoder->decoding->image;
    const uint8_t *clear =
        decoder->palette.rgb[decoder->transparent >= 0 ? decoder->transparent : 0];
    size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < pixels; i++) memcpy(image->rgb + 3 * i, clear, 3);
    return VG_OK;
}

static vg_status read_row(gif_decoder *decoder, int y)
{
    const GifImageDesc *frame = &decoder->gif->Image;
    const vg_image *image = decoder->decoding->image;
    if (DGifGetLine(decoder->gif, decoder->row, frame->Width) == GIF_ERROR)
        return fail(decoder, decoder->gif->Error);
    size_t at = (size_t)(frame->Top + y) * (size_t)image->width + (size_t)frame->Left;
    vg_put_indices(image->rgb + 3 * at, decoder->row, (size_t)frame->Width, &decoder->palette);
    return vg_decoding_go_on(decoder->decoding, (uint64_t)frame->Width);
}

static vg_status read_rows(gif_decoder *decoder)
{
    const GifImageDesc *frame = &decoder->gif->Image;
    vg_status status = VG_OK;
    for (int pass = 0; pass < (frame->Interlace ? 4 : 1); pass++) {
        int first = frame->Interlace ? passes[pass][0] : 0;
        int step = frame->Interlace ? passes[pass][1] : 1;
        for (int y = first; y < frame->Height && status == VG_OK; y += step)
            status = read_row(decoder, y);
    }
    return status;
}

static vg_status decode(gif_decoder *decoder)
{
    vg_status status = find_frame(decoder);
    if (status != VG_OK) return status;
    read_palette(decoder);
    status = begin(decoder);
    if (status != VG_OK) return status;
    size_t width = (size_t)decoder->gif->Image.Width;
    decoder->row = malloc(width > 0 ? width : 1);
    if (decoder->row == NULL) return vg_fail_memory(decoder->decoding->error, width);
    return read_rows(decoder);
}

vg_status vg_decode_gif(vg_decoding *decoding)
{
    gif_decoder decoder = {.decoding = decoding, .transparent = -1};
    int code = 0;
    decoder.gif = DGifOpen(&decoder, read_bytes, &code);
    if (decoder.gif == NULL)
        return fail(&decoder, code == D_GIF_ERR_NO_SCRN_DSCR ? D_GIF_ERR_READ_FAILED : code);
    vg_status status = decode(&decoder);
    free(decoder.row);
    DGifCloseFile(decoder.gif, &code);
    return status;
}
