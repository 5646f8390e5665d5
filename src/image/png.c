/* PNG through libpng's push reader, to the bytes and with the tolerance of Pillow 10
 * (PngImagePlugin.py): the checksums of the image data and what follows the last
 * row do not matter, data that ends before the last row is an error. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/error.h"
#include "image/decoding.h"

enum {
    NAME_BYTES = 4,
    LARGEST_SIDE = 0x7FFFFFFF,
};

typedef struct png_decoder {
    png_structp png;
    png_infop info;
    jmp_buf failed;
    vg_status status; /* after a jump to `failed` */
    int out_of_memory;
    vg_decoding *decoding;
    int last_pass, last_row; /* where the last pixel comes */
    int is_complete;
    vg_error *error;
} png_decoder;

/* --- What libpng calls -------------------------------------------------- */

static void on_error(png_structp png, png_const_charp message)
{
    png_decoder *decoder = png_get_error_ptr(png);
    if (decoder->out_of_memory)
        decoder->status = vg_fail(decoder->error, VG_ENOMEM,
                                  "cannot allocate memory for the PNG: free some and try again");
    else
        decoder->status = vg_fail(decoder->error, VG_EFORMAT, "the PNG %s: %s",
                                  strstr(message, "unhandled critical chunk") != NULL
                                      ? "cannot be read" /* whole */
                                      : "is damaged",
                                  message);
    longjmp(decoder->failed, 1);
}

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp allocate(png_structp png, png_alloc_size_t bytes)
{
    png_decoder *decoder = png_get_mem_ptr(png);
    void *memory = malloc(bytes);
    if (memory == NULL) decoder->out_of_memory = 1;
    return memory;
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

/* Pillow reads 16-bit grey as numbers and clips them to a byte; all other 16-bit
 * samples lose their low byte. */
static void clip_to_bytes(png_structp png, png_row_infop row, png_bytep samples)
{
    (void)png;
    size_t count = (size_t)row->width * row->channels;
    for (size_t i = 0; i < count; i++)
        samples[i] = samples[2 * i] != 0 ? UINT8_MAX : samples[2 * i + 1];
}

/* Asks libpng for 8-bit RGB, whatever the file holds. */
static void set_conversions(png_structp png, int colour_type, int depth)
{
    if (colour_type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (colour_type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (colour_type == PNG_COLOR_TYPE_GRAY && depth == 16) {
        png_set_read_user_transform_fn(png, clip_to_bytes);
        png_set_user_transform_info(png, NULL, 8, 3);
    } else if (depth == 16) {
        png_set_strip_16(png);
    }
    if (!(colour_type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    if (colour_type & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(png);
}

/* Pillow checks the checksums before the image data only, and the data's own. */
static void tolerate_checksums(png_structp png)
{
    png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_set_benign_errors(png, 0);
}

static void set_end(png_decoder *decoder, int is_interlaced)
{
    int width = decoder->decoding->image->width, height = decoder->decoding->image->height;
    decoder->last_pass = 0;
    decoder->last_row = height - 1;
    if (!is_interlaced) return;
    for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++) {
        int rows = PNG_PASS_ROWS(height, pass);
        if (rows == 0 || PNG_PASS_COLS(width, pass) == 0) continue;
        decoder->last_pass = pass;
        decoder->last_row = PNG_ROW_FROM_PASS_ROW(rows - 1, pass);
    }
}

static void on_header(png_structp png, png_infop info)
{
    png_decoder *decoder = png_get_progressive_ptr(png);
    png_uint_32 width, height;
    int depth, colour_type, interlace;
    png_get_IHDR(png, info, &width, &height, &depth, &colour_type, &interlace, NULL, NULL);
    decoder->status = vg_decoding_begin(decoder->decoding, width, height, 0);
    if (decoder->status != VG_OK) longjmp(decoder->failed, 1);

    tolerate_checksums(png);
    set_conversions(png, colour_type, depth);
    png_set_interlace_handling(png);
    set_end(decoder, interlace != PNG_INTERLACE_NONE);
    png_read_update_info(png, info);
}

static void on_row(png_structp png, png_bytep row, png_uint_32 y, int pass)
{
    png_decoder *decoder = png_get_progressive_ptr(png);
    decoder->status =
        vg_decoding_go_on(decoder->decoding, (uint64_t)decoder->decoding->image->width);
    if (decoder->status != VG_OK) longjmp(decoder->failed, 1);
    if (row == NULL) return;
    uint8_t *to = decoder->decoding->image->rgb + (size_t)decoder->decoding->image->width * 3 * y;
    png_progressive_combine_row(png, to, row);
    if (pass == decoder->last_pass && (int)y >= decoder->last_row) decoder->is_complete = 1;
}

/* --- Steps -------------------------------------------------------------- */

/* Chunks that cannot change the pixels of Pillow's convert("RGB") are skipped, tRNS
 * too, so that none can take memory or time. */
static void skip_other_chunks(png_structp png)
{
    static const png_byte names[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0"
                                    "sBIT\0sCAL\0sPLT\0sRGB\0sTER\0tEXt\0tIME\0tRNS\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names,
                                sizeof names / (NAME_BYTES + 1));
}

static vg_status decode(png_decoder *decoder)
{
    if (setjmp(decoder->failed)) return decoder->is_complete ? VG_OK : decoder->status;
    decoder->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, decoder, on_error,
                                            ignore_warning, decoder, allocate, release);
    decoder->info = decoder->png != NULL ? png_create_info_struct(decoder->png) : NULL;
    if (decoder->info == NULL)
        return vg_fail(decoder->error, VG_ENOMEM,
                       "cannot set up libpng: free some memory and try again");

    png_structp png = decoder->png;
    /* The options limit the size, so libpng need not. */
    png_set_user_limits(png, LARGEST_SIDE, LARGEST_SIDE);
    png_set_chunk_malloc_max(png, 0);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
    skip_other_chunks(png);
    png_set_progressive_read_fn(png, decoder, on_header, on_row, NULL);
    png_process_data(png, decoder->info, (png_bytep)(uintptr_t)decoder->decoding->data,
                     decoder->decoding->size);
    if (decoder->is_complete) return VG_OK;
    return vg_decoding_ends_early(decoder->decoding, "PNG");
}

vg_status vg_decode_png(vg_decoding *decoding)
{
    png_decoder decoder = {.decoding = decoding, .error = decoding->error};
    vg_status status = decode(&decoder);
    png_destroy_read_struct(&decoder.png, &decoder.info, NULL);
    if (status != VG_OK || !decoding->options->exif_orient) return status;
    return vg_png_orientation(decoding->data, decoding->size, &decoding->orientation,
                              decoding->error);
}
