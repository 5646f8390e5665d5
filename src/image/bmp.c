/* Windows and OS/2 bitmaps to the bytes of Pillow 10 (BmpImagePlugin.py), whose choice of
 * layouts this follows. No library in use reads them. */
#include <stdlib.h>

#include "base/error.h"
#include "image/decoding.h"
#include "image/pixels.h"

enum {
    FILE_HEADER = 14,
    CORE_HEADER = 12, /* of OS/2: sizes of two bytes, colours of three */
    INFO_HEADER = 40,
    V2_HEADER = 52,
    V3_HEADER = 56,
    RAW = 0,
    RLE8 = 1,
    RLE4 = 2,
    BITFIELDS = 3,
    MAX_COLOURS = 65536,
};

/* Where red, green and blue are in a pixel of bytes, or in one of 16 bits. */
typedef struct layout {
    int bits;
    uint32_t masks[4]; /* red, green, blue, alpha */
    int at[3];
} layout;

static const layout layouts[] = {
    {32, {0xFF0000, 0xFF00, 0xFF, 0}, {2, 1, 0}},
    {32, {0xFF000000, 0xFF0000, 0xFF00, 0}, {3, 2, 1}},
    {32, {0xFF000000, 0xFF00, 0xFF, 0}, {3, 1, 0}},
    {32, {0xFF000000, 0xFF0000, 0xFF00, 0xFF}, {3, 2, 1}},
    {32, {0xFF, 0xFF00, 0xFF0000, 0xFF000000}, {0, 1, 2}},
    {32, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}, {2, 1, 0}},
    {32, {0xFF000000, 0xFF00, 0xFF, 0xFF0000}, {3, 1, 0}},
    {32, {0, 0, 0, 0}, {2, 1, 0}},
    {24, {0xFF0000, 0xFF00, 0xFF, 0}, {2, 1, 0}},
    {16, {0xF800, 0x7E0, 0x1F, 0}, {11, 5, 0}},
    {16, {0x7C00, 0x3E0, 0x1F, 0}, {10, 5, 0}},
};

enum { RGB565 = 9, RGB555 = 10, LAYOUTS = sizeof layouts / sizeof layouts[0] };

typedef struct bmp {
    vg_decoding *decoding;
    const uint8_t *data;
    size_t size, offset; /* of what is read next */
    uint32_t header, width, height, compression, colours, pixels_at;
    int bits, is_top_down;
    int sample_bits;      /* a pixel's in the file: fewer than `bits` where the palette is grey */
    const layout *layout; /* NULL where there is a palette */
    vg_palette palette;
} bmp;

static vg_status ends_early(const bmp *file)
{
    return vg_decoding_ends_early(file->decoding, "BMP");
}

static vg_status is_unsupported(const bmp *file, const char *what, uint32_t value)
{
    return vg_fail(file->decoding->error, VG_EUNSUPPORTED,
                   "the BMP has %s %u, which is not supported: save it again as a PNG", what,
                   (unsigned)value);
}

/* --- Header ------------------------------------------------------------- */

static int is_known_header(uint32_t size)
{
    return size == CORE_HEADER || size == INFO_HEADER || size == V2_HEADER || size == V3_HEADER ||
           size == 64 || size == 108 || size == 124;
}

static vg_status read_sizes(bmp *file)
{
    const uint8_t *header = file->data + FILE_HEADER;
    file->pixels_at = vg_le32(file->data + 10);
    file->header = vg_le32(header);
    if (!is_known_header(file->header)) return is_unsupported(file, "a header of", file->header);
    if (file->size - FILE_HEADER < file->header) return ends_early(file);
    file->offset = FILE_HEADER + file->header;
    if (file->header == CORE_HEADER) {
        file->width = vg_le16(header + 4);
        file->height = vg_le16(header + 6);
        file->bits = vg_le16(header + 10);
        return VG_OK;
    }
    file->width = vg_le32(header + 4);
    file->height = vg_le32(header + 8);
    file->is_top_down = header[11] == 0xFF;
    if (file->is_top_down) file->height = 0U - file->height;
    file->bits = vg_le16(header + 14);
    file->compression = vg_le32(header + 16);
    file->colours = vg_le32(header + 32);
    return VG_OK;
}

static const layout *find_layout(int bits, const uint32_t masks[4])
{
    size_t size = bits == 32 ? 4 : 3;
    for (int i = 0; i < LAYOUTS; i++)
        if (layouts[i].bits == bits && memcmp(layouts[i].masks, masks, size * sizeof *masks) == 0)
            return &layouts[i];
    return NULL;
}

