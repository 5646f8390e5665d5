/* EXIF orientation: found in a TIFF structure (EXIF 2.32, 4.5), applied to pixels. */
#include <string.h>

#include "base/error.h"
#include "image/image.h"

enum {
    ORIENTATION_TAG = 274,
    UPRIGHT = 1,
    LAST_ORIENTATION = 8,
    HEADER_BYTES = 8,
    ENTRY_BYTES = 12,
    VALUE_OFFSET = 8, /* of an entry: its value, or where that lies */
    VALUE_BYTES = 4,
};

/* --- TIFF --------------------------------------------------------------- */

typedef struct tiff {
    const uint8_t *data;
    size_t size;
    int is_big_endian;
} tiff;

/* A number of `bytes` bytes; -1 where the data ends before it. */
static int64_t number_at(const tiff *file, size_t offset, size_t bytes)
{
    if (offset > file->size || file->size - offset < bytes) return -1;
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        size_t next = file->is_big_endian ? i : bytes - 1 - i;
        value = value << 8 | file->data[offset + next];
    }
    /* Only a LONG8 can be more, and then it is no orientation. */
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* Bytes of one value by type (TIFF 6.0, section 2, and LONG8); 0 is no type. */
static const uint8_t type_bytes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};

static int is_integer(int64_t type)
{
    enum { SHORT = 3, LONG = 4, SBYTE = 6, SSHORT = 8, SLONG = 9, IFD = 13, LONG8 = 16 };
    return type == SHORT || type == LONG || type == SBYTE || type == SSHORT || type == SLONG ||
           type == IFD || type == LONG8;
}

/* Where the values of an entry lie, all `bytes` of them; -1 where that is past the
 * end. */
static int64_t values_offset(const tiff *file, size_t entry, uint64_t bytes)
{
    if (bytes <= VALUE_BYTES) return (int64_t)entry + VALUE_OFFSET;
    int64_t offset = number_at(file, entry + VALUE_OFFSET, VALUE_BYTES);
    if ((uint64_t)offset > file->size || file->size - (uint64_t)offset < bytes) return -1;
    return offset;
}

/* The orientation of the directory, -1 where it has none. As in Pillow, the first entry whose
 * values lie past the end is the last one read. */
static int64_t directory_orientation(const tiff *file, size_t directory)
{
    int64_t orientation = -1;
    int64_t count = number_at(file, directory, 2);
    size_t entry = directory + 2;
    for (int64_t i = 0; i < count; i++, entry += ENTRY_BYTES) {
        if (entry > file->size || file->size - entry < ENTRY_BYTES) break;
        int64_t type = number_at(file, entry + 2, 2);
        size_t unit = type < (int64_t)sizeof type_bytes ? type_bytes[type] : 0;
        uint64_t bytes = (uint64_t)number_at(file, entry + 4, 4) * unit;
        if (bytes == 0) continue;
        int64_t offset = values_offset(file, entry, bytes);
        if (offset < 0) break;
        if (number_at(file, entry, 2) != ORIENTATION_TAG) continue;
        orientation = is_integer(type) ? number_at(file, (size_t)offset, unit) : UPRIGHT;
    }
    return orientation;
}

int vg_exif_find_orientation(const uint8_t *data, size_t size, int *orientation)
{
    static const char prefix[] = "Exif\0"; /* and the terminator, a second zero */
    *orientation = UPRIGHT;
    if (size >= sizeof prefix && memcmp(data, prefix, sizeof prefix) == 0) {
        data += sizeof prefix;
        size -= sizeof prefix;
    }
    if (size < HEADER_BYTES) return 0;
    tiff file = {data, size, data[0] == 'M'};
    /* Pillow takes the 42 in either byte order. */
    int is_tiff = (memcmp(data, "II", 2) == 0 || memcmp(data, "MM", 2) == 0) &&
                  (memcmp(data + 2, "*\0", 2) == 0 || memcmp(data + 2, "\0*", 2) == 0);
    if (!is_tiff) return 0;

    int64_t value = directory_orientation(&file, (size_t)number_at(&file, 4, 4));
    if (value > UPRIGHT && value <= LAST_ORIENTATION) *orientation = (int)value;
    return value >= 0;
}

int vg_exif_orientation(const uint8_t *data, size_t size)
{
    int orientation;
    vg_exif_find_orientation(data, size, &orientation);
    return orientation;
}

/* --- Pixels ------------------------------------------------------------- */

/* Copies the pixels in the order that makes them upright. `step` and `row_step` are
 * bytes from pixel to pixel and row to row of the source. */
static void copy_pixels(uint8_t *to, const uint8_t *from, int width, int height, ptrdiff_t step,
                        ptrdiff_t row_step)
{
    for (int y = 0; y < height; y++, from += row_step) {
        const uint8_t *pixel = from;
        for (int x = 0; x < width; x++, pixel += step, to += 3) memcpy(to, pixel, 3);
    }
}

vg_status vg_image_orient(vg_image *image, int orientation, vg_error *error)
{
    if (orientation <= UPRIGHT || orientation > LAST_ORIENTATION) return VG_OK;
    int mirror_columns =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    int mirror_rows = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int transpose = orientation >= 5;

    vg_image upright = {0};
    vg_status status = vg_image_reserve(&upright, transpose ? image->height : image->width,
                                        transpose ? image->width : image->height, error);
    if (status != VG_OK) return status;

    const uint8_t *first = image->rgb;
    ptrdiff_t column = 3, row = (ptrdiff_t)image->width * 3;
    if (mirror_columns) {
        first += (image->width - 1) * column;
        column = -column;
    }
    if (mirror_rows) {
        first += (image->height - 1) * row;
        row = -row;
    }
    copy_pixels(upright.rgb, first, upright.width, upright.height, transpose ? row : column,
                transpose ? column : row);
    vg_image_close(image);
    *image = upright;
    return VG_OK;
}
