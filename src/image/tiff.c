/* The first image of a TIFF through libtiff, to the bytes of Pillow 10 (TiffImagePlugin.py,
 * src/libImaging/TiffDecode.c): which kinds of samples are read is its table, too. Pillow
 * turns a TIFF as its orientation says whenever it loads one, so that is not left to the
 * option. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <tiffio.h>

#include "base/error.h"
#include "image/decoding.h"
#include "image/pixels.h"

enum { BYTES_OF_RGBA = 4, MOST_SAMPLES = 6, ASSOCIATED_ALPHA = 1, UNASSOCIATED_ALPHA = 2 };

typedef enum kind {
    GREY,    /* of 1 to 8 bits */
    CLIPPED, /* grey of 12, 16 or 32 bits, or floats */
    PALETTE, /* of 1 to 8 bits */
    COLOUR,  /* red, green and blue of 8 or 16 bits, then samples that do not matter */
    PREMULTIPLIED,
    CMYK,
    CONVERTED, /* YCbCr, by libtiff */
} kind;

typedef struct tiff_decoder {
    vg_decoding *decoding;
    TIFF *tiff;
    uint64_t offset; /* of what is read next */
    char reason[128];
    uint32_t width, height;
    uint16_t photometric, compression, bits, samples, format, planar;
    uint16_t first_extra; /* what the first extra sample is, where there are any */
    int extras, is_big_endian;
    kind kind;
    vg_palette palette;
    uint8_t *buffer;
} tiff_decoder;

/* --- What libtiff calls ------------------------------------------------- */

static tmsize_t read_bytes(thandle_t context, void *to, tmsize_t count)
{
    tiff_decoder *decoder = context;
    uint64_t size = decoder->decoding->size;
    uint64_t left = decoder->offset < size ? size - decoder->offset : 0;
    uint64_t bytes = (uint64_t)count < left ? (uint64_t)count : left;
    memcpy(to, decoder->decoding->data + (size - left), (size_t)bytes);
    decoder->offset += bytes;
    return (tmsize_t)bytes;
}

static tmsize_t write_bytes(thandle_t context, void *from, tmsize_t count)
{
    (void)context;
    (void)from;
    (void)count;
    return -1;
}

static toff_t seek(thandle_t context, toff_t offset, int whence)
{
    tiff_decoder *decoder = context;
    if (whence == SEEK_CUR) offset += decoder->offset;
    if (whence == SEEK_END) offset += decoder->decoding->size;
    return decoder->offset = offset;
}

static int close_nothing(thandle_t context)
{
    (void)context;
    return 0;
}

static toff_t size_of(thandle_t context)
{
    return ((tiff_decoder *)context)->decoding->size;
}

static int map(thandle_t context, void **base, toff_t *size)
{
    const vg_decoding *decoding = ((tiff_decoder *)context)->decoding;
    *base = (void *)(uintptr_t)decoding->data;
    *size = decoding->size;
    return 1;
}

static void unmap(thandle_t context, void *base, toff_t size)
{
    (void)context;
    (void)base;
    (void)size;
}

/* The first error is the reason. */
__attribute__((format(printf, 4, 0))) static int
on_error(TIFF *tiff, void *context, const char *module, const char *format, va_list arguments)
{
    tiff_decoder *decoder = context;
    (void)tiff;
    (void)module;
    if (decoder->reason[0] == '\0')
        vsnprintf(decoder->reason, sizeof decoder->reason, format, arguments);
    return 1;
}

static int ignore_warning(TIFF *tiff, void *context, const char *module, const char *format,
                          va_list arguments)
{
    (void)tiff;
    (void)context;
    (void)module;
    (void)format;
    (void)arguments;
    return 1;
}

/* --- Header ------------------------------------------------------------- */

static vg_status is_damaged(const tiff_decoder *decoder)
{
    return vg_fail(decoder->decoding->error, VG_EFORMAT, "the TIFF is damaged: %s",
                   decoder->reason[0] != '\0' ? decoder->reason : "it holds no image");
}

static vg_status is_unsupported(const tiff_decoder *d)
{
    return vg_fail(d->decoding->error, VG_EUNSUPPORTED,
                   "the TIFF has samples that are not supported (%u of %u bits, format %u, "
                   "photometric %u, compression %u): save it again as a PNG",
                   d->samples, d->bits, d->format, d->photometric, d->compression);
}

