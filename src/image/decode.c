/* Which decoder an image's first bytes ask for. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/contract.h"
#include "base/error.h"
#include "image/budget.h"
#include "image/decoding.h"

enum { TEXT_BYTES = 64 }; /* that tell text from binary data */

/* --- Formats ------------------------------------------------------------ */

#ifdef VG_READS_WEBP
#define WEBP vg_decode_webp
#else
#define WEBP NULL
#endif
#ifdef VG_READS_GIF
#define GIF vg_decode_gif
#else
#define GIF NULL
#endif
#ifdef VG_READS_TIFF
#define TIFF vg_decode_tiff
#else
#define TIFF NULL
#endif
#ifdef VG_READS_HEIF
#define HEIF vg_decode_heif
#else
#define HEIF NULL
#endif

typedef vg_status decode_fn(vg_decoding *decoding);

/* A format that is read has its name here, and a file with its decoder. */
static const struct {
    const char *name;
    decode_fn *decode; /* NULL where it is known and not read */
} formats[] = {
    {"JPEG", vg_decode_jpeg}, {"PNG", vg_decode_png}, {"WebP", WEBP},         {"GIF", GIF},
    {"BMP", vg_decode_bmp},   {"TIFF", TIFF},         {"PNM", vg_decode_pnm}, {"HEIC", HEIF},
    {"AVIF", HEIF},
};

enum { FORMATS = sizeof formats / sizeof formats[0] };

/* First bytes, and what they are said to be: `name` begins a name above, or is of something
 * that is not read. */
typedef struct signature {
    size_t offset, length;
    const char *bytes;
    const char *name;
} signature;

static const signature signatures[] = {
    {0, 3, "\xFF\xD8\xFF", "JPEG"},
    {0, 8, "\x89PNG\r\n\x1A\n", "PNG"},
    {8, 4, "WEBP", "WebP"},
    {0, 6, "GIF87a", "GIF"},
    {0, 6, "GIF89a", "GIF"},
    {0, 2, "BM", "BMP"},
    {0, 4, "II*\0", "TIFF"},
    {0, 4, "MM\0*", "TIFF"},
    {0, 2, "P1", "PNM"},
    {0, 2, "P2", "PNM"},
    {0, 2, "P3", "PNM"},
    {0, 2, "P4", "PNM"},
    {0, 2, "P5", "PNM"},
    {0, 2, "P6", "PNM"},
    {0, 2, "Pf", "PNM"},
    {4, 8, "ftypavif", "AVIF"},
    {4, 8, "ftypheic", "HEIC"},
    {4, 8, "ftypheix", "HEIC"},
    {4, 8, "ftypheim", "HEIC"},
    {4, 8, "ftypheis", "HEIC"},
    {4, 8, "ftypmif1", "a HEIF image of a brand beside HEIC and AVIF (mif1)"},
    {4, 8, "ftypmsf1", "a HEIF sequence (msf1)"},
    {4, 8, "ftypavis", "an AVIF sequence (avis)"},
    {4, 8, "ftyphevc", "an HEIC sequence (hevc)"},
    {4, 8, "ftyphevx", "an HEIC sequence (hevx)"},
    {0, 2, "\xFF\x0A", "a JPEG XL image"},
    {0, 12, "\0\0\0\x0CJXL \r\n\x87\n", "a JPEG XL image"},
    {0, 8, "\0\0\0\x0CjP  ", "a JPEG 2000 image"},
    {0, 4, "\xFF\x4F\xFF\x51", "a JPEG 2000 image"},
    {0, 4, "II+\0", "a BigTIFF image"},
    {0, 4, "MM\0+", "a BigTIFF image"},
    {0, 4, "\0\0\1\0", "an ICO image"},
    {0, 4, "8BPS", "a PSD image"},
    {0, 3, "P7\n", "a PAM image"},
    {0, 4, "\0\5\x16\7", "an AppleDouble file, what macOS keeps beside another"},
    {0, 4, "%PDF", "a PDF document"},
    {0, 4, "PK\x03\x04", "a ZIP archive"},
    {0, 2, "\x1F\x8B", "a gzip file"},
};

enum { SIGNATURES = sizeof signatures / sizeof signatures[0] };

const char *vg_image_format(size_t index)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (formats[i].decode != NULL && index-- == 0) return formats[i].name;
    return NULL;
}

static decode_fn *decoder_of(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0) return formats[i].decode;
    return NULL;
}

/* --- First bytes -------------------------------------------------------- */

/* mif1 says how a file is built; what codec it needs, HEIC's or AVIF's, stands among the brands
 * behind, which fill the rest of the box (ISO/IEC 14496-12, 4.3). NULL for neither. */
static const signature *find_compatible_brand(const uint8_t *data, size_t size)
{
    enum { BRANDS = 16, BRAND = 4 };
    if (size < BRANDS) return NULL;
    size_t box = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    size_t end = box < size ? box : size;
    for (size_t at = BRANDS; at + BRAND <= end; at += BRAND)
        for (size_t i = 0; i < SIGNATURES; i++) {
            const signature *brand = &signatures[i];
            bool is_read = strcmp(brand->name, "HEIC") == 0 || strcmp(brand->name, "AVIF") == 0;
            if (is_read && memcmp(data + at, brand->bytes + BRAND, BRAND) == 0) return brand;
        }
    return NULL;
}