/* A header of 40 bytes has the masks behind it, longer ones have them in it. */
static vg_status read_masks(bmp *file)
{
    uint32_t masks[4] = {0};
    size_t at = FILE_HEADER + INFO_HEADER;
    int count = file->header >= V3_HEADER ? 4 : 3;
    if (file->header < V2_HEADER) {
        if (file->size - file->offset < 12) return ends_early(file);
        file->offset += 12;
    }
    for (int i = 0; i < count; i++) masks[i] = vg_le32(file->data + at + 4 * (size_t)i);
    file->layout = find_layout(file->bits, masks);
    return file->layout != NULL ? VG_OK : is_unsupported(file, "masks for", (uint32_t)file->bits);
}

static vg_status choose_layout(bmp *file)
{
    switch (file->bits) {
    case 1:
    case 4:
    case 8: break;
    case 16: file->layout = &layouts[RGB555]; break;
    case 24:
    case 32: file->layout = find_layout(file->bits, layouts[file->bits == 32 ? 0 : 8].masks); break;
    default: return is_unsupported(file, "pixels of bits:", (uint32_t)file->bits);
    }
    switch (file->compression) {
    case RAW: return VG_OK;
    case BITFIELDS:
        if (file->header == CORE_HEADER) break;
        return read_masks(file);
    case RLE8:
    case RLE4:
        if (file->layout == NULL) return VG_OK;
    }
    return is_unsupported(file, "compression", file->compression);
}

static vg_status read_palette(bmp *file)
{
    size_t entry = file->header == CORE_HEADER ? 3 : 4;
    if (file->colours > MAX_COLOURS) return is_unsupported(file, "colours:", file->colours);
    size_t have = (file->size - file->offset) / entry;
    int is_grey = have >= file->colours;
    for (size_t i = 0; i < file->colours && i < have; i++) {
        const uint8_t *bgr = file->data + file->offset + entry * i;
        size_t grey = file->colours == 2 ? i * 255 : i;
        for (int c = 0; c < 3; c++) {
            if (bgr[c] != (uint8_t)grey) is_grey = 0;
            if (i < 256) file->palette.rgb[i][c] = bgr[2 - c];
        }
    }
    file->offset += (have < file->colours ? have : file->colours) * entry;
    if (!is_grey && file->colours > 256) return is_unsupported(file, "colours:", file->colours);
    file->sample_bits = file->bits;
    if (!is_grey) return VG_OK;
    /* Pillow reads such a file as grey of 1 or 8 bits, whatever it has. */
    file->sample_bits = file->colours == 2 ? 1 : 8;
    vg_make_grey_ramp(&file->palette);
    if (file->sample_bits == 1) vg_put_grey(file->palette.rgb[1], UINT8_MAX);
    return VG_OK;
}

static vg_status read_header(bmp *file)
{
    if (file->size < FILE_HEADER + CORE_HEADER) return ends_early(file);
    vg_status status = read_sizes(file);
    if (status == VG_OK) status = choose_layout(file);
    if (status != VG_OK) return status;
    if (file->colours == 0) file->colours = file->bits < 32 ? 1U << file->bits : 0;
    int is_behind_header = file->pixels_at == FILE_HEADER + file->header;
    if (file->layout == NULL) status = read_palette(file);
    if (file->layout == NULL && is_behind_header) file->pixels_at += 4 * file->colours;
    if (file->pixels_at != 0) file->offset = file->pixels_at;
    if (file->offset > file->size) file->offset = file->size;
    return status;
}

/* --- Rows --------------------------------------------------------------- */

static uint8_t *row_of(const bmp *file, uint32_t y)
{
    size_t row = file->is_top_down ? y : file->height - 1 - y;
    return file->decoding->image->rgb + row * file->width * 3;
}

static void put_16_bits(uint8_t *rgb, const uint8_t *from, const layout *as)
{
    unsigned pixel = vg_le16(from);
    for (int c = 0; c < 3; c++) {
        unsigned most = as->masks[c] >> as->at[c];
        rgb[c] = (uint8_t)((pixel >> as->at[c] & most) * 255 / most);
    }
}

static void put_row(const bmp *file, uint8_t *rgb, const uint8_t *from)
{
    const layout *as = file->layout;
    unsigned bits = (unsigned)file->sample_bits;
    for (size_t x = 0; x < file->width; x++, rgb += 3) {
        if (as == NULL) {
            size_t bit = x * bits;
            unsigned index = ((unsigned)from[bit / 8] >> (8 - bits - bit % 8)) & ((1U << bits) - 1);
            memcpy(rgb, file->palette.rgb[index], 3);
        } else if (as->bits == 16) {
            put_16_bits(rgb, from + 2 * x, as);
        } else {
            const uint8_t *pixel = from + (size_t)as->bits / 8 * x;
            for (int c = 0; c < 3; c++) rgb[c] = pixel[as->at[c]];
        }
    }
}