static vg_status open_tiff(tiff_decoder *decoder)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (options == NULL) return vg_fail_memory(decoder->decoding->error, sizeof(void *));
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, decoder);
    TIFFOpenOptionsSetWarningHandlerExtR(options, ignore_warning, NULL);
    /* Directories and the raw data of strips: more than the file has, no sound one asks for. */
    size_t most = 4 * decoder->decoding->size + VG_LARGE_BYTES;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)most);
    decoder->tiff = TIFFClientOpenExt("TIFF", "rC", decoder, read_bytes, write_bytes, seek,
                                      close_nothing, size_of, map, unmap, options);
    TIFFOpenOptionsFree(options);
    return decoder->tiff != NULL ? VG_OK : is_damaged(decoder);
}

static void read_tags(tiff_decoder *d)
{
    uint16_t extras = 0, *types = NULL;
    TIFFGetField(d->tiff, TIFFTAG_IMAGEWIDTH, &d->width);
    TIFFGetField(d->tiff, TIFFTAG_IMAGELENGTH, &d->height);
    TIFFGetField(d->tiff, TIFFTAG_PHOTOMETRIC, &d->photometric);
    TIFFGetFieldDefaulted(d->tiff, TIFFTAG_COMPRESSION, &d->compression);
    TIFFGetFieldDefaulted(d->tiff, TIFFTAG_BITSPERSAMPLE, &d->bits);
    TIFFGetFieldDefaulted(d->tiff, TIFFTAG_SAMPLESPERPIXEL, &d->samples);
    TIFFGetFieldDefaulted(d->tiff, TIFFTAG_SAMPLEFORMAT, &d->format);
    TIFFGetFieldDefaulted(d->tiff, TIFFTAG_PLANARCONFIG, &d->planar);
    if (TIFFGetField(d->tiff, TIFFTAG_EXTRASAMPLES, &extras, &types) && extras > 0)
        d->first_extra = types[0];
    d->extras = extras;
    d->is_big_endian = TIFFIsBigEndian(d->tiff);
}

static int is_known_compression(uint16_t compression)
{
    static const uint16_t known[] = {1,     2,     3,     4,     5,     6,     7,     8,    32771,
                                     32773, 32809, 32946, 34676, 34677, 34925, 50000, 50001};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == compression) return 1;
    return 0;
}

static int is_small(uint16_t bits)
{
    return bits == 1 || bits == 2 || bits == 4 || bits == 8;
}

/* One sample: of a byte or less it is scaled to a byte, of more it is clipped. */
static int choose_grey(tiff_decoder *d)
{
    int is_black_zero = d->photometric == PHOTOMETRIC_MINISBLACK;
    if (d->samples == 2)
        return d->bits == 8 && is_black_zero && d->format == SAMPLEFORMAT_UINT &&
               d->first_extra == UNASSOCIATED_ALPHA;
    if (d->samples != 1 || d->extras != 0) return 0;
    if (is_small(d->bits) && d->format == SAMPLEFORMAT_UINT) return 1;
    if (d->bits == 8) return is_black_zero && d->format == SAMPLEFORMAT_INT;
    d->kind = CLIPPED;
    switch (d->format) {
    case SAMPLEFORMAT_UINT:
        if (d->bits == 16) return is_black_zero || !d->is_big_endian;
        return (d->bits == 12 || d->bits == 32) && is_black_zero && !d->is_big_endian;
    case SAMPLEFORMAT_INT: return (d->bits == 16 || d->bits == 32) && is_black_zero;
    case SAMPLEFORMAT_IEEEFP: return d->bits == 32;
    default: return 0;
    }
}

static int choose_palette(tiff_decoder *d)
{
    uint16_t *red, *green, *blue;
    int is_sound = d->samples == 1 ? is_small(d->bits) && d->extras == 0
                                   : d->samples == 2 && d->bits == 8 && d->extras == 1;
    if (!is_sound || !TIFFGetField(d->tiff, TIFFTAG_COLORMAP, &red, &green, &blue)) return 0;
    d->kind = PALETTE;
    for (int i = 0; i < 1 << d->bits; i++) {
        d->palette.rgb[i][0] = (uint8_t)(red[i] >> 8);
        d->palette.rgb[i][1] = (uint8_t)(green[i] >> 8);
        d->palette.rgb[i][2] = (uint8_t)(blue[i] >> 8);
    }
    return 1;
}

