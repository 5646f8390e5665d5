/* Which decoder an image's first bytes ask for. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "image/budget.h"
#include "image/decoding.h"

enum { TEXT_BYTES = 64 }; /* that tell text from binary data */

/* --- Formats ------------------------------------------------------------ */

typedef struct signature {
    size_t offset, length;
    const char *bytes;
    const char *name;                    /* after "the file is" */
    vg_status (*decode)(vg_decoding *d); /* NULL where it is known and not read */
} signature;

/* A format that is read is a line here, its name, and a file with its decoder. */
static const signature signatures[] = {
    {0, 3, "\xFF\xD8\xFF", "a JPEG image", vg_decode_jpeg},
    {0, 8, "\x89PNG\r\n\x1A\n", "a PNG image", vg_decode_png},
    {0, 4, "GIF8", "a GIF image", NULL},
    {8, 4, "WEBP", "a WebP image", NULL},
    {0, 2, "BM", "a BMP image", NULL},
    {0, 4, "II*\0", "a TIFF image", NULL},
    {0, 4, "MM\0*", "a TIFF image", NULL},
    {4, 8, "ftypavif", "an AVIF image", NULL},
    {4, 6, "ftyphe", "an HEIC image", NULL},
    {0, 8, "\0\0\0\x0CjP  ", "a JPEG 2000 image", NULL},
    {0, 4, "\xFF\x4F\xFF\x51", "a JPEG 2000 image", NULL},
    {0, 4, "%PDF", "a PDF document", NULL},
    {0, 4, "PK\x03\x04", "a ZIP archive", NULL},
    {0, 2, "\x1F\x8B", "a gzip file", NULL},
};

enum { SIGNATURES = sizeof signatures / sizeof signatures[0] };

static const char *const names[] = {"JPEG", "PNG"};

enum { NAMES = sizeof names / sizeof names[0] };

const char *vg_image_format(size_t index)
{
    return index < NAMES ? names[index] : NULL;
}

/* --- First bytes -------------------------------------------------------- */

static const signature *find_signature(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < SIGNATURES; i++) {
        const signature *known = &signatures[i];
        if (size < known->offset || size - known->offset < known->length) continue;
        if (memcmp(data + known->offset, known->bytes, known->length) == 0) return known;
    }
    return NULL;
}

static int is_cut(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < SIGNATURES; i++) {
        const signature *known = &signatures[i];
        if (known->decode != NULL && known->offset == 0 && size < known->length &&
            memcmp(data, known->bytes, size) == 0)
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
    const char *what = "of no known image format";
    if (known != NULL)
        what = known->name;
    else if (is_text(d->data, d->size))
        what = "text, not an image";
    char list[128] = "";
    for (size_t i = 0, used = 0; i < NAMES; i++) {
        const char *joint = i == 0 ? "" : i + 1 == NAMES ? " and " : ", ";
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", joint, names[i]);
    }
    return vg_fail(d->error, VG_EFORMAT, "the file is %s: only %s are supported", what, list);
}

/* --- Decoding ----------------------------------------------------------- */

static vg_status decode(vg_decoding *decoding)
{
    const signature *known = find_signature(decoding->data, decoding->size);
    if (known == NULL || known->decode == NULL) return fail_unread(decoding, known);
    vg_status status = known->decode(decoding);
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
    uint64_t taken;
    vg_status status = vg_image_decode_taking(image, data, size, options, &taken, error);
    /* From here on the pixels are the caller's. */
    if (taken > 0) vg_budget_give(options->budget, taken);
    return status;
}