static const signature *find_signature(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < SIGNATURES; i++) {
        const signature *known = &signatures[i];
        if (size < known->offset || size - known->offset < known->length) continue;
        if (memcmp(data + known->offset, known->bytes, known->length) != 0) continue;
        const signature *brand =
            strcmp(known->bytes, "ftypmif1") == 0 ? find_compatible_brand(data, size) : NULL;
        return brand != NULL ? brand : known;
    }
    return NULL;
}

int vg_image_orientation(const void *data, size_t size)
{
    int orientation = 1;
    const signature *known = data != NULL ? find_signature(data, size) : NULL;
    if (known == NULL) return 1;
    if (strcmp(known->name, "JPEG") == 0 &&
        vg_jpeg_orientation(data, size, &orientation, NULL) == VG_OK)
        return orientation;
    if (strcmp(known->name, "PNG") == 0 &&
        vg_png_orientation(data, size, &orientation, NULL) == VG_OK)
        return orientation;
#ifdef VG_READS_WEBP
    if (strcmp(known->name, "WebP") == 0) return vg_webp_orientation(data, size);
#endif
    return 1;
}

static int is_cut(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < SIGNATURES; i++) {
        const signature *known = &signatures[i];
        if (known->offset == 0 && size < known->length && memcmp(data, known->bytes, size) == 0 &&
            decoder_of(known->name) != NULL)
            return 1;
    }
    return 0;
}

static int is_text(const uint8_t *data, size_t size)
{
    size_t n = size < TEXT_BYTES ? size : TEXT_BYTES;
    for (size_t i = 0; i < n; i++)
        if (!isprint(data[i]) && !isspace(data[i]) && data[i] < 0x80) return 0;
    return 1;
}

static vg_status fail_unread(const vg_decoding *d, const signature *known)
{
    if (d->size == 0)
        return vg_fail(d->error, VG_EFORMAT, "the file is empty: get a complete copy");
    if (is_cut(d->data, d->size))
        return vg_fail(d->error, VG_EFORMAT,
                       "the file ends within its first bytes (%zu): get a complete copy", d->size);
    char list[128] = "";
    size_t used = 0;
    const char *name;
    for (size_t i = 0; (name = vg_image_format(i)) != NULL; i++) {
        const char *joint = i == 0 ? "" : vg_image_format(i + 1) == NULL ? " and " : ", ";
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", joint, name);
    }
    const char *what = "of no known image format";
    if (known != NULL)
        what = known->name;
    else if (is_text(d->data, d->size))
        what = "text, not an image";
    return vg_fail(d->error, VG_EFORMAT, "the file is %s: only %s are supported", what, list);
}

/* --- Decoding ----------------------------------------------------------- */

static vg_status decode(vg_decoding *decoding)
{
    const signature *known = find_signature(decoding->data, decoding->size);
    decode_fn *decode_format = known != NULL ? decoder_of(known->name) : NULL;
    if (decode_format == NULL) return fail_unread(decoding, known);
    decoding->format = known->name;
    vg_status status = decode_format(decoding);
    if (status != VG_OK) return status;
    return vg_image_orient(decoding->image, decoding->orientation, decoding->error);
}

void vg_image_give_back(vg_image *image, const vg_image_options *options, uint64_t taken)
{
    if (taken == 0) return;
    vg_image_close(image);
    vg_budget_give(options->budget, taken);
}

vg_status vg_image_decode_taking(vg_image *image, const void *data, size_t size,
                                 const vg_image_options *options, uint64_t *taken, vg_error *error)
{
    vg_decoding decoding = {.data = data,
                            .size = size,
                            .options = options,
                            .image = image,
                            .orientation = 1,
                            .watch = vg_watch_start(options),
                            .error = error};
    vg_status status = decode(&decoding);
    *taken = decoding.taken;
    if (status == VG_OK) return VG_OK;
    /* Half an image must not pass for one. */
    image->width = image->height = 0;
    vg_image_give_back(image, options, *taken);
    *taken = 0;
    return status;
}

vg_status vg_image_decode(vg_image *image, const void *data, size_t size,
                          const vg_image_options *options, vg_error *error)
{
    if (image == NULL || (data == NULL && size > 0))
        return vg_fail(error, VG_EINVAL, "vg_image_decode: image and data are needed");
    vg_image_options defaults;
    if (options == NULL) {
        vg_image_options_default(&defaults);
        options = &defaults;
    }
    vg_status status =
        vg_check_reserved(options->reserved, VG_RESERVED_OF(options), "vg_image_options", error);
    if (status != VG_OK) return status;
    uint64_t taken;
    status = vg_image_decode_taking(image, data, size, options, &taken, error);
    /* From here on the pixels are the caller's. */
    if (taken > 0) vg_budget_give(options->budget, taken);
    return status;
}