static int choose_colour(tiff_decoder *d)
{
    d->kind = COLOUR;
    if (d->bits != 8 && d->bits != 16) return 0;
    if (d->samples < 3 || d->samples > (d->bits == 8 ? MOST_SAMPLES : 4)) return 0;
    if (d->samples > 3 && d->extras > 0 && d->first_extra == ASSOCIATED_ALPHA)
        d->kind = PREMULTIPLIED;
    return 1;
}

static int choose_cmyk(tiff_decoder *d)
{
    d->kind = CMYK;
    if (d->bits == 16) return d->samples == 4 && !d->is_big_endian;
    return d->bits == 8 && d->samples >= 4 && d->samples <= MOST_SAMPLES;
}

/* YCbCr in one plane of a JPEG is libjpeg's to convert. */
static int choose_ycc(tiff_decoder *d)
{
    d->kind = COLOUR;
    if (d->compression != COMPRESSION_JPEG || d->planar != PLANARCONFIG_CONTIG)
        d->kind = CONVERTED;
    else
        TIFFSetField(d->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    return d->samples == 3 && d->bits == 8;
}

static vg_status choose_kind(tiff_decoder *d)
{
    int is_supported = 0, is_unsigned = d->format == SAMPLEFORMAT_UINT;
    if (!is_known_compression(d->compression)) return is_unsupported(d);
    if (d->compression == COMPRESSION_OJPEG) d->photometric = PHOTOMETRIC_YCBCR;
    switch (d->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK: is_supported = choose_grey(d); break;
    case PHOTOMETRIC_RGB: is_supported = is_unsigned && choose_colour(d); break;
    case PHOTOMETRIC_PALETTE: is_supported = is_unsigned && choose_palette(d); break;
    case PHOTOMETRIC_SEPARATED: is_supported = is_unsigned && choose_cmyk(d); break;
    case PHOTOMETRIC_YCBCR: is_supported = is_unsigned && choose_ycc(d);
    }
    /* Of the planes of a file, those that stay the same samples are put where they belong. */
    if (d->planar != PLANARCONFIG_CONTIG && d->samples > 1 &&
        (d->kind == PREMULTIPLIED || d->kind == CMYK))
        is_supported = 0;
    return is_supported ? VG_OK : is_unsupported(d);
}

/* --- Samples ------------------------------------------------------------ */

static unsigned clip_sample(const tiff_decoder *d, const uint8_t *row, size_t x)
{
    if (d->bits == 12) {
        const uint8_t *pair = row + x / 2 * 3;
        int value = x % 2 == 0 ? pair[0] << 4 | pair[1] >> 4 : (pair[1] & 0xF) << 8 | pair[2];
        return vg_clip_to_byte(value);
    }
    if (d->bits == 16) {
        uint16_t value;
        memcpy(&value, row + 2 * x, sizeof value);
        return vg_clip_to_byte(d->format == SAMPLEFORMAT_INT ? (int16_t)value : value);
    }
    uint32_t bits;
    memcpy(&bits, row + 4 * x, sizeof bits);
    if (d->format != SAMPLEFORMAT_IEEEFP) return vg_clip_to_byte((int32_t)bits);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value > 0 ? value < UINT8_MAX ? (unsigned)value : UINT8_MAX : 0;
}

/* A byte of each sample: Pillow keeps the high one of two. */
static unsigned byte_at(const tiff_decoder *d, const uint8_t *row, size_t sample)
{
    if (d->bits == 8) return row[sample];
    uint16_t value;
    memcpy(&value, row + 2 * sample, sizeof value);
    return value >> 8;
}

static unsigned small_at(const tiff_decoder *d, const uint8_t *row, size_t sample)
{
    size_t bit = sample * d->bits;
    return ((unsigned)row[bit / 8] >> (8U - d->bits - bit % 8)) & ((1U << d->bits) - 1);
}

static void put_colour(const tiff_decoder *d, uint8_t *rgb, const uint8_t *row, size_t first)
{
    unsigned alpha = d->kind == PREMULTIPLIED ? byte_at(d, row, first + 3) : UINT8_MAX;
    for (size_t c = 0; c < 3; c++) {
        unsigned value = byte_at(d, row, first + c);
        if (alpha == 0)
            value = 0;
        else if (alpha < UINT8_MAX)
            value = vg_clip_to_byte(value * UINT8_MAX / alpha);
        rgb[c] = (uint8_t)value;
    }
}

static void put_pixels(const tiff_decoder *d, uint8_t *rgb, const uint8_t *row, size_t count,
                       size_t samples)
{
    unsigned most = d->bits <= 8 ? (1U << d->bits) - 1 : UINT8_MAX;
    int is_inverted = d->photometric == PHOTOMETRIC_MINISWHITE;
    for (size_t x = 0; x < count; x++, rgb += 3) {
        switch (d->kind) {
        case GREY: {
            unsigned value = small_at(d, row, x * samples) * (UINT8_MAX / most);
            vg_put_grey(rgb, is_inverted ? UINT8_MAX - value : value);
            break;
        }
        case CLIPPED: vg_put_grey(rgb, clip_sample(d, row, x)); break;
        case PALETTE: memcpy(rgb, d->palette.rgb[small_at(d, row, x * samples)], 3); break;
        case CMYK: {
            uint8_t cmyk[4];
            for (size_t c = 0; c < 4; c++) cmyk[c] = (uint8_t)byte_at(d, row, x * samples + c);
            vg_put_cmyk(rgb, cmyk);
            break;
        }
        default: put_colour(d, rgb, row, x * samples);
        }
    }
}

/* A row of a plane; colour in planes of its own comes one by one. */
static void put_row(const tiff_decoder *d, size_t x, size_t y, const uint8_t *row, size_t count,
                    unsigned plane)
{
    uint8_t *rgb = d->decoding->image->rgb + (y * d->width + x) * 3;
    if (d->planar == PLANARCONFIG_CONTIG || d->samples == 1)
        put_pixels(d, rgb, row, count, d->samples);
    else if (d->kind != COLOUR)
        put_pixels(d, rgb, row, count, 1);
    else
        for (size_t i = 0; i < count; i++) rgb[3 * i + plane] = (uint8_t)byte_at(d, row, i);
}

/* Of the planes those that matter. */
static unsigned planes_of(const tiff_decoder *d)
{
    return d->planar != PLANARCONFIG_CONTIG && d->kind == COLOUR ? 3 : 1;
}

/* --- Rows and tiles ------------------------------------------------------ */

static vg_status allocate(tiff_decoder *d, uint64_t bytes)
{
    d->buffer = malloc((size_t)bytes);
    return d->buffer != NULL ? VG_OK : vg_fail_memory(d->decoding->error, (size_t)bytes);
}

/* What a row of so many pixels takes at least: libtiff must think the same. */
static uint64_t bytes_of_row(const tiff_decoder *d, uint64_t pixels)
{
    uint64_t samples = d->planar == PLANARCONFIG_CONTIG ? d->samples : 1;
    return (pixels * samples * d->bits + 7) / 8;
}

static vg_status read_rows(tiff_decoder *d)
{
    uint64_t bytes = (uint64_t)TIFFScanlineSize64(d->tiff);
    if (bytes < bytes_of_row(d, d->width)) return is_damaged(d);
    vg_status status = allocate(d, bytes);
    for (unsigned plane = 0; plane < planes_of(d); plane++)
        for (uint32_t y = 0; status == VG_OK && y < d->height; y++) {
            if (TIFFReadScanline(d->tiff, d->buffer, y, (uint16_t)plane) < 0) return is_damaged(d);
            put_row(d, 0, y, d->buffer, d->width, plane);
            status = vg_decoding_go_on(d->decoding, d->width);
        }
    return status;
}

typedef struct tiles {
    uint32_t width, height;
    uint64_t bytes, row_bytes;
} tiles;

static vg_status measure_tiles(tiff_decoder *d, tiles *sizes)
{
    *sizes = (tiles){0};
    TIFFGetField(d->tiff, TIFFTAG_TILEWIDTH, &sizes->width);
    TIFFGetField(d->tiff, TIFFTAG_TILELENGTH, &sizes->height);
    sizes->bytes = TIFFTileSize64(d->tiff);
    sizes->row_bytes = TIFFTileRowSize64(d->tiff);
    if (sizes->width == 0 || sizes->height == 0 || sizes->bytes == 0 ||
        sizes->row_bytes < bytes_of_row(d, sizes->width) ||
        sizes->bytes / sizes->height < sizes->row_bytes)
        return is_damaged(d);
    return VG_OK;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static vg_status read_tile(tiff_decoder *d, const tiles *sizes, uint32_t x, uint32_t y,
                           unsigned plane)
{
    if (TIFFReadTile(d->tiff, d->buffer, x, y, 0, (uint16_t)plane) < 0) return is_damaged(d);
    uint32_t columns = smaller(sizes->width, d->width - x);
    uint32_t rows = smaller(sizes->height, d->height - y);
    for (uint32_t row = 0; row < rows; row++)
        put_row(d, x, y + row, d->buffer + row * sizes->row_bytes, columns, plane);
    return vg_decoding_go_on(d->decoding, (uint64_t)sizes->width * sizes->height);
}

static vg_status read_tiles(tiff_decoder *d, const tiles *sizes)
{
    vg_status status = allocate(d, sizes->bytes);
    for (unsigned plane = 0; plane < planes_of(d); plane++)
        for (uint64_t y = 0; y < d->height; y += sizes->height)
            for (uint64_t x = 0; x < d->width && status == VG_OK; x += sizes->width)
                status = read_tile(d, sizes, (uint32_t)x, (uint32_t)y, plane);
    return status;
}

/* Rows of a strip or of a row of tiles, which libtiff converts at once. */
static uint32_t rows_at_once(const tiff_decoder *d)
{
    uint32_t rows = 0;
    int tag = TIFFIsTiled(d->tiff) ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP;
    int is_there = TIFFGetFieldDefaulted(d->tiff, (uint32_t)tag, &rows);
    return is_there && rows > 0 && rows < d->height ? rows : d->height;
}

static vg_status convert_rows(tiff_decoder *d, TIFFRGBAImage *source)
{
    uint32_t step = rows_at_once(d);
    vg_status status = allocate(d, (uint64_t)d->width * step * BYTES_OF_RGBA);
    for (uint64_t y = 0; y < d->height && status == VG_OK; y += step) {
        uint32_t rows = smaller(step, d->height - (uint32_t)y);
        source->row_offset = (int)y;
        if (!TIFFRGBAImageGet(source, (uint32_t *)(void *)d->buffer, d->width, rows))
            return is_damaged(d);
        uint8_t *rgb = d->decoding->image->rgb + y * d->width * 3;
        for (size_t i = 0; i < (size_t)d->width * rows; i++)
            memcpy(rgb + 3 * i, d->buffer + BYTES_OF_RGBA * i, 3);
        status = vg_decoding_go_on(d->decoding, (uint64_t)d->width * rows);
    }
    return status;
}

static vg_status convert(tiff_decoder *d)
{
    TIFFRGBAImage source;
    char reason[1024] = "";
    if (!TIFFRGBAImageOK(d->tiff, reason) || !TIFFRGBAImageBegin(&source, d->tiff, 0, reason)) {
        snprintf(d->reason, sizeof d->reason, "%.*s", (int)sizeof d->reason - 1, reason);
        return is_damaged(d);
    }
    source.req_orientation = ORIENTATION_TOPLEFT;
    source.col_offset = 0;
    vg_status status = convert_rows(d, &source);
    TIFFRGBAImageEnd(&source);
    return status;
}

/* --- The whole ----------------------------------------------------------- */

static vg_status decode(tiff_decoder *d)
{
    read_tags(d);
    vg_status status = choose_kind(d);
    if (status != VG_OK) return status;
    tiles sizes = {0};
    int is_tiled = TIFFIsTiled(d->tiff);
    if (is_tiled) status = measure_tiles(d, &sizes);
    if (status != VG_OK) return status;
    /* A tile may be larger than the image. libtiff's conversion holds a strip twice. */
    uint64_t working = is_tiled ? sizes.bytes : 0;
    if (d->kind == CONVERTED) working += (uint64_t)d->width * rows_at_once(d) * 2 * BYTES_OF_RGBA;
    status = vg_decoding_begin(d->decoding, d->width, d->height, working);
    if (status != VG_OK) return status;
    if (d->kind == CONVERTED) return convert(d);
    return is_tiled ? read_tiles(d, &sizes) : read_rows(d);
}

vg_status vg_decode_tiff(vg_decoding *decoding)
{
    tiff_decoder decoder = {.decoding = decoding};
    vg_status status = open_tiff(&decoder);
    if (status != VG_OK) return status;
    status = decode(&decoder);
    free(decoder.buffer);
    TIFFClose(decoder.tiff);
    decoding->orientation = vg_exif_orientation(decoding->data, decoding->size);
    return status;
}