static vg_status read_raw(bmp *file)
{
    size_t stride = ((size_t)file->width * (size_t)file->bits + 31) / 32 * 4;
    size_t sample_bits = (size_t)(file->layout != NULL ? file->bits : file->sample_bits);
    size_t bytes = (file->width * sample_bits + 7) / 8;
    if (bytes > stride) return is_unsupported(file, "a grey palette for", (uint32_t)file->bits);
    vg_status status = VG_OK;
    for (uint32_t y = 0; status == VG_OK && y < file->height; y++) {
        /* The last row needs no padding. */
        if (file->offset > file->size || file->size - file->offset < bytes) return ends_early(file);
        put_row(file, row_of(file, y), file->data + file->offset);
        file->offset += stride;
        status = vg_decoding_go_on(file->decoding, file->width);
    }
    return status;
}

/* --- Runs --------------------------------------------------------------- */

/* Pixels as a stream of indices, which wraps from row to row as in Pillow. */
typedef struct run_writer {
    bmp *file;
    uint64_t written, total;
    vg_status status;
} run_writer;

static void put_index(run_writer *to, unsigned index)
{
    if (to->written >= to->total) return;
    uint32_t width = to->file->width;
    uint32_t x = (uint32_t)(to->written % width), y = (uint32_t)(to->written / width);
    memcpy(row_of(to->file, y) + 3 * (size_t)x, to->file->palette.rgb[index], 3);
    to->written++;
    if (x == 0) to->status = vg_decoding_go_on(to->file->decoding, width);
}

static void put_run(run_writer *to, uint64_t count, unsigned first, unsigned second)
{
    for (uint64_t i = 0; i < count && to->written < to->total && to->status == VG_OK; i++)
        put_index(to, i % 2 == 0 ? first : second);
}

static int next_byte(bmp *file)
{
    return file->offset < file->size ? file->data[file->offset++] : -1;
}

/* Indices as they are; returns whether all were there. */
static int put_literally(run_writer *to, int count, int is_rle4)
{
    bmp *file = to->file;
    int bytes = is_rle4 ? count / 2 : count;
    for (int i = 0; i < bytes; i++) {
        int byte = next_byte(file);
        if (byte < 0) return 0;
        if (is_rle4) put_index(to, (unsigned)byte >> 4);
        put_index(to, is_rle4 ? (unsigned)byte & 0xF : (unsigned)byte);
    }
    file->offset += file->offset % 2; /* to 16 bits, of the whole file as in Pillow */
    return 1;
}

/* A jump to the right and up, over pixels that become 0. Pillow takes the two bytes behind
 * the jump's own. */
static int put_delta(run_writer *to)
{
    if (next_byte(to->file) < 0 || next_byte(to->file) < 0) return 0;
    int right = next_byte(to->file), up = next_byte(to->file);
    if (up < 0) return 0;
    put_run(to, (uint64_t)right + (uint64_t)up * to->file->width, 0, 0);
    return 1;
}

static vg_status read_runs(bmp *file)
{
    int is_rle4 = file->compression == RLE4;
    run_writer to = {file, 0, (uint64_t)file->width * file->height, VG_OK};
    /* Pillow keeps its own count of the column, which a literal may leave past the row. */
    uint64_t x = 0;
    while (to.written < to.total && to.status == VG_OK) {
        int count = next_byte(file), byte = next_byte(file);
        if (byte < 0) break;
        if (count > 0) {
            uint64_t left = file->width > x ? file->width - x : 0;
            uint64_t run = (uint64_t)count < left ? (uint64_t)count : left;
            put_run(&to, run, (unsigned)byte >> (is_rle4 ? 4 : 0),
                    (unsigned)byte & (is_rle4 ? 0xF : 0xFF));
            x += run;
        } else if (byte == 0) {
            if (to.written % file->width != 0)
                put_run(&to, file->width - to.written % file->width, 0, 0);
            x = 0;
        } else if (byte == 1) {
            break;
        } else if (byte == 2) {
            if (!put_delta(&to)) break;
            x = to.written % file->width;
        } else {
            if (!put_literally(&to, byte, is_rle4)) break;
            x += (uint64_t)byte;
        }
    }
    if (to.status != VG_OK) return to.status;
    return to.written == to.total ? VG_OK : ends_early(file);
}

vg_status vg_decode_bmp(vg_decoding *decoding)
{
    bmp file = {.decoding = decoding, .data = decoding->data, .size = decoding->size};
    vg_status status = read_header(&file);
    if (status == VG_OK) status = vg_decoding_begin(decoding, file.width, file.height, 0);
    if (status != VG_OK) return status;
    int is_in_runs = file.compression == RLE8 || file.compression == RLE4;
    return is_in_runs ? read_runs(&file) : read_raw(&file);
}
