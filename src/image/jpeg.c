/* JPEG through libjpeg-turbo, with the settings and the tolerance of Pillow 10
 * (src/libImaging/JpegDecode.c): damaged data is decoded as far as libjpeg can,
 * data that ends before the last row is an error. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/error.h"
#include "image/decoding.h"
#include "image/pixels.h"

enum {
    /* Each scan walks over all blocks of its components, 8 blocks of 64 samples a microsecond
     * at the slowest, though it may have next to no bytes: a small file of many scans could
     * hold a worker for hours. Encoders write ten scans, optimizers up to thirty. */
    MOST_SCANS = 500,
    MOST_BLOCKS = 1 << 26,
    SCANS_OF_ALL = 8, /* times that every block may be walked over in a larger image */
    /* An arithmetic decoder makes blocks of no bytes at all, with up to 3 us of work in each. */
    MOST_ARITHMETIC_BLOCKS = 1 << 21,
    ROWS_AT_ONCE = 8,
};

typedef struct jpeg_decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    vg_status status; /* after a jump to `failed` */
    vg_decoding *decoding;
    int scan;        /* the last one whose blocks are counted */
    uint64_t blocks; /* of all scans so far */
    vg_error *error;
} jpeg_decoder;

/* --- What libjpeg calls ------------------------------------------------- */

static vg_status status_of_code(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY: return VG_ENOMEM;
    case JERR_IMAGE_TOO_BIG: return VG_ELIMIT;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED: return VG_EUNSUPPORTED;
    default: return VG_EFORMAT;
    }
}

static void on_error(j_common_ptr jpeg)
{
    jpeg_decoder *decoder = jpeg->client_data;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    decoder->status = status_of_code(jpeg->err->msg_code);
    switch (decoder->status) {
    case VG_EFORMAT: vg_fail(decoder->error, VG_EFORMAT, "the JPEG is damaged: %s", message); break;
    default: vg_fail(decoder->error, decoder->status, "the JPEG cannot be read: %s", message);
    }
    longjmp(decoder->failed, 1);
}

static void ignore_message(j_common_ptr jpeg)
{
    (void)jpeg;
}

/* Of all components, with those that fill up the last MCU. */
static uint64_t all_blocks(const struct jpeg_decompress_struct *jpeg)
{
    uint64_t blocks = 0;
    for (int i = 0; i < jpeg->num_components; i++) {
        const jpeg_component_info *component = &jpeg->comp_info[i];
        uint64_t width = component->width_in_blocks + (JDIMENSION)component->h_samp_factor - 1;
        uint64_t height = component->height_in_blocks + (JDIMENSION)component->v_samp_factor - 1;
        blocks += width * height;
    }
    return blocks;
}

static uint64_t most_blocks(const struct jpeg_decompress_struct *jpeg)
{
    if (jpeg->arith_code) return MOST_ARITHMETIC_BLOCKS;
    uint64_t blocks = all_blocks(jpeg) * SCANS_OF_ALL;
    return blocks > MOST_BLOCKS ? blocks : MOST_BLOCKS;
}

/* Counts the scan that has just begun. */
static vg_status count_blocks(jpeg_decoder *decoder)
{
    const struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    if (jpeg->input_scan_number == decoder->scan) return VG_OK;
    decoder->scan = jpeg->input_scan_number;
    decoder->blocks +=
        (uint64_t)jpeg->MCUs_per_row * jpeg->MCU_rows_in_scan * (uint64_t)jpeg->blocks_in_MCU;
    if (decoder->scan > MOST_SCANS)
        return vg_fail(decoder->error, VG_ELIMIT, "the JPEG has more than %d scans: save it again",
                       MOST_SCANS);
    uint64_t most = most_blocks(jpeg);
    if (decoder->blocks <= most) return VG_OK;
    return vg_fail(decoder->error, VG_ELIMIT,
                   "the %sJPEG has %" PRIu64 " blocks or more in its scans, the limit is %" PRIu64
                   ": save it again as a baseline JPEG",
                   jpeg->arith_code ? "arithmetic-coded " : "", decoder->blocks, most);
}

/* libjpeg calls it for each row of MCUs of a scan, and for each call for rows. */
static void on_progress(j_common_ptr jpeg)
{
    jpeg_decoder *decoder = jpeg->client_data;
    decoder->status = count_blocks(decoder);
    uint64_t pixels = (uint64_t)decoder->jpeg.image_width * ROWS_AT_ONCE;
    if (decoder->status == VG_OK) decoder->status = vg_decoding_go_on(decoder->decoding, pixels);
    if (decoder->status != VG_OK) longjmp(decoder->failed, 1);
}

static void ignore_source(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

/* All the data is in the buffer from the start. Suspending at its end, not making
 * up an end marker, tells a file that ends early from one that is damaged. */
static boolean suspend_at_end(j_decompress_ptr jpeg)
{
    (void)jpeg;
    return FALSE;
}

static void skip_bytes(j_decompress_ptr jpeg, long count)
{
    struct jpeg_source_mgr *source = jpeg->src;
    if (count <= 0) return;
    size_t skipped = (size_t)count;
    if (skipped > source->bytes_in_buffer) skipped = source->bytes_in_buffer;
    source->next_input_byte += skipped;
    source->bytes_in_buffer -= skipped;
}

/* --- Steps -------------------------------------------------------------- */

static vg_status ends_early(const jpeg_decoder *decoder)
{
    return vg_decoding_ends_early(decoder->decoding, "JPEG");
}

static void start(jpeg_decoder *decoder)
{
    jpeg_create_decompress(&decoder->jpeg);
    decoder->source = (struct jpeg_source_mgr){.next_input_byte = decoder->decoding->data,
                                               .bytes_in_buffer = decoder->decoding->size,
                                               .init_source = ignore_source,
                                               .fill_input_buffer = suspend_at_end,
                                               .skip_input_data = skip_bytes,
                                               .resync_to_restart = jpeg_resync_to_restart,
                                               .term_source = ignore_source};
    decoder->jpeg.src = &decoder->source;
    decoder->progress.progress_monitor = on_progress;
    decoder->jpeg.progress = &decoder->progress;
}

/* What libjpeg allocates: the coefficients of all blocks where they come in several scans. */
static uint64_t coefficient_bytes(struct jpeg_decompress_struct *jpeg)
{
    return jpeg_has_multiple_scans(jpeg) ? all_blocks(jpeg) * sizeof(JBLOCK) : 0;
}

static vg_status read_header(jpeg_decoder *decoder)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    int found;
    do {
        found = jpeg_read_header(jpeg, FALSE);
    } while (found == JPEG_HEADER_TABLES_ONLY);
    if (found == JPEG_SUSPENDED) return ends_early(decoder);

    switch (jpeg->num_components) {
    case 1:
    case 3: jpeg->out_color_space = JCS_RGB; break;
    case 4: jpeg->out_color_space = JCS_CMYK; break;
    default:
        return vg_fail(decoder->error, VG_EUNSUPPORTED,
                       "the JPEG has %d colour components: only 1, 3 and 4 are supported",
                       jpeg->num_components);
    }
    return vg_decoding_begin(decoder->decoding, jpeg->image_width, jpeg->image_height,
                             coefficient_bytes(&decoder->jpeg));
}

static vg_status read_rgb_rows(jpeg_decoder *decoder)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    size_t row_bytes = (size_t)jpeg->output_width * 3;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW rows[ROWS_AT_ONCE];
        JDIMENSION count = jpeg->output_height - jpeg->output_scanline;
        if (count > ROWS_AT_ONCE) count = ROWS_AT_ONCE;
        for (JDIMENSION i = 0; i < count; i++)
            rows[i] = decoder->decoding->image->rgb + (jpeg->output_scanline + i) * row_bytes;
        if (jpeg_read_scanlines(jpeg, rows, count) == 0) return ends_early(decoder);
    }
    return VG_OK;
}

/* Pillow takes every CMYK JPEG as inverted, as Adobe writes them. */
static void cmyk_to_rgb(uint8_t *rgb, const JSAMPLE *inverted, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, inverted += 4, rgb += 3) {
        unsigned white = inverted[3];
        for (int channel = 0; channel < 3; channel++)
            rgb[channel] = (uint8_t)(white - vg_scale_byte(255U - inverted[channel], white));
    }
}

static vg_status read_cmyk_rows(jpeg_decoder *decoder)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    JSAMPARRAY row =
        jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    uint8_t *rgb = decoder->decoding->image->rgb;
    for (; jpeg->output_scanline < jpeg->output_height; rgb += (size_t)jpeg->output_width * 3) {
        if (jpeg_read_scanlines(jpeg, row, 1) == 0) return ends_early(decoder);
        cmyk_to_rgb(rgb, row[0], jpeg->output_width);
    }
    return VG_OK;
}

/* Whatever way this ends, the decompressor is the caller's to destroy. */
static vg_status decode(jpeg_decoder *decoder)
{
    if (setjmp(decoder->failed)) return decoder->status;
    start(decoder);
    vg_status status = read_header(decoder);
    if (status != VG_OK) return status;
    if (!jpeg_start_decompress(&decoder->jpeg)) return ends_early(decoder);
    if (decoder->jpeg.out_color_space == JCS_CMYK)
        status = read_cmyk_rows(decoder);
    else
        status = read_rgb_rows(decoder);
    if (status != VG_OK) return status;
    /* Reads on to the end marker, which may be missing; damage there is an error to
     * Pillow too. */
    jpeg_finish_decompress(&decoder->jpeg);
    return VG_OK;
}

vg_status vg_decode_jpeg(vg_decoding *decoding)
{
    jpeg_decoder decoder = {.decoding = decoding, .error = decoding->error};
    decoder.jpeg.err = jpeg_std_error(&decoder.errors);
    decoder.jpeg.client_data = &decoder;
    decoder.errors.error_exit = on_error;
    decoder.errors.output_message = ignore_message;

    vg_status status = decode(&decoder);
    jpeg_destroy_decompress(&decoder.jpeg);
    if (status != VG_OK || !decoding->options->exif_orient) return status;
    return vg_jpeg_orientation(decoding->data, decoding->size, &decoding->orientation,
                               decoding->error);
}
